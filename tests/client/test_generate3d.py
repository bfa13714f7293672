"""The client of the WebSocket, against a real server and against servers that do what they should not."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.utils import accept_key

from tests.client.conftest import FAST
from tests.live import PHOTO, LiveServer, running_server
from tests.servers import sends, serving
from wheatstone.client import AsyncGenerate3DClient, Generate3DClient, GenerationFailedError, MeshPart
from wheatstone.errors import (
    BadAnswerError,
    BadOptionError,
    BadPictureError,
    PictureTooLargeError,
    ServerUnreachableError,
    StillRunningError,
    TimeLimitError,
)

PARTS = ["pixel_images.png", "xyz_images.png", "output3d.zip"]
PROCESSING = '{"type": "status", "status": "processing"}'
COMPLETED = '{"type": "status", "status": "completed"}'
ANNOUNCED = '{"type": "result_part", "name": "a.png", "content_type": "image/png"}'


class Driven:
    """An asynchronous client with the face of a blocking one."""

    def __init__(self, address: str, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncGenerate3DClient(address, **options)

    def generate(self, photo: Any, **options: Any) -> dict[str, MeshPart]:
        return self._runner.run(self._client.generate(photo, **options))

    def end(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()


Connect = Callable[..., Any]


@pytest.fixture(params=["blocking", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    with ExitStack() as stack:

        def make(address: str, **options: Any) -> Any:
            options = {"retries": FAST} | options
            if request.param == "blocking":
                return stack.enter_context(Generate3DClient(address, **options))
            driven = Driven(address, **options)
            stack.callback(driven.end)
            return driven

        yield make


class Scripted:
    """A server that says, for each photo of its life, what the next script says; None hangs up."""

    def __init__(self, *scripts: list[str | bytes | None]) -> None:
        self.scripts = list(scripts)
        self.photos: list[bytes] = []
        self.connections = 0
        self.goodbyes = 0
        self.url = ""

    def handle(self, socket: ServerConnection) -> None:
        self.connections += 1
        try:
            while True:
                self.photos.append(bytes(socket.recv(decode=False)))
                for message in self.scripts.pop(0):
                    if message is None:
                        return
                    socket.send(message)
        except ConnectionClosed:
            self.goodbyes += 1


@contextmanager
def scripted(*scripts: list[str | bytes | None], **options: Any) -> Iterator[Scripted]:
    script = Scripted(*scripts)
    options = {"close_timeout": 0.5} | options  # an asynchronous client whose loop rests does not say goodbye
    with serve(script.handle, "127.0.0.1", 0, **options) as server:
        script.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    models = {"name": "instant", "mesh": "instant-mesh"}
    with running_server(tmp_path_factory.mktemp("server"), model=models) as server:
        yield server


def test_a_photo_becomes_a_mesh_part_by_part(connect: Connect, server: LiveServer) -> None:
    told: list[str] = []
    client = connect(server.url)
    for photo in (PHOTO, str(PHOTO), PHOTO.read_bytes()):
        told.clear()
        parts = client.generate(photo, on_part=lambda part: told.append(part.name), on_status=told.append)
        assert list(parts) == PARTS
        assert told == ["processing", *PARTS, "completed"]
    assert parts["output3d.zip"].content_type == "application/zip"
    assert parts["output3d.zip"].data.startswith(b"PK")


def test_an_open_file_is_sent_too(connect: Connect, server: LiveServer) -> None:
    with PHOTO.open("rb") as file:
        assert list(connect(server.url.replace("http:", "ws:") + "/generate3d").generate(file)) == PARTS


def test_a_failure_is_the_servers_and_the_connection_goes_on(connect: Connect, server: LiveServer) -> None:
    client = connect(server.url)
    with pytest.raises(GenerationFailedError, match="not a JPEG"):
        client.generate(b"dear diary")
    assert list(client.generate(PHOTO)) == PARTS


def test_the_work_stops_when_the_time_is_over(connect: Connect, tmp_path: Path) -> None:
    models = {"name": "instant", "mesh": "deaf-mesh"}
    with running_server(tmp_path, model=models) as server:
        client = connect(server.url, timeout_s=5)
        with pytest.raises(TimeLimitError, match="not done after 5 s"):
            client.generate(PHOTO)
        while server.http.get("/v1/jobs").json()["jobs"]:
            continue


def test_what_a_callback_raises_stops_the_work(connect: Connect, tmp_path: Path) -> None:
    def refuse(part: MeshPart) -> None:
        raise RuntimeError(f"no {part.name} for me")

    models = {"name": "instant", "mesh": "deaf-mesh"}
    with running_server(tmp_path, model=models) as server:
        with pytest.raises(RuntimeError, match=r"no pixel_images\.png for me"):
            connect(server.url).generate(PHOTO, on_part=refuse)
        while server.http.get("/v1/jobs").json()["jobs"]:
            continue


def test_one_photo_at_a_time(connect: Connect) -> None:
    with scripted([PROCESSING, COMPLETED]) as server:
        client = connect(server.url)
        target = client._client if isinstance(client, Driven) else client

        def ask_again(_status: str) -> None:
            again = target.generate(b"two")
            if isinstance(client, Driven):
                again.send(None)

        with pytest.raises(StillRunningError, match="one at a time"):
            client.generate(b"one", on_status=ask_again)
        assert server.photos == [b"one"]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ([PROCESSING, b"123"], "3 bytes that it had not announced"),
        ([PROCESSING, ANNOUNCED, b"1", b"23"], "2 bytes that it had not announced"),
        ([ANNOUNCED, ANNOUNCED], r"announced a\.png and then sent something else"),
        ([ANNOUNCED, COMPLETED], r"announced a\.png and then sent something else"),
        (["hello"], "cannot be read: 'hello'"),
        (["[]"], "cannot be read"),
        (['{"type": "status"}'], "without status"),
        (['{"type": "status", "status": "lost"}'], "unknown status: 'lost'"),
        (['{"type": "result_part", "name": 3}'], "without name"),
        (['{"type": "status", "status": "failed"}'], "without error"),
    ],
)
def test_a_server_that_breaks_the_protocol_is_told_and_hung_up_on(
    connect: Connect, script: list[str | bytes | None], told: str
) -> None:
    with scripted(script, [COMPLETED]) as server:
        client = connect(server.url)
        with pytest.raises(BadAnswerError, match=told):
            client.generate(b"photo")
        assert client.generate(b"another") == {}
        assert server.connections == 2


def test_a_failure_in_place_of_a_part_that_was_announced_is_the_servers(connect: Connect) -> None:
    failed = '{"type": "status", "status": "failed", "error": "The zip is gone."}'
    with scripted([PROCESSING, ANNOUNCED, failed], [COMPLETED]) as server:
        client = connect(server.url)
        with pytest.raises(GenerationFailedError, match="The zip is gone"):
            client.generate(b"photo")
        client.generate(b"another")
        assert server.connections == 1


def test_a_server_that_does_not_take_the_photo_costs_no_more_than_the_time_for_it(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def welcome() -> None:
            caller, _ = listener.accept()
            key = re.search(rb"(?i)sec-websocket-key: *(\S+)", caller.recv(65_536))
            assert key
            accepted = f"Sec-WebSocket-Accept: {accept_key(key[1].decode())}"
            upgrade = (
                f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{accepted}"
            )
            caller.sendall(f"{upgrade}\r\n\r\n".encode())
            callers.append(caller)  # nobody reads on

        callers: list[socket.socket] = []
        welcoming = threading.Thread(target=welcome)
        welcoming.start()
        client = connect(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=0.5)
        with pytest.raises(TimeLimitError, match=r"0\.5 s"):
            client.generate(bytes(50_000_000))
        welcoming.join()
        callers[0].close()


def test_messages_of_later_versions_are_passed_over(connect: Connect) -> None:
    with scripted([PROCESSING, '{"type": "weather"}', '{"type": "queue", "position": 3}', COMPLETED]) as server:
        assert connect(server.url).generate(b"photo") == {}


def test_a_place_in_the_queue_is_told(connect: Connect) -> None:
    places: list[int] = []
    with scripted([PROCESSING, '{"type": "queue", "position": 3}', COMPLETED]) as server:
        connect(server.url, on_place=places.append).generate(b"photo")
    assert places == [3]


def test_the_connection_is_kept(connect: Connect) -> None:
    with scripted([COMPLETED], [COMPLETED]) as server:
        client = connect(server.url)
        client.generate(b"one")
        client.generate(b"two")
        assert (server.connections, server.photos) == (1, [b"one", b"two"])


def test_a_kept_connection_that_has_ended_is_made_again(connect: Connect) -> None:
    with scripted([COMPLETED, None], [COMPLETED]) as server:
        client = connect(server.url)
        client.generate(b"one")
        client.generate(b"two")
        assert (server.connections, server.photos) == (2, [b"one", b"two"])


@pytest.mark.parametrize("script", [[None], [PROCESSING, None], [PROCESSING, ANNOUNCED, None]])
def test_a_photo_on_a_connection_that_breaks_is_not_sent_again(
    connect: Connect, script: list[str | bytes | None]
) -> None:
    with scripted(script, [COMPLETED]) as server:
        with pytest.raises(ServerUnreachableError, match="ended"):
            connect(server.url).generate(b"photo")
        assert server.photos == [b"photo"]


def test_a_photo_that_is_too_large_is_told(connect: Connect) -> None:
    with scripted(max_size=10) as server, pytest.raises(PictureTooLargeError, match="no photo of 50 bytes"):
        connect(server.url).generate(bytes(50))


def test_nobody_at_the_address_is_told(connect: Connect) -> None:
    with serving(sends(b"")) as server:
        url = server.url
    with pytest.raises(ServerUnreachableError, match="cannot be reached"):
        connect(url).generate(b"photo")


@pytest.mark.parametrize(("status", "attempts"), [(404, 1), (503, 5)])
def test_what_is_no_such_server_is_told_and_what_may_pass_is_tried_again(
    connect: Connect, status: int, attempts: int
) -> None:
    keys: list[str | None] = []

    def refuse(socket: ServerConnection, request: Request) -> Response:
        keys.append(request.headers.get("X-API-Key"))
        return socket.respond(status, '{"detail": "Nothing here."}')

    with scripted(process_request=refuse) as server:
        with pytest.raises(BadAnswerError, match=rf"answered {status}: Nothing here\."):
            connect(server.url, api_key="secret").generate(b"photo")
        assert keys == ["secret"] * attempts


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_is_told_and_gets_neither_key_nor_photo(connect: Connect, status: int) -> None:
    with serving(sends(b"")) as elsewhere:

        def redirect(socket: ServerConnection, _request: Request) -> Response:
            response = socket.respond(status, "")
            response.headers["Location"] = f"ws://127.0.0.1:{elsewhere.port}/generate3d"
            return response

        told = rf"has moved: .* ws://127\.0\.0\.1:{elsewhere.port}/"
        with scripted(process_request=redirect) as server, pytest.raises(BadAnswerError, match=told):
            connect(server.url, api_key="secret").generate(b"photo")
        assert elsewhere.headers == []


def test_what_answers_but_speaks_no_websocket_is_told(connect: Connect) -> None:
    with serving(sends(b"hello")) as server, pytest.raises(ServerUnreachableError, match="cannot be reached"):
        connect(server.url).generate(b"photo")


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://a", "http://", "ws://a:b", "http://a?b", "ws://a#b"])
def test_an_address_that_is_none_is_told(connect: Connect, address: str) -> None:
    with pytest.raises(BadOptionError, match="no address"):
        connect(address)


def test_a_file_that_is_not_there_is_told(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(BadPictureError, match="cannot be read"):
        connect("http://127.0.0.1:1").generate(tmp_path / "none.jpg")


def test_a_url_is_no_file(connect: Connect) -> None:
    with pytest.raises(BadOptionError, match="fetches no photos"):
        connect("http://127.0.0.1:1").generate("https://example.com/a.jpg")


def test_a_cancelled_call_hangs_up() -> None:
    async def ask(script: Scripted) -> None:
        async with AsyncGenerate3DClient(script.url) as client:
            asking = asyncio.create_task(client.generate(b"photo"))
            while not script.photos:
                await asyncio.sleep(0.01)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            while not script.goodbyes:
                await asyncio.sleep(0.01)

    with scripted([PROCESSING]) as script:
        asyncio.run(ask(script))
