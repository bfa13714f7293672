"""How jobs come in over `/v1/jobs`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.live import PHOTO, LiveServer, running_server
from tests.servers import sends, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("server")
    egress = {"allow_private": ["127.0.0.0/8"]}
    with running_server(
        folder, model={"name": "instant"}, egress=egress, pictures={"max_bytes": 3_000_000}
    ) as server:
        yield server


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """The address of another server: with a photo, a page, and nothing."""

    bodies = {"/my%20photo.jpg": PHOTO.read_bytes(), "/page": b"<html>", "/large": b"0" * 4_000_000}

    def answer(request: BaseHTTPRequestHandler) -> None:
        body = bodies.get(request.path)
        sends(body or b"", 404 if body is None else 200)(request)

    with serving(answer) as there:
        yield there.url


def post(
    server: LiveServer, photo: bytes | None = None, headers: dict[str, str] | None = None, **fields: Any
) -> httpx2.Response:
    content = PHOTO.read_bytes() if photo is None else photo
    return server.http.post("/v1/jobs", files={"file": ("photo.jpg", content)}, data=fields, headers=headers)


def test_a_photo_becomes_a_job_whose_place_is_told(server: LiveServer) -> None:
    answer = post(server, focal_length=700, priority=3, keep_ply="true")
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"{server.url}/v1/jobs/{job['id']}"
    assert (job["status"], job["done"], job["priority"], job["source_name"]) == ("queued", False, 3, "photo.jpg")
    done = server.wait(job["id"])
    assert done["view"]["fx"] == 700
    assert {artifact["name"] for artifact in done["artifacts"]} >= {"output.sog", "output.ply", "poster.webp"}


def test_who_prefers_to_wait_gets_the_job_when_it_is_done(server: LiveServer) -> None:
    answer = post(server, headers={"Prefer": "respond-async, wait=60"})
    assert (answer.status_code, answer.json()["status"]) == (200, "completed")
    assert answer.headers["preference-applied"] == "wait=60"


def test_who_prefers_to_wait_does_not_wait_longer(server: LiveServer) -> None:
    answer = post(server, headers={"Prefer": "wait=0"}, model="slow")
    assert (answer.status_code, answer.json()["done"]) == (202, False)
    assert answer.headers["preference-applied"] == "wait=0"
    server.http.delete(f"/v1/jobs/{answer.json()['id']}")


def test_a_photo_elsewhere_is_fetched(server: LiveServer, elsewhere: str) -> None:
    answer = server.http.post("/v1/jobs", json={"image_url": f"{elsewhere}/my%20photo.jpg"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["source_name"] == "my photo.jpg"
    assert server.wait(answer.json()["id"])["status"] == "completed"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/page", 415, "bad-picture"), ("/nothing", 502, "egress-failed"), ("/large", 422, "egress-refused")],
)
def test_what_cannot_be_fetched_is_told(
    server: LiveServer, elsewhere: str, path: str, status: int, code: str
) -> None:
    answer = server.http.post("/v1/jobs", json={"image_url": elsewhere + path})
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:wheatstone:{code}")


def test_what_only_this_machine_can_reach_is_not_fetched(server: LiveServer) -> None:
    for url in ("http://[::1]/a.jpg", "http://10.0.0.1/a.jpg", "file:///etc/passwd", "http://169.254.169.254/"):
        answer = server.http.post("/v1/jobs", json={"image_url": url})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:wheatstone:egress-refused")


def test_a_photo_that_is_here_is_used_again(server: LiveServer) -> None:
    first = post(server).json()
    again = server.http.post("/v1/jobs", json={"picture_id": first["picture_id"], "focal_length": 900}).json()
    assert again["source_name"] == "photo.jpg"
    assert server.wait(again["id"])["view"]["fx"] == 900
    answer = server.http.post("/v1/jobs", json={"picture_id": "0" * 64})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:wheatstone:unknown-task")


@pytest.mark.parametrize(
    "wrong",
    [
        {"json": {}},
        {"json": {"image_url": "http://example.com/a.jpg", "picture_id": "0"}},
        {"json": {"image_url": "http://example.com/a.jpg", "colour": "red"}},
        {"json": {"picture_id": "0", "priority": 1000}},
        {"content": b"{", "headers": {"content-type": "application/json"}},
        {"data": {"file": "not a file"}},
        {"files": {"file": ("a.jpg", b"x")}, "data": {"focal_length": "wide"}},
        {"files": [("file", ("a.jpg", b"x")), ("file", ("b.jpg", b"x"))]},
        {"files": {"file": ("a.jpg", b"x")}, "headers": {"Idempotency-Key": "no spaces"}},
    ],
)
def test_a_malformed_request_is_a_problem(server: LiveServer, wrong: dict[str, Any]) -> None:
    answer = server.http.post("/v1/jobs", **wrong)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_requests_with_one_key_are_one(server: LiveServer) -> None:
    headers = {"Idempotency-Key": "once"}
    first, second = post(server, headers=headers), post(server, headers=headers)
    assert "idempotent-replayed" not in first.headers
    assert (second.status_code, second.headers["idempotent-replayed"]) == (202, "true")
    assert first.json()["id"] == second.json()["id"]


def test_a_key_of_another_request_is_refused(server: LiveServer) -> None:
    headers = {"Idempotency-Key": "other"}
    assert post(server, headers=headers).status_code == 202
    answer = post(server, headers=headers, focal_length=5)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:wheatstone:idempotency-mismatch")


def test_many_requests_with_one_key_at_once_make_one_job(server: LiveServer) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(server, headers={"Idempotency-Key": "crowd"}), range(8)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["type"] == "urn:wheatstone:idempotency-in-flight"


def test_a_refused_request_does_not_use_up_its_key(server: LiveServer) -> None:
    headers = {"Idempotency-Key": "second try"[:6]}
    assert post(server, b"no photo", headers=headers).status_code == 415
    assert post(server, headers=headers).status_code == 202


def test_a_key_survives_a_restart(tmp_path: Path) -> None:
    headers = {"Idempotency-Key": "k"}
    with running_server(tmp_path / "server", model={"name": "slow"}) as server:
        first = post(server, headers=headers).json()
        server.kill()
    with running_server(tmp_path / "server", model={"name": "slow"}) as server:
        answer = post(server, headers=headers)
        assert answer.headers["idempotent-replayed"] == "true"
        assert answer.json()["id"] == first["id"]


def test_when_as_many_wait_as_may_others_are_told_to_come_later(tmp_path: Path) -> None:
    limits = {"max_requests": 2, "max_workers": 1}
    with running_server(tmp_path / "server", model={"name": "deaf"}, performance=limits) as server:
        running = server.submit()
        server.wait(running, "converting")
        assert [post(server).status_code for _ in range(2)] == [202, 202]
        answer = post(server)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:wheatstone:queue-full")
        assert int(answer.headers["retry-after"]) > 0


def test_an_urgent_job_goes_first(tmp_path: Path) -> None:
    one_at_a_time = {"max_workers": 1}
    with running_server(tmp_path / "server", model={"name": "instant"}, performance=one_at_a_time) as server:
        first = post(server, model="deaf").json()["id"]
        server.wait(first, "converting")
        ordinary = [post(server, priority=priority).json()["id"] for priority in (0, -5, 0)]
        urgent = post(server, priority=7).json()["id"]
        assert server.job(urgent)["queue_position"] == 1
        server.http.post(f"/v1/jobs/{first}/cancel")
        begun = {job: server.wait(job)["started_at"] for job in (*ordinary, urgent)}
        assert sorted(begun, key=lambda job: str(begun[job])) == [urgent, ordinary[0], ordinary[2], ordinary[1]]


def test_a_job_that_works_too_long_fails_and_frees_its_place(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "deaf"}) as server:
        late = server.wait(post(server, time_limit_s=0.5).json()["id"])
        assert (late["status"], late["error"]["code"]) == ("failed", "time-limit")
        assert server.wait(post(server, model="instant").json()["id"])["status"] == "completed"


def test_slow_photos_from_elsewhere_hold_up_nobody_else(server: LiveServer) -> None:
    release = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        release.wait(60)
        sends(b"late", 404)(request)

    with serving(answer) as there, ThreadPoolExecutor(40) as threads:
        slow = [
            threads.submit(server.http.post, "/v1/jobs", json={"image_url": f"{there.url}/{i}.jpg"})
            for i in range(40)
        ]
        assert post(server, headers={"Prefer": "wait=60"}).json()["status"] == "completed"
        assert not any(each.done() for each in slow)
        release.set()
        assert {each.result().status_code for each in slow} == {502}


def test_a_photo_that_comes_slowly_does_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    begun, release = threading.Event(), threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        begun.set()
        with contextlib.suppress(OSError):  # hung up on
            while not release.wait(0.1):
                request.wfile.write(b"x")

    egress = {"allow_private": ["127.0.0.0/8"]}
    with (
        serving(drip) as there,
        running_server(tmp_path, model={"name": "instant"}, egress=egress) as server,
        ThreadPoolExecutor(1) as asking,
    ):
        answer = asking.submit(server.http.post, "/v1/jobs", json={"image_url": f"{there.url}/a.jpg"})
        assert begun.wait(60)
        assert server.terminate() == 0
        release.set()
        assert (answer.result().status_code, answer.result().headers["retry-after"]) == (503, "10")


def test_files_on_their_way_can_lie_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    model = {"name": "slow", "temp_dir": str(elsewhere)}
    with running_server(tmp_path / "server", model=model) as server:
        task_id = server.submit()
        server.wait(task_id, "converting")
        (folder,) = elsewhere.iterdir()
        assert folder.name.startswith("wheatstone-")
        assert list(folder.iterdir())
        assert not (server.folder / "output" / "results" / "work").exists()
        assert server.wait(task_id)["status"] == "completed"


def test_the_key_of_a_deleted_job_is_free_again(server: LiveServer) -> None:
    headers = {"Idempotency-Key": "again"}
    first = post(server, headers=headers).json()["id"]
    server.wait(first)
    server.http.delete(f"/v1/jobs/{first}")
    answer = post(server, headers=headers)
    assert (answer.status_code, answer.json()["id"] == first) == (202, False)
