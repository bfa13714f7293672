"""Photos of objects to meshes over one WebSocket: each part is here the moment the server has it.

from wheatstone.client import Generate3DClient

with Generate3DClient("http://127.0.0.1:8000") as client:
    parts = client.generate("mug.jpg", on_part=lambda part: print(part.name))
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException

from wheatstone.client.retries import Retries
from wheatstone.client.sockets import BlockingSocket, Socket, Target, WaitingSocket
from wheatstone.client.transports import run
from wheatstone.client.uploads import Photo, is_url
from wheatstone.errors import (
    BadAnswerError,
    BadOptionError,
    BadPictureError,
    PictureTooLargeError,
    ServerUnreachableError,
    StillRunningError,
    TimeLimitError,
    WheatstoneError,
    reason,
)

_PATH = "/generate3d"
_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_FEW = Retries(attempts=3)
_TOO_LARGE = 1009
"""Why a server closes the connection (RFC 6455)."""
_SERVER_ERRORS = 500


class GenerationFailedError(WheatstoneError):
    """The server could not make a mesh of the photo; the message is its own."""

    code = "generation-failed"
    title = "Generation failed"


@dataclass(frozen=True, slots=True)
class MeshPart:
    """A part of a mesh.

    Attributes:
        name: `pixel_images.png`, `xyz_images.png` or `output3d.zip`.
        content_type: its MIME type.
        data: the file.
    """

    name: str
    content_type: str
    data: bytes = field(repr=False)


OnPart = Callable[[MeshPart], None]
OnStatus = Callable[[str], None]
OnPlace = Callable[[int], None]


class _Answer:
    """What the server says about one photo.

    Attributes:
        parts: those that came, by name.
        is_heard: whether anything came at all.
        is_complete: whether nothing follows.
    """

    def __init__(self, on_part: OnPart | None, on_status: OnStatus | None, on_place: OnPlace | None) -> None:
        self.parts: dict[str, MeshPart] = {}
        self.is_heard = False
        self.is_complete = False
        self._on_part = on_part
        self._on_status = on_status
        self._on_place = on_place
        self._announced: tuple[str, str] | None = None

    def take(self, message: str | bytes) -> None:
        """Take the next message.

        Raises:
            GenerationFailedError: it says so.
            BadAnswerError: it is none that may come now.
        """
        self.is_heard = True
        if isinstance(message, bytes):
            self._take_part(message)
            return
        try:
            told = json.loads(message)
            kind = told["type"]
        except (ValueError, TypeError, LookupError):
            raise BadAnswerError(f"The server sent a message that cannot be read: {message[:80]!r}.") from None
        if self._announced is not None and (kind, told.get("status")) != ("status", "failed"):
            raise BadAnswerError(f"The server announced {self._announced[0]} and then sent something else.")
        if kind == "result_part":
            self._announced = _text(told, "name"), _text(told, "content_type")
        elif kind == "status":
            self._take_status(_text(told, "status"), told)
        elif kind == "queue" and self._on_place is not None and isinstance(told.get("position"), int):
            self._on_place(told["position"])

    def _take_part(self, data: bytes) -> None:
        if self._announced is None:
            raise BadAnswerError(f"The server sent {len(data):,} bytes that it had not announced.")
        part = MeshPart(*self._announced, data)
        self._announced = None
        self.parts[part.name] = part
        if self._on_part is not None:
            self._on_part(part)

    def _take_status(self, status: str, told: dict[str, Any]) -> None:
        if status not in ("processing", "completed", "failed"):
            raise BadAnswerError(f"The server sent an unknown status: {status[:40]!r}.")
        if self._on_status is not None:
            self._on_status(status)
        if status == "failed":
            raise GenerationFailedError(_text(told, "error"))
        self.is_complete = status == "completed"


class AsyncGenerate3DClient:
    """A client for programs with asyncio.

    It connects at the first photo and keeps the connection, over which photos go one at a time.
    """

    def __init__(
        self,
        address: str,
        *,
        api_key: str | None = None,
        connect_timeout_s: float = 10.0,
        timeout_s: float = 300.0,
        tls: ssl.SSLContext | None = None,
        retries: Retries = _FEW,
        on_place: OnPlace | None = None,
        socket: Socket | None = None,
    ) -> None:
        """Nothing is sent yet; proxies are not used.

        Args:
            address: of the server, as for `Client`, or of its WebSocket: `ws://127.0.0.1:8000/generate3d`.
            api_key: sent as the connection is made.
            connect_timeout_s: how long that may take, in seconds.
            timeout_s: how long a photo may take, connecting and waiting in the server included, in seconds.
            tls: whom to trust; by default the usual authorities.
            retries: how often to try to connect.
            on_place: called with a photo's place while it waits in the server's queue.
            socket: what waits for the network; by default asyncio.

        Raises:
            BadOptionError: the address is none.
        """
        url = _url(address) + ("?queue=true" if on_place else "")
        headers = {} if api_key is None else {"X-API-Key": api_key}
        self._target = Target(url, headers, connect_timeout_s, tls)
        self._timeout_s = timeout_s
        self._retries = retries
        self._on_place = on_place
        self._socket = socket or WaitingSocket()
        self._active = threading.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        await self._socket.close()

    async def generate(
        self, photo: Photo, *, on_part: OnPart | None = None, on_status: OnStatus | None = None
    ) -> dict[str, MeshPart]:
        """Turn a photo of an object into a mesh.

        Whatever ends this early, a time-out or an exception, hangs up, and the server stops the work.

        Args:
            photo: a path, what a file holds, or an open file.
            on_part: called with each part as it comes.
            on_status: called with `processing`, and in the end `completed` or `failed`.

        Returns:
            The parts by name, in the order in which they came.

        Raises:
            StillRunningError: another photo is under way.
            GenerationFailedError: the server says that it failed.
            TimeLimitError: it took longer than `timeout_s`.
            PictureTooLargeError: the server takes no files of this size.
            ServerUnreachableError: there is no server, or the connection broke.
            BadAnswerError: what answers does not keep to the protocol.
            BadPictureError: the file cannot be read.
        """
        data = _content(photo)
        if not self._active.acquire(blocking=False):
            raise StillRunningError("Another photo is under way; there is one at a time on a connection.")
        try:
            was_open = self._socket.is_open
            answer = _Answer(on_part, on_status, self._on_place)
            end_s = time.monotonic() + self._timeout_s
            try:
                await self._ask(data, answer, end_s)
            except ServerUnreachableError:
                if not was_open or answer.is_heard:
                    raise
                await self._ask(data, answer, end_s)  # the kept connection had ended meanwhile
            return answer.parts
        finally:
            self._active.release()

    async def _ask(self, data: bytes, answer: _Answer, end_s: float) -> None:
        """Send a photo and take what comes until then; hangs up unless that came to its end."""
        is_in_order = False
        try:
            if not self._socket.is_open:
                await self._connect()
            await self._socket.send(data, max(0.0, end_s - time.monotonic()))
            while not answer.is_complete:
                answer.take(await self._socket.receive(max(0.0, end_s - time.monotonic())))
            is_in_order = True
        except GenerationFailedError:
            is_in_order = True
            raise
        except TimeoutError:
            raise TimeLimitError(f"The server was not done after {self._timeout_s:g} s.") from None
        except ConnectionClosed as closed:
            raise self._broken(closed, len(data)) from closed
        except OSError as error:
            raise ServerUnreachableError(f"The connection to the server broke: {reason(error)}.") from error
        finally:
            if not is_in_order:
                await self._socket.close()

    async def _connect(self) -> None:
        attempt = 0
        while True:
            attempt += 1
            try:
                await self._socket.open(self._target)
            except InvalidStatus as error:
                failure: WheatstoneError = _refused(error)
                is_hopeless = error.response.status_code < _SERVER_ERRORS
            except (OSError, InvalidHandshake) as error:  # a TimeoutError is an OSError
                detail = "it was too slow" if isinstance(error, TimeoutError) else reason(error)
                failure = ServerUnreachableError(f"The server cannot be reached: {detail}.")
                is_hopeless = False
            except WebSocketException as error:
                raise BadOptionError(f"The server cannot be reached: {reason(error)}.") from error
            else:
                return
            pause_s = self._retries.pause_s(attempt)
            if is_hopeless or pause_s is None:
                raise failure
            await self._socket.sleep(pause_s)

    def _broken(self, closed: ConnectionClosed, size_bytes: int) -> WheatstoneError:
        if closed.rcvd is not None and closed.rcvd.code == _TOO_LARGE:
            return PictureTooLargeError(f"The server takes no photo of {size_bytes:,} bytes.")
        return ServerUnreachableError(f"The connection to the server ended: {reason(closed)}.")


class Generate3DClient:
    """A client for programs without an event loop; as `AsyncGenerate3DClient`."""

    def __init__(
        self,
        address: str,
        *,
        api_key: str | None = None,
        connect_timeout_s: float = 10.0,
        timeout_s: float = 300.0,
        tls: ssl.SSLContext | None = None,
        retries: Retries = _FEW,
        on_place: OnPlace | None = None,
    ) -> None:
        """As `AsyncGenerate3DClient`."""
        self._client = AsyncGenerate3DClient(
            address,
            api_key=api_key,
            connect_timeout_s=connect_timeout_s,
            timeout_s=timeout_s,
            tls=tls,
            retries=retries,
            on_place=on_place,
            socket=BlockingSocket(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        run(self._client.close())

    def generate(
        self, photo: Photo, *, on_part: OnPart | None = None, on_status: OnStatus | None = None
    ) -> dict[str, MeshPart]:
        """As `AsyncGenerate3DClient.generate`; takes and raises the same."""
        return run(self._client.generate(photo, on_part=on_part, on_status=on_status))


def _url(address: str) -> str:
    """Of the WebSocket.

    Raises:
        BadOptionError: it is none.
    """
    problem = f"{address!r} is no address of a server: write http://127.0.0.1:8000, for instance."
    try:
        parts = urlsplit(address)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise BadOptionError(problem) from None
    if parts.scheme not in _SCHEMES or not has_host or parts.query or parts.fragment:
        raise BadOptionError(problem)
    path = parts.path.rstrip("/").removesuffix(_PATH) + _PATH
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path, "", ""))


def _content(photo: Photo) -> bytes:
    if is_url(photo):
        raise BadOptionError("The server fetches no photos for this; give a file.")
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, str | PathLike):
        try:
            return Path(photo).read_bytes()
        except OSError as error:
            raise BadPictureError(f"{photo} cannot be read: {error.strerror}.") from error
    return photo.read()


def _text(told: dict[str, Any], key: str) -> str:
    value = told.get(key)
    if not isinstance(value, str):
        raise BadAnswerError(f"The server sent a message without {key}.")
    return value


def _refused(error: InvalidStatus) -> BadAnswerError:
    """What a server says that does not let us in: a problem, or something else."""
    try:
        detail = str(json.loads(error.response.body or b"")["detail"])
    except (ValueError, TypeError, LookupError):
        detail = f"is it a Wheatstone server with {_PATH}?"
    return BadAnswerError(f"The server answered {error.response.status_code}: {detail}")
