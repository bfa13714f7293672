"""The two ways to wait for a network: with a thread, or with an event loop.

All else in this package is written once, as coroutines that wait only through a transport. A blocking one never
gives way to another task, so that `run` can drive such a coroutine to its end without a loop.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Protocol, TypeVar

import anyio.to_thread
import httpx2

T = TypeVar("T")


class Transport(Protocol):
    """What waits."""

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Make a request; gives the answer with its body unread."""

    async def upload(self, request: httpx2.Request) -> httpx2.Response:
        """Make a request with a large body; gives the answer, read, even if it comes before all is sent."""

    async def read(self, response: httpx2.Response) -> None:
        """Read the body of an answer into it."""

    def chunks(self, response: httpx2.Response) -> AsyncGenerator[bytes, None]:
        """The body of an answer as it arrives."""

    async def close(self, response: httpx2.Response) -> None:
        """End an answer, read or not."""

    async def apart(self, work: Callable[[], T]) -> T:
        """Call what keeps the disk busy for a while."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    async def end(self) -> None:
        """Close all connections."""


class BlockingTransport:
    """Blocks the calling thread; may be used by several."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._http = httpx2.Client(trust_env=False, verify=tls or True)

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Make a request; gives the answer with its body unread."""
        return self._http.send(request, stream=True)

    async def upload(self, request: httpx2.Request) -> httpx2.Response:
        """Make a request with a large body; gives the answer, read, even if it comes before all is sent."""
        return self._http.send(request)

    async def read(self, response: httpx2.Response) -> None:
        """Read the body of an answer into it."""
        response.read()

    async def chunks(self, response: httpx2.Response) -> AsyncGenerator[bytes, None]:
        """The body of an answer as it arrives."""
        for chunk in response.iter_raw():
            yield chunk

    async def close(self, response: httpx2.Response) -> None:
        """End an answer, read or not."""
        response.close()

    async def apart(self, work: Callable[[], T]) -> T:
        """Call what keeps the disk busy for a while."""
        return work()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    async def end(self) -> None:
        """Close all connections."""
        self._http.close()


class WaitingTransport:
    """Lets other tasks of the event loop (asyncio or trio) go on."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        tls = tls or httpx2.create_ssl_context(trust_env=False)
        self._http = httpx2.AsyncClient(trust_env=False, verify=tls)
        self._uploads = httpx2.Client(trust_env=False, verify=tls)

    async def send(self, request: httpx2.Request) -> httpx2.Response:
        """Make a request; gives the answer with its body unread."""
        return await self._http.send(request, stream=True)

    async def upload(self, request: httpx2.Request) -> httpx2.Response:
        """Make a request with a large body; gives the answer, read, even if it comes before all is sent.

        A thread does it: files are read without stopping the loop, and the answer of a server that refuses a body
        and hangs up is still there to be read, which asyncio throws away.
        """
        return await anyio.to_thread.run_sync(self._uploads.send, request, abandon_on_cancel=True)

    async def read(self, response: httpx2.Response) -> None:
        """Read the body of an answer into it."""
        await response.aread()

    async def chunks(self, response: httpx2.Response) -> AsyncGenerator[bytes, None]:
        """The body of an answer as it arrives."""
        async for chunk in response.aiter_raw():
            yield chunk

    async def close(self, response: httpx2.Response) -> None:
        """End an answer, read or not."""
        await response.aclose()

    async def apart(self, work: Callable[[], T]) -> T:
        """Call what keeps the disk busy for a while."""
        return await anyio.to_thread.run_sync(work)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)

    async def end(self) -> None:
        """Close all connections."""
        self._uploads.close()
        await self._http.aclose()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits through a blocking transport only."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    coroutine.close()
    raise RuntimeError("A blocking client waited for an event loop.")
