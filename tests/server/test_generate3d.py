"""Surface E: photos in, parts of meshes out, over a real WebSocket."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from socket import SHUT_RDWR, create_connection
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.documents import GENERATE3D, text
from tests.live import PATIENCE_S, LiveServer, running_server
from tests.pictures.files import encoded

PROCESSING = {"type": "status", "status": "processing"}
COMPLETED = {"type": "status", "status": "completed"}
PARTS = ["pixel_images.png", "xyz_images.png", "output3d.zip"]

Message = dict[str, Any] | bytes


def photo(seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    return encoded(Image.fromarray(pixels), "PNG")


@contextmanager
def calling(server: LiveServer, query: str = "", **options: Any) -> Iterator[ClientConnection]:
    url = server.url.replace("http:", "ws:") + f"/generate3d{query}"
    with connect(url, compression=None, max_size=1 << 30, proxy=None, **options) as socket:
        yield socket


def heard(socket: ClientConnection) -> Message:
    message = socket.recv(PATIENCE_S)
    return message if isinstance(message, bytes) else json.loads(message)


def answer(socket: ClientConnection) -> list[Message]:
    """All that is said of a photo."""
    messages: list[Message] = []
    while True:
        messages.append(heard(socket))
        last = messages[-1]
        if isinstance(last, dict) and last.get("status") in ("completed", "failed"):
            return messages


def until_part(socket: ClientConnection) -> None:
    while not isinstance(heard(socket), bytes):
        continue


def closed(socket: ClientConnection) -> tuple[int, str]:
    """How the server hangs up, with no word before."""
    with pytest.raises(ConnectionClosed) as ended:
        socket.recv(PATIENCE_S)
    assert ended.value.rcvd is not None
    return ended.value.rcvd.code, ended.value.rcvd.reason


def eventually_forgotten(server: LiveServer) -> None:
    """Wait until nothing is left of any photo."""
    deadline = time.monotonic() + PATIENCE_S
    folder = server.folder / "output" / "results"
    while time.monotonic() < deadline:
        left = [path for name in ("tasks", "photos") for path in (folder / name).rglob("*") if path.is_file()]
        if not left and server.http.get("/v1/jobs").json()["jobs"] == []:
            return
        time.sleep(0.02)
    raise AssertionError(f"{left}; {server.log}")


def models(mesh: str) -> dict[str, str]:
    return {"name": "instant", "mesh": mesh}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    pictures = {"max_bytes": 1_000_000}
    folder = tmp_path_factory.mktemp("instant")
    with running_server(folder, model=models("instant-mesh"), pictures=pictures) as server:
        yield server


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running_server(tmp_path_factory.mktemp("slow"), model=models("slow-mesh")) as server:
        yield server


@pytest.fixture(scope="module")
def deaf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running_server(tmp_path_factory.mktemp("deaf"), model=models("deaf-mesh")) as server:
        yield server


def documented() -> list[tuple[type, dict[str, Any] | str]]:
    """The messages that the document lists, in its order: a text's content, or what a binary one holds."""
    listed = text(GENERATE3D).split("服务器 -> 客户端 (按顺序):")[1].split("或者 (出错时):")[0]
    found: list[tuple[type, dict[str, Any] | str]] = []
    for line in listed.splitlines():
        if told := re.search(r"JSON 文本消息.*?(\{.*\})", line):
            found.append((dict, json.loads(told[1])))
        elif binary := re.search(r"单个二进制消息帧 \((\S+) 数据\)", line):
            found.append((bytes, binary[1]))
    return found


def test_the_messages_are_those_of_the_document(server: LiveServer) -> None:
    with calling(server) as socket:
        socket.send(photo())
        messages = answer(socket)
    expected = documented()
    assert len(expected) == 8
    assert [type(message) for message in messages] == [kind for kind, _ in expected]
    for message, (_, content) in zip(messages, expected, strict=True):
        if isinstance(message, dict):
            assert message == content
        elif str(content).endswith(".png"):
            assert Image.open(BytesIO(message)).size == (1536, 256)
        else:
            assert message.startswith(b"PK")


def test_the_connection_stays_for_further_photos_and_nothing_of_them_stays(server: LiveServer) -> None:
    with calling(server) as socket:
        for seed in range(3):
            socket.send(photo(seed))
            assert answer(socket)[-1] == COMPLETED
    eventually_forgotten(server)
    assert list((server.folder / "output/results/work").iterdir()) == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"dear diary", "The picture is not a JPEG"),
        (b"", "The picture is empty"),
        (photo()[:-99], "The picture is a damaged"),
    ],
)
def test_what_is_no_photo_fails_and_the_next_one_does_not(server: LiveServer, data: bytes, told: str) -> None:
    with calling(server) as socket:
        socket.send(data)
        processing, failed = answer(socket)
        assert processing == PROCESSING
        assert isinstance(failed, dict)
        assert (failed["type"], failed["status"]) == ("status", "failed")
        assert told in failed["error"]
        socket.send(photo())
        assert answer(socket)[-1] == COMPLETED


