from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

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
    first = slow_server.submit()
    slow_server.wait(first, "converting")
    second = slow_server.submit()
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


def told(server: LiveServer, url: str, after: str | None = None) -> list[tuple[str, str, dict[str, Any]]]:
    """Kind, id and data of all events that a stream tells until it ends."""
    events = []
    headers = {} if after is None else {"Last-Event-ID": after}
    with server.http.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        for block in "\n".join(answer.iter_lines()).split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if fields:
                events.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    return events


def test_a_jobs_events_are_all_told_and_go_on_after_the_last_one_seen(server: LiveServer, done: str) -> None:
    events = told(server, f"/v1/jobs/{done}/events")
    assert [data["status"] for _, _, data in events] == ["queued", "converting", "compressing", "completed"]
    assert {data["job_id"] for _, _, data in events} == {done}
    assert told(server, f"/v1/jobs/{done}/events", events[1][1]) == events[2:]
    assert server.http.get("/v1/jobs/nope/events").status_code == 404


def test_progress_is_told_to_who_asks_for_it(slow_server: LiveServer) -> None:
    task_id = slow_server.submit()
    events = told(slow_server, f"/v1/jobs/{task_id}/events?progress=true")
    moves = [data for kind, _, data in events if kind == "progress" and data["stage"] == "work"]
    assert [move["fraction"] for move in moves] == sorted(move["fraction"] for move in moves)
    assert len(moves) > 3
    assert events[-1][2]["status"] == "completed"


def test_jobs_are_listed_page_by_page(server: LiveServer) -> None:
    ids = [server.submit(focal_length=100 + i) for i in range(3)]
    for task_id in ids:
        server.wait(task_id)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = server.http.get("/v1/jobs", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next"]
    assert seen[:3] == ids[::-1]
    assert len(set(seen)) == len(seen)


def test_jobs_are_listed_by_what_they_are(server: LiveServer, done: str) -> None:
    failed = server.submit(PHOTO.read_bytes()[:20_000])
    server.wait(failed)

    def listed(**params: Any) -> set[str]:
        return {job["id"] for job in server.http.get("/v1/jobs", params=params).json()["jobs"]}

    assert failed in listed(status="failed")
    assert done not in listed(status="failed")
    assert {failed, done} <= listed(status=["failed", "completed"], limit=200)
    assert listed(model="nobody") == set()
    assert server.http.get("/v1/jobs", params={"cursor": "?"}).status_code == 422
    assert server.http.get("/v1/jobs", params={"status": "lost"}).status_code == 422


def test_a_deleted_job_leaves_nothing(server: LiveServer) -> None:
    photo = PHOTO.read_bytes() + b"only here"
    task_id = server.submit(photo)
    job = server.wait(task_id)
    results = server.folder / "output" / "results"
    assert (results / "photos" / job["picture_id"]).exists()
    assert server.http.delete(f"/v1/jobs/{task_id}").status_code == 204
    assert server.http.get(f"/v1/jobs/{task_id}").status_code == 404
    assert server.http.delete(f"/v1/jobs/{task_id}").status_code == 404
    assert not list((results / "tasks").rglob(f"{task_id}/*"))
    assert not (results / "photos" / job["picture_id"]).exists()


def test_a_running_job_can_be_deleted_and_its_followers_are_told(slow_server: LiveServer) -> None:
    task_id = slow_server.submit()
    slow_server.wait(task_id, "converting")
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(told, slow_server, f"/v1/jobs/{task_id}/events")
        time.sleep(0.3)
        assert slow_server.http.delete(f"/v1/jobs/{task_id}").status_code == 204
        assert following.result()[-1][2]["status"] in ("converting", "cancelled")
    assert slow_server.http.get(f"/v1/jobs/{task_id}").status_code == 404
    assert slow_server.wait(slow_server.submit())["status"] == "completed"
    assert "Traceback" not in slow_server.log


def test_a_signed_link_works_until_it_is_over(server: LiveServer, done: str) -> None:
    link = server.http.post(f"/v1/jobs/{done}/artifacts/output.sog/link", params={"lifetime_s": 1}).json()
    assert server.http.get(link["url"]).status_code == 200
    assert server.http.get(link["url"], headers={"Range": "bytes=0-3"}).status_code == 206
    tampered = [
        link["url"].replace("output.sog", "poster.webp"),
        link["url"].replace("expires=1", "expires=2"),
        link["url"].replace("signature=", "signature=é"),
    ]
    for url in tampered:
        assert server.http.get(url).json()["type"] == "urn:wheatstone:bad-link"
    while server.http.get(link["url"]).status_code == 200:
        time.sleep(0.1)
    over = server.http.get(link["url"])
    assert (over.status_code, over.json()["detail"]) == (403, "This link is over; ask for a new one.")
    assert server.http.post(f"/v1/jobs/{done}/artifacts/nothing/link").status_code == 404
