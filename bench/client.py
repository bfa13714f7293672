"""A client of jobs, streams and results that costs next to nothing: plain sockets, one a request."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
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
        task_id: whose status it is; empty where the stream does not say.
    """

    status: str
    at_s: float
    task_id: str = ""


class Client:
    """Speaks to one server; any number of requests may run at once.

    Attributes:
        url: its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        address = urlsplit(url)
        self._host, self._port = str(address.hostname), int(address.port or 80)

    async def submit(self, photo: bytes) -> str:
        """The id of a new task, once it is accepted."""
        task_id: str = (await self.post("/predict", [photo]))["task_id"]
        return task_id

    async def post(self, path: str, photos: Sequence[bytes], headers: Mapping[str, str] | None = None) -> Any:
        """The object that the server answers to a form with photos."""
        head = [
            f"--{_BOUNDARY}",
            'Content-Disposition: form-data; name="file"; filename="photo.jpg"',
            "Content-Type: image/jpeg",
        ]
        part = f"{_LINE.join(head)}{_LINE * 2}".encode()
        parts = [piece for photo in photos for piece in (part, photo, _LINE.encode())]
        return json.loads(
            await self._answer("POST", path, b"".join([*parts, f"--{_BOUNDARY}--{_LINE}".encode()]), headers)
        )

    async def follow(self, path: str) -> AsyncIterator[Told]:
        """Each status that a stream tells, until it ends; servers send an event in one chunk."""
        reader, writer = await self._request("GET", path)
        try:
            while line := await reader.readline():
                if line.startswith(b"data: "):
                    at_s, data = time.time(), json.loads(line[6:])
                    yield Told(data["status"], at_s, data.get("job_id", ""))
        finally:
            writer.close()

    async def finish(self, task_id: str) -> list[Told]:
        """All that the stream of a task tells, which must end well."""
        told = [it async for it in self.follow(f"/stream/{task_id}")]
        if not told or told[-1].status != "completed":
            raise SystemExit(f"a task ended with {told}")
        return told

    async def get(self, path: str) -> bytes:
        """The body that the server answers."""
        return await self._answer("GET", path)

    async def json(self, path: str) -> dict[str, Any]:
        """The object that the server answers."""
        found: dict[str, Any] = json.loads(await self.get(path))
        return found

    async def _answer(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> bytes:
        reader, writer = await self._request(method, path, body, headers)
        head, _, content = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
            raise SystemExit(f"{method} {path}: {head!r} {content!r}")
        return content

    async def _request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        head = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self._host}:{self._port}",
            "Connection: close",
            f"Content-Length: {len(body)}",
            f"Content-Type: multipart/form-data; boundary={_BOUNDARY}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        writer.writelines([f"{_LINE.join(head)}{_LINE * 2}".encode(), body])
        await writer.drain()
        return reader, writer