@pytest.mark.parametrize(
    ("model", "told", "parts"),
    [("failing-mesh", "divided by zero", 1), ("crashing-mesh", "crashed 3 times", 1), ("short-mesh", "no xyz", 1)],
)
def test_a_model_that_fails_is_told_and_nothing_follows(model: str, told: str, parts: int, tmp_path: Path) -> None:
    with running_server(tmp_path, model=models(model)) as server, calling(server) as socket:
        socket.send(photo())
        *before, failed = answer(socket)
        assert isinstance(failed, dict)
        assert told in failed["error"]
        assert sum(isinstance(message, bytes) for message in before) == parts
        with pytest.raises(TimeoutError):
            socket.recv(0.3)


def test_parts_come_in_the_documented_order_whatever_a_model_does(tmp_path: Path) -> None:
    with running_server(tmp_path, model=models("jumbled-mesh")) as server, calling(server) as socket:
        socket.send(photo())
        messages = answer(socket)
    assert [message["name"] for message in messages if isinstance(message, dict) and "name" in message] == PARTS
    assert messages[-1] == COMPLETED


def test_a_part_comes_before_the_next_one_is_made(slow: LiveServer) -> None:
    with calling(slow) as socket:
        socket.send(photo())
        until_part(socket)
        assert slow.http.get("/v1/jobs").json()["jobs"][0]["status"] == "converting"
        assert answer(socket)[-1] == COMPLETED


def test_who_leaves_makes_room_for_who_waits(deaf: LiveServer) -> None:
    with calling(deaf) as waiting:
        with calling(deaf) as leaving:
            leaving.send(photo(1))
            until_part(leaving)
            waiting.send(photo(2))
            assert heard(waiting) == PROCESSING
        until_part(waiting)
    eventually_forgotten(deaf)


def test_a_connection_that_breaks_stops_the_work(deaf: LiveServer) -> None:
    with calling(deaf) as socket:
        socket.send(photo())
        until_part(socket)
        socket.socket.shutdown(SHUT_RDWR)  # with no word of goodbye
    eventually_forgotten(deaf)
    assert not deaf.http.get("/health").json()["model_loaded"]


def test_a_photo_out_of_turn_ends_the_connection_and_the_work(deaf: LiveServer) -> None:
    with calling(deaf) as socket:
        socket.send(photo(1))
        until_part(socket)
        socket.send(photo(2))
        (failed,) = answer(socket)
        assert isinstance(failed, dict)
        assert "before it was done" in failed["error"]
        assert closed(socket)[0] == 1008
    eventually_forgotten(deaf)


def test_text_is_no_photo(server: LiveServer) -> None:
    with calling(server) as socket:
        socket.send("data:image/png;base64,")
        (failed,) = answer(socket)
        assert isinstance(failed, dict)
        assert "binary" in failed["error"]
        assert closed(socket)[0] == 1003


def test_a_photo_over_the_limit_is_not_read(server: LiveServer) -> None:
    with calling(server) as socket:
        socket.send(bytes(1_000_001))
        assert closed(socket)[0] == 1009


def test_pages_of_others_may_not_connect(server: LiveServer) -> None:
    with pytest.raises(InvalidStatus) as refused, calling(server, origin="http://evil.example"):
        pass
    assert refused.value.response.status_code == 403
    assert json.loads(refused.value.response.body or b"")["type"] == "urn:wheatstone:foreign-origin"
    with calling(server, origin=server.url) as socket:
        socket.send(photo())
        assert answer(socket)[-1] == COMPLETED


def test_strange_hosts_are_refused(server: LiveServer) -> None:
    port = int(server.url.rpartition(":")[2])
    with (
        pytest.raises(InvalidStatus) as refused,
        create_connection(("127.0.0.1", port)) as line,
        connect(f"ws://evil.example:{port}/generate3d", sock=line, proxy=None),
    ):
        pass
    assert refused.value.response.status_code == 421


def test_a_ping_is_answered_while_a_photo_is_worked_on(slow: LiveServer) -> None:
    with calling(slow) as socket:
        socket.send(photo())
        until_part(socket)
        assert socket.ping().wait(PATIENCE_S)
        assert answer(socket)[-1] == COMPLETED


def test_a_silent_client_is_hung_up_on(tmp_path: Path) -> None:
    patience = {"idle_timeout_s": 2}
    serving = running_server(tmp_path, model=models("instant-mesh"), generate3d=patience)
    with serving as server, calling(server) as socket:
        socket.send(photo())
        assert answer(socket)[-1] == COMPLETED
        assert closed(socket) == (1000, "Nothing came for 2 s.")


def test_a_photo_that_takes_too_long_fails_and_the_next_one_may_follow(tmp_path: Path) -> None:
    settings = {"timeout_s": 4}
    with running_server(tmp_path, model=models("deaf-mesh"), generate3d=settings) as server:
        with calling(server) as socket:
            for _ in range(2):
                socket.send(photo())
                assert answer(socket)[-1] == {
                    "type": "status",
                    "status": "failed",
                    "error": "It was not done after 4 s.",
                }
        eventually_forgotten(server)


