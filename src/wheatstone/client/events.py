"""Server-sent events from bytes, however they are cut."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wheatstone.errors import BadAnswerError

_LINE_END = re.compile(rb"\r\n|\r|\n")
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of a stream.

    Attributes:
        kind: what follows `event:`.
        data: the lines that follow `data:`.
        id: what follows `id:` in this very event; None if nothing does.
    """

    kind: str
    data: str
    id: str | None


class EventParser:
    """Takes the bytes of a stream, gives its events; what is cut off in the middle gives none."""

    def __init__(self) -> None:
        self._rest = b""
        self._after_cr = False
        self._fields: list[tuple[str, str]] = []

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that end in this piece of the stream; comments and empty pieces give none.

        Raises:
            BadAnswerError: a line has no end.
        """
        if not chunk:
            return []
        if self._after_cr:
            chunk = chunk.removeprefix(b"\n")  # the other half of a line's end
        self._after_cr = chunk.endswith(b"\r")
        *lines, self._rest = _LINE_END.split(self._rest + chunk)
        if len(self._rest) > _MAX_BYTES:
            raise BadAnswerError(f"The server sends an event of more than {_MAX_BYTES} bytes.")
        return [event for line in lines if (event := self._line(line.decode(errors="replace")))]

    def _line(self, line: str) -> ServerEvent | None:
        if line:
            name, _, value = line.partition(":")
            self._fields.append((name, value.removeprefix(" ")))
            return None
        data = [value for name, value in self._fields if name == "data"]
        last = dict(self._fields)
        self._fields = []
        return ServerEvent(last.get("event") or "message", "\n".join(data), last.get("id")) if data else None
