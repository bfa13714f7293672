from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.live import PHOTO, LiveServer, running_server


def test_a_job_tells_all_that_is_known(server: LiveServer, done: str) -> None:
    job = server.job(done)
    assert job["id"] == done
    assert (job["kind"], job["status"], job["done"]) == ("splat", "completed", True)
    assert (job["model"], job["label"], job["licence"]) == ("instant", "instant: made for tests", "MIT")
    assert job["source_name"] == "photo.jpg"
    assert job["gaussians"] == 256
    assert {"decode", "work", "ply", "sog", "poster"} <= set(job["seconds"])
    assert job["error"] is job["stage"] is job["progress"] is job["queue_position"] is None
    assert job["view"]["fx"] == 500
    moments = [datetime.fromisoformat(job[name]) for name in ("created_at", "started_at", "finished_at")]
    assert moments == sorted(moments)
    assert moments[0].tzinfo is not None


def test_artifacts_are_where_the_job_says(server: LiveServer, done: str) -> None:
    for artifact in server.job(done)["artifacts"]:
        assert artifact["url"].startswith(server.url)
        answer = server.http.get(artifact["url"]).raise_for_status()
        assert len(answer.content) == artifact["bytes"]
        assert answer.headers["content-type"] == artifact["type"]


def test_the_metadata_tell_how_the_scene_was_made(server: LiveServer, done: str) -> None:
    facts = server.http.get(f"/v1/jobs/{done}/artifacts/metadata.json").raise_for_status().json()
    job = server.job(done)
    for name in ("model", "label", "licence", "gaussians", "seconds"):
        assert facts[name] == job[name], name
    assert (facts["device"], facts["dtype"], facts["input_size"]) == ("cpu", "", None)
    camera = server.http.get(f"/metadata/{done}").json()
    for name in ("intrinsic_matrix", "extrinsic_matrix"):
        assert facts["camera"][name] == camera[name], name
    assert {facts["camera"]["width_px"], facts["camera"]["height_px"]} == set(camera["image_size"])


def test_an_artifact_of_another_name_is_404(server: LiveServer, done: str) -> None:
    for name in ("output.ply", "..%2foutput.sog", "nothing"):
        assert server.http.get(f"/v1/jobs/{done}/artifacts/{name}").status_code == 404


def test_a_failed_job_tells_why(server: LiveServer) -> None:
    job = server.wait(server.submit(PHOTO.read_bytes()[:20_000]))
    assert job["error"]["code"] == "bad-picture"
    assert job["error"]["title"] == "Not a readable picture"
    assert "truncated" in job["error"]["detail"]
    assert job["artifacts"] == []


def test_a_job_that_has_ended_cannot_be_cancelled(server: LiveServer, done: str) -> None:
    assert server.http.post(f"/v1/jobs/{done}/cancel").json()["status"] == "completed"
    assert server.http.post("/v1/jobs/nope/cancel").status_code == 404


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with running_server(tmp_path_factory.mktemp("slow"), model={"name": "slow"}) as server:
        yield server


def test_a_running_job_tells_its_stage(slow_server: LiveServer) -> None:
    task_id = slow_server.submit()
    seen = set()
    while not (job := slow_server.job(task_id))["done"]:
        if job["stage"] == "work":
            assert 0 <= job["progress"] <= 1
            seen.add(job["progress"])
    assert len(seen) > 3


def test_a_running_job_can_be_cancelled_and_leaves_nothing(slow_server: LiveServer) -> None:
    task_id = slow_server.submit()
    slow_server.wait(task_id, "converting")
    job = slow_server.http.post(f"/v1/jobs/{task_id}/cancel").json()
    assert (job["status"], job["done"], job["error"]["code"]) == ("cancelled", True, "cancelled")
    assert slow_server.statuses(task_id, after=0) == ["queued", "converting", "failed"]
    assert slow_server.http.get(f"/status/{task_id}").json()["message"] == "Cancelled."
    follower = slow_server.submit()
    assert slow_server.wait(follower)["status"] == "completed"  # the place is free, the child warm
    assert not (slow_server.folder / "output" / "results" / "tasks" / task_id).exists()
    assert slow_server.job(task_id)["status"] == "cancelled"


def test_a_waiting_job_can_be_cancelled(slow_server: LiveServer) -> None:
    first, second = slow_server.submit(), slow_server.submit()
    assert slow_server.http.post(f"/v1/jobs/{second}/cancel").json()["status"] == "cancelled"
    assert slow_server.wait(first)["status"] == "completed"
    assert slow_server.statuses(second, after=0) == ["queued", "failed"]


def test_a_model_that_does_not_listen_is_stopped_and_jobs_that_wait_know_their_place(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "deaf"}) as server:
        ids = [server.submit() for _ in range(5)]
        while not server.notes:
            time.sleep(0.01)
        positions = [server.job(task_id)["queue_position"] for task_id in ids]
        assert positions.count(None) == 1
        assert [position for position in positions if position] == [1, 2, 3, 4]
        for task_id in reversed(ids):
            server.http.post(f"/v1/jobs/{task_id}/cancel")
        while server.http.get("/health").json()["model_loaded"]:
            time.sleep(0.05)
        assert server.http.get("/health").json()["status"] == "healthy"