def test_who_asks_hears_of_the_place_in_the_queue(slow: LiveServer) -> None:
    with calling(slow) as first, calling(slow) as second, calling(slow, "?queue=true") as third:
        for seed, socket in enumerate((first, second, third)):
            socket.send(photo(seed))
            assert heard(socket) == PROCESSING
            if socket is first:
                until_part(first)
            else:
                while len(slow.http.get("/v1/jobs").json()["jobs"]) <= seed:
                    time.sleep(0.02)
        messages = answer(third)
        told = [message for message in messages if isinstance(message, dict) and message["type"] == "queue"]
        assert told == [{"type": "queue", "position": position} for position in (2, 1)]
        assert messages[-1] == COMPLETED
        assert "position" not in str(answer(second))
        answer(first)


def test_photos_of_many_clients_are_done_in_the_order_they_came(slow: LiveServer) -> None:
    done: list[int] = []

    def wait(number: int, socket: ClientConnection) -> None:
        assert answer(socket)[-1] == COMPLETED
        done.append(number)

    with calling(slow) as a, calling(slow) as b, calling(slow) as c, ThreadPoolExecutor(3) as pool:
        waiting = []
        for number, socket in enumerate((a, b, c)):
            socket.send(photo(number))
            while len(slow.http.get("/v1/jobs").json()["jobs"]) <= number:
                time.sleep(0.02)
            if number == 0:  # a device that is free is for whoever asks first, be it by a millisecond
                while not slow.http.get("/v1/jobs", params={"status": "converting"}).json()["jobs"]:
                    time.sleep(0.02)
            waiting.append(pool.submit(wait, number, socket))
        for future in waiting:
            future.result()
    assert done == [0, 1, 2]


def test_a_kept_result_is_sent_at_once_and_nothing_is_kept_from_here(tmp_path: Path) -> None:
    with running_server(tmp_path, model=models("slow-mesh"), cache={"enabled": True}) as server:
        with calling(server) as socket:
            socket.send(photo())
            computed = answer(socket)
            eventually_forgotten(server)
            assert server.http.get("/v1/cache").json()["size"] == 0
            files = {"file": ("a.png", photo())}
            job = server.http.post("/v1/jobs", files=files, data={"kind": "mesh"}).json()
            server.wait(job["id"])
            socket.send(photo())
            assert answer(socket) == computed
        assert server.notes.count("begun") == 2


def test_a_killed_server_forgets_what_nobody_waits_for(tmp_path: Path) -> None:
    with running_server(tmp_path, model=models("deaf-mesh")) as server, calling(server) as socket:
        socket.send(photo())
        until_part(socket)
        children = psutil.Process(server.process.pid).children(recursive=True)
        server.kill()
        with pytest.raises(ConnectionClosed):
            socket.recv(PATIENCE_S)
    psutil.wait_procs(children, timeout=10)
    with running_server(tmp_path, model=models("deaf-mesh")) as server:
        eventually_forgotten(server)
        assert server.notes == ["begun"]


def test_a_server_that_ends_hangs_up_and_leaves_nothing(tmp_path: Path) -> None:
    with running_server(tmp_path, model=models("deaf-mesh"), server={"drain_timeout_s": 20}) as server:
        with calling(server) as socket:
            socket.send(photo())
            until_part(socket)
            server.process.send_signal(signal.SIGTERM)
            assert closed(socket)[0] == 1012
        assert server.process.wait(PATIENCE_S) == 0
    assert [path for path in (tmp_path / "output/results/tasks").rglob("*") if path.is_file()] == []


def test_what_cannot_be_deleted_now_is_no_failure_and_gone_after_the_next_start(tmp_path: Path) -> None:
    model, failing = models("instant-mesh"), {"WHEATSTONE_TEST_FAIL": "deletion"}
    with running_server(tmp_path, environment=failing, model=model) as server:
        with calling(server) as socket:
            socket.send(photo())
            assert answer(socket)[-1] == COMPLETED
        assert "cannot be deleted" in server.log
    with running_server(tmp_path, model=model) as server:
        eventually_forgotten(server)


def test_photos_that_are_done_and_clients_that_go_are_no_errors_in_the_log(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model=models("instant-mesh")) as server:
        with calling(server) as socket:
            for seed in range(10):
                socket.send(photo(seed))
                assert answer(socket)[-1] == COMPLETED
        eventually_forgotten(server)
    with running_server(tmp_path / "slow", model=models("slow-mesh")) as server:
        for _ in range(3):
            with calling(server) as socket:
                socket.send(photo())
                until_part(socket)
            eventually_forgotten(server)
        assert server.terminate() == 0
    for folder in ("server", "slow"):
        assert "ERROR" not in (tmp_path / folder / "log").read_text()
