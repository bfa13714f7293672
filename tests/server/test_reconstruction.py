"""`POST /generate3d`, called back."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.delivery.backend import backend
from tests.delivery.receiver import receiving
from tests.live import PATIENCE_S, PHOTO, LiveServer, running_server
from tests.servers import sends

SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
SETTINGS: dict[str, Any] = {
    "model": {"name": "instant"},
    "egress": {"allow_private": ["127.0.0.0/8"]},
    "reconstruction": {"callback_secret": SECRET},
}
URL = "https://example.com/callback"
RESULTS = ["pixel_images.png", "xyz_images.png", "output3d.zip"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running_server(tmp_path_factory.mktemp("server"), **SETTINGS) as server:
        yield server


def generate(server: LiveServer, url: str, task_id: str = "42", photo: bytes | None = None) -> httpx2.Response:
    files = {"image": ("photo.jpg", PHOTO.read_bytes() if photo is None else photo, "image/jpeg")}
    return server.http.post("/generate3d", files=files, data={"task_id": task_id, "callback_url": url})


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_a_photo_is_accepted_and_its_results_and_end_are_called_back_signed(server: LiveServer) -> None:
    with backend("a task/1", SECRET) as receiver:
        answer = generate(server, f"{receiver.url}/", "a task/1")
        assert answer.status_code == 202
        assert answer.json() == {"status": "accepted", "task_id": "a task/1"}
        until(lambda: len(receiver.told) == 4)
        assert [name for name, _ in receiver.told] == [*RESULTS, "status"]
        assert receiver.told[-1] == ("status", {"status": "completed", "error": None})
        assert receiver.forged == 0


def test_a_kept_result_is_called_back_like_any_other(tmp_path: Path) -> None:
    with running_server(tmp_path, **SETTINGS, cache={"enabled": True}) as server:
        told = []
        for task_id in ("first", "second"):
            with backend(task_id, SECRET) as receiver:
                assert generate(server, receiver.url, task_id).status_code == 202
                until(lambda: ("status", {"status": "completed", "error": None}) in receiver.told)
                told.append(receiver.told)
        assert told[0] == told[1]
        assert server.http.get("/v1/cache").json()["hits"] == 1


def test_a_photo_that_fails_later_is_called_back_as_failed(server: LiveServer) -> None:
    with backend("broken", SECRET) as receiver:
        assert generate(server, receiver.url, "broken", PHOTO.read_bytes()[:20_000]).status_code == 202
        until(lambda: receiver.told)
        ((_status, said),) = receiver.told
        assert said["status"] == "failed"
        assert "truncated" in said["error"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"callback_url": ""}, 422),
        ({"callback_url": "example.com/callback"}, 422),
        ({"callback_url": "ftp://example.com/callback"}, 422),
        ({"callback_url": "http://me:secret@example.com/callback"}, 422),
        ({"callback_url": "https://example.com/callback?token=1"}, 422),
        ({"callback_url": "https://example.com/callback#here"}, 422),
        ({"callback_url": None}, 422),
        ({"task_id": ""}, 422),
        ({"task_id": ".."}, 422),
        ({"task_id": "a\nb"}, 422),
        ({"task_id": "x" * 256}, 422),
        ({"task_id": None}, 422),
        ({"image": None}, 422),
        ({"image": b""}, 415),
        ({"image": b"no photo"}, 415),
    ],
)
def test_what_cannot_be_done_is_refused(server: LiveServer, change: dict[str, Any], status: int) -> None:
    sent: dict[str, Any] = {"image": PHOTO.read_bytes(), "task_id": "refused", "callback_url": URL, **change}
    sent = {name: value for name, value in sent.items() if value is not None}
    files = {"image": ("photo.jpg", sent.pop("image"))} if "image" in sent else {"other": ("a", b"b")}
    answer = server.http.post("/generate3d", files=files, data=sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_without_end_is_refused(tmp_path: Path) -> None:
    with running_server(tmp_path, **SETTINGS, pictures={"max_bytes": 1000}) as server:
        assert generate(server, URL, photo=bytes(2_000_000)).status_code == 413


def test_a_request_that_is_sent_again_is_one_task(server: LiveServer) -> None:
    with receiving(sends(b"", 500)) as receiver:
        for _ in range(2):
            assert generate(server, receiver.url, "again").status_code == 202
        assert generate(server, f"{receiver.url}/other", "again").status_code == 409
        answer = generate(server, receiver.url, "again", PHOTO.with_name("chelsea.jpg").read_bytes())
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:wheatstone:task-under-way"
        until(lambda: receiver.calls)
        assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1


def test_a_request_that_is_sent_many_times_at_once_is_one_task(server: LiveServer) -> None:
    with receiving(sends(b"", 500)) as receiver, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: generate(server, receiver.url, "at once"), range(8)))
        assert [answer.status_code for answer in answers] == [202] * 8
        until(lambda: receiver.calls)
        assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1


def test_nothing_is_called_back_at_a_private_address(tmp_path: Path) -> None:
    with receiving() as receiver, running_server(tmp_path, **{**SETTINGS, "egress": {}}) as server:
        assert generate(server, receiver.url).status_code == 202
        until(lambda: "not at a public address" in server.http.get("/v1/deliveries").text)
        assert receiver.calls == []
        delivery = server.http.get("/v1/deliveries").json()["deliveries"][0]
        assert delivery["receiver"] == receiver.url.removesuffix("/hook")


def test_nothing_of_an_upload_is_left_but_the_photo_and_the_results(tmp_path: Path) -> None:
    with receiving() as receiver, running_server(tmp_path, **SETTINGS) as server:
        assert generate(server, receiver.url, photo=PHOTO.read_bytes() + bytes(3_000_000)).status_code == 202
        until(lambda: receiver.calls)
        files = tmp_path / "output" / "results"
        until(lambda: not [path for path in (files / "work").rglob("*") if path.is_file()])
        assert len(list((files / "photos").iterdir())) == 1


def test_a_callback_survives_a_kill(tmp_path: Path) -> None:
    with receiving(sends(b"", 500), sends(b"")) as receiver:
        with running_server(tmp_path, **SETTINGS) as server:
            generate(server, receiver.url)
            until(lambda: receiver.calls)
            server.kill()
        with running_server(tmp_path, **SETTINGS):
            until(lambda: len(receiver.calls) >= 2)
        first, second = receiver.calls[:2]
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
