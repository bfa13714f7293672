from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.live import PATIENCE_S, PHOTO, LiveServer, running_server
from tests.server.test_jobs import told

GOOD = PHOTO.read_bytes()


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running_server(tmp_path_factory.mktemp("slow"), model={"name": "slow"}) as server:
        yield server


def post(
    server: LiveServer, *photos: tuple[str, bytes], headers: dict[str, str] | None = None, **fields: Any
) -> httpx2.Response:
    files = [("file", photo) for photo in photos]
    return server.http.post("/v1/batches", files=files, data=fields, headers=headers)


def wait(server: LiveServer, batch_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        batch: dict[str, Any] = server.http.get(f"/v1/batches/{batch_id}").raise_for_status().json()
        if batch["done"]:
            return batch
        time.sleep(0.05)
    raise AssertionError(server.log)


def test_photos_that_come_together_are_done_and_the_rest_is_told(server: LiveServer) -> None:
    answer = post(server, ("a.jpg", GOOD), ("notes.txt", b"dear diary"), ("b.jpg", GOOD), focal_length=600)
    assert answer.status_code == 202
    batch = answer.json()
    assert answer.headers["location"] == f"{server.url}/v1/batches/{batch['id']}"
    assert [job["source_name"] for job in batch["jobs"]] == ["a.jpg", "b.jpg"]
    ((rejected),) = batch["rejected"]
    assert (rejected["name"], rejected["error"]["code"]) == ("notes.txt", "bad-picture")
    done = wait(server, batch["id"])
    assert done["counts"] == {"completed": 2}
    assert {job["view"]["fx"] for job in done["jobs"]} == {600}
    assert {job["batch_id"] for job in done["jobs"]} == {batch["id"]}
    listed = server.http.get("/v1/jobs", params={"batch": batch["id"]}).json()["jobs"]
    assert {job["id"] for job in listed} == {job["id"] for job in done["jobs"]}


def test_a_batch_without_a_photo_is_done(server: LiveServer) -> None:
    batch = post(server, ("a.txt", b"a"), ("b.txt", b"b")).json()
    assert (batch["done"], batch["jobs"], len(batch["rejected"])) == (True, [], 2)
    assert told(server, f"/v1/batches/{batch['id']}/events") == []


def test_only_files_make_a_batch(server: LiveServer) -> None:
    elsewhere = server.http.post("/v1/batches", json={"image_url": "http://192.0.2.1/a.jpg"})
    fields = server.http.post("/v1/batches", data={"file": "x" * 2_000_000})
    for answer in (elsewhere, fields):
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:wheatstone:bad-request")
        assert answer.json()["detail"] == "file: a photo must be sent as a file."


def test_a_batch_takes_little_memory_however_large_its_photos_are(tmp_path: Path) -> None:
    limits = {"max_bytes": 4_000_000}
    photos = [(f"{n}.jpg", GOOD + n.to_bytes(1, "big") * 3_800_000) for n in range(60)]
    with running_server(tmp_path, model={"name": "instant"}, pictures=limits) as server:
        memory = psutil.Process(server.process.pid)
        post(server, photos[0])
        before_bytes, most_bytes = memory.memory_info().rss, 0
        with ThreadPoolExecutor(1) as sending:
            answer = sending.submit(post, server, *photos, ("large.jpg", GOOD * 1000))
            while not answer.done():
                most_bytes = max(most_bytes, memory.memory_info().rss)
                time.sleep(0.005)
        batch = answer.result().json()
        assert (len(batch["jobs"]), batch["rejected"][0]["error"]["code"]) == (60, "picture-too-large")
        assert most_bytes - before_bytes < 80_000_000


def test_one_stream_tells_of_all_jobs_of_a_batch(slow_server: LiveServer) -> None:
    batch = post(slow_server, *((f"{i}.jpg", GOOD) for i in range(3))).json()
    url = f"/v1/batches/{batch['id']}/events"
    events = told(slow_server, url + "?progress=true")
    statuses = [(data["job_id"], data["status"]) for kind, _, data in events if kind == "status"]
    for job in batch["jobs"]:
        mine = [status for job_id, status in statuses if job_id == job["id"]]
        assert mine == ["queued", "converting", "compressing", "completed"]
    assert {data["job_id"] for kind, _, data in events if kind == "progress"} == {
        job["id"] for job in batch["jobs"]
    }
    again = told(slow_server, url)
    assert [(data["job_id"], data["status"]) for _, _, data in again] == statuses
    assert told(slow_server, url, again[4][1]) == again[5:]


def test_results_come_as_one_archive_named_like_the_photos(server: LiveServer) -> None:
    names = ["holiday.jpg", "holiday.jpg", "../../etc/passwd.png", "..", "Straße 東京.jpg", "Holiday.jpg"]
    batch = wait(server, post(server, *((name, GOOD) for name in names)).json()["id"])
    answer = server.http.get(f"/v1/batches/{batch['id']}/results.zip")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        found = archive.namelist()
        assert found[:3] == ["holiday.sog", "holiday-2.sog", "passwd.sog"]
        assert found[3] == f"{batch['jobs'][3]['id']}.sog"
        assert found[4:] == ["Straße 東京.sog", "Holiday-3.sog"]
        artifact = next(made for made in batch["jobs"][0]["artifacts"] if made["name"] == "output.sog")
        assert archive.read("holiday.sog") == server.http.get(artifact["url"]).content


def test_other_files_are_packed_when_asked_for(server: LiveServer) -> None:
    batch = wait(server, post(server, ("a.jpg", GOOD), keep_ply="true").json()["id"])
    params = {"artifact": ["output.ply", "poster.webp"]}
    answer = server.http.get(f"/v1/batches/{batch['id']}/results.zip", params=params)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert sorted(archive.namelist()) == ["a.ply", "a.webp"]


def test_a_batch_can_be_cancelled(slow_server: LiveServer) -> None:
    batch = post(slow_server, *((f"{i}.jpg", GOOD) for i in range(4)), model="deaf").json()
    url = f"/v1/batches/{batch['id']}"
    while not slow_server.http.get(url).json()["counts"].get("converting"):
        time.sleep(0.02)
    cancelled = slow_server.http.post(f"{url}/cancel").json()
    assert cancelled["done"]
    assert cancelled["counts"] == {"cancelled": 4}


def test_a_deleted_batch_leaves_nothing(server: LiveServer) -> None:
    batch = wait(server, post(server, ("a.jpg", GOOD), ("b.jpg", GOOD)).json()["id"])
    assert server.http.delete(f"/v1/batches/{batch['id']}").status_code == 204
    assert server.http.get(f"/v1/batches/{batch['id']}").status_code == 404
    assert server.http.get(f"/v1/jobs/{batch['jobs'][0]['id']}").status_code == 404


def test_requests_with_one_key_are_one_batch(server: LiveServer) -> None:
    headers = {"Idempotency-Key": "batch"}
    first = post(server, ("a.jpg", GOOD), headers=headers)
    second = post(server, ("a.jpg", GOOD), headers=headers)
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["idempotent-replayed"] == "true"
    assert post(server, ("b.jpg", GOOD), headers=headers).status_code == 422


def test_a_batch_goes_on_after_a_kill(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "slow"}) as server:
        batch = post(server, *((f"{i}.jpg", GOOD) for i in range(3))).json()
        server.wait(batch["jobs"][0]["id"], "completed")
        server.kill()
    with running_server(tmp_path / "server", model={"name": "slow"}) as server:
        assert wait(server, batch["id"])["counts"] == {"completed": 3}
