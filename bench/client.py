"""A client of `/predict`, `/stream` and `/result` that costs next to nothing: plain sockets, one a request."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_LINE = "\r\n"
_BOUNDARY = "wheatstone-bench"


@dataclass(frozen=True, slots=True)
class Told:
    """A status, as it arrived.

    Attributes:
        status: the word.
        at_s: when its line was read, `time.time()`, to be compared with the server's times.
    """

    status: str
    at_s: float


class Client:
    """Speaks to one server; any number of requests may run at once."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = str(address.hostname), int(address.port or 80)

    async def submit(self, photo: bytes) -> str:
        """The id of a new task, once it is accepted."""
        head = [
            f"--{_BOUNDARY}",
            'Content-Disposition: form-data; name="file"; filename="photo.jpg"',
            "Content-Type: image/jpeg",
        ]
        body = f"{_LINE.join(head)}{_LINE * 2}".encode() + photo + f"{_LINE}--{_BOUNDARY}--{_LINE}".encode()
        answer = await self._answer("POST", "/predict", body)
        task_id: str = json.loads(answer)["task_id"]
        return task_id

    async def follow(self, task_id: str) -> AsyncIterator[Told]:
        """Each status that the task's stream tells, until it ends; servers send an event in one chunk."""
        reader, writer = await self._request("GET", f"/stream/{task_id}")
        try:
            while line := await reader.readline():
                if line.startswith(b"data: "):
                    yield Told(json.loads(line[6:])["status"], time.time())
        finally:
            writer.close()

    async def finish(self, task_id: str) -> list[Told]:
        """All that the stream of a task tells, which must end well."""
        told = [it async for it in self.follow(task_id)]
        if told[-1].status != "completed":
            raise SystemExit(f"a task ended with {told[-1].status!r}")
        return told

    async def get(self, path: str) -> bytes:
        """The body that the server answers."""
        return await self._answer("GET", path)

    async def json(self, path: str) -> dict[str, Any]:
        """The object that the server answers."""
        found: dict[str, Any] = json.loads(await self.get(path))
        return found

    async def cancel(self, task_id: str) -> None:
        """End a task early."""
        await self._answer("POST", f"/v1/jobs/{task_id}/cancel")

    async def _answer(self, method: str, path: str, body: bytes = b"") -> bytes:
        reader, writer = await self._request(method, path, body)
        head, _, content = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
            raise SystemExit(f"{method} {path}: {head!r} {content!r}")
        return content

    async def _request(
        self, method: str, path: str, body: bytes = b""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        head = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
            "Connection: close",
            f"Content-Length: {len(body)}",
            f"Content-Type: multipart/form-data; boundary={_BOUNDARY}",
        ]
        writer.writelines([f"{_LINE.join(head)}{_LINE * 2}".encode(), body])
        await writer.drain()
        return reader, writer
