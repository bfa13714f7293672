"""The two ways to wait for a WebSocket: with a thread, or with asyncio; as `transports`, for HTTP."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection as WaitingConnection
from websockets.asyncio.client import connect as connect_waiting
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection as BlockingConnection
from websockets.sync.client import connect as connect_blocking

from wheatstone.errors import BadAnswerError
from wheatstone.version import VERSION

_MAX_MESSAGE_BYTES = 1 << 30
_CLOSE_S = 1.0
"""How long a server may take to say goodbye."""
_LEAST_S = 0.001
"""A socket with a time-out of zero would not wait for anything."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to call.

    Attributes:
        url: `ws://` or `wss://`.
        headers: of the first request.
        timeout_s: how long that may take, in seconds.
        tls: whom to trust; None for the usual authorities.
    """

    url: str
    headers: Mapping[str, str]
    timeout_s: float
    tls: ssl.SSLContext | None

    @property
    def options(self) -> dict[str, Any]:
        """For the library."""
        options: dict[str, Any] = {
            "additional_headers": dict(self.headers),
            "user_agent_header": f"wheatstone/{VERSION}",
            "compression": None,
            "proxy": None,
            "open_timeout": self.timeout_s,
            "close_timeout": _CLOSE_S,
            "max_size": _MAX_MESSAGE_BYTES,
        }
        if self.url.startswith("wss:") and self.tls is not None:
            options["ssl"] = self.tls
        return options


class Socket(Protocol):
    """A connection that is opened, used, closed, and opened again.

    Raises everywhere what websockets does: OSError, TimeoutError, `InvalidHandshake`, `ConnectionClosed`.
    """

    @property
    def is_open(self) -> bool:
        """Whether it was opened and not closed since, by us."""

    async def open(self, target: Target) -> None:
        """Connect."""

    async def send(self, data: bytes, timeout_s: float) -> None:
        """Send a binary message; who does not read it in time cannot be talked to any more."""

    async def receive(self, timeout_s: float) -> str | bytes:
        """The next message."""

    async def close(self) -> None:
        """Hang up."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


def _staying(error: InvalidStatus) -> InvalidStatus | BadAnswerError:
    """What is to be made of a refusal: a redirect is not followed, as key and photo are for this server only."""
    target = error.response.headers.get("Location")
    return (
        error if target is None else BadAnswerError(f"The server has moved: give the client the address {target}.")
    )


class _BlockingConnection(BlockingConnection):
    def handshake(self, *arguments: Any, **options: Any) -> None:
        try:
            super().handshake(*arguments, **options)
        except InvalidStatus as error:
            raise _staying(error) from None


class _WaitingConnection(WaitingConnection):
    async def handshake(self, *arguments: Any, **options: Any) -> None:
        try:
            await super().handshake(*arguments, **options)
        except InvalidStatus as error:
            raise _staying(error) from None


class BlockingSocket:
    """Blocks the calling thread."""

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._connection: BlockingConnection | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was opened and not closed since, by us."""
        return self._connection is not None

    async def open(self, target: Target) -> None:
        """Connect."""
        self._connection = self._resources.enter_context(
            connect_blocking(target.url, create_connection=_BlockingConnection, **target.options)
        )

    async def send(self, data: bytes, timeout_s: float) -> None:
        """Send a binary message; who does not read it in time cannot be talked to any more."""
        connection = self._opened()
        connection.socket.settimeout(max(timeout_s, _LEAST_S))
        try:
            connection.send(data)
        except ConnectionClosed as closed:
            if isinstance(closed.__cause__, TimeoutError):
                raise closed.__cause__ from None
            raise
        connection.socket.settimeout(None)

    async def receive(self, timeout_s: float) -> str | bytes:
        """The next message."""
        return self._opened().recv(timeout_s)

    async def close(self) -> None:
        """Hang up."""
        self._connection = None
        self._resources.close()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def _opened(self) -> BlockingConnection:
        if self._connection is None:
            raise RuntimeError("not connected")
        return self._connection


class WaitingSocket:
    """Lets other tasks of the event loop go on."""

    def __init__(self) -> None:
        self._resources = AsyncExitStack()
        self._connection: WaitingConnection | None = None

    @property
    def is_open(self) -> bool:
        """Whether it was opened and not closed since, by us."""
        return self._connection is not None

    async def open(self, target: Target) -> None:
        """Connect."""
        connecting = connect_waiting(target.url, create_connection=_WaitingConnection, **target.options)
        self._connection = await self._resources.enter_async_context(connecting)

    async def send(self, data: bytes, timeout_s: float) -> None:
        """Send a binary message; who does not read it in time cannot be talked to any more."""
        async with asyncio.timeout(timeout_s):
            await self._opened().send(data)

    async def receive(self, timeout_s: float) -> str | bytes:
        """The next message."""
        async with asyncio.timeout(timeout_s):
            return await self._opened().recv()

    async def close(self) -> None:
        """Hang up."""
        self._connection = None
        await self._resources.aclose()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def _opened(self) -> WaitingConnection:
        if self._connection is None:
            raise RuntimeError("not connected")
        return self._connection
