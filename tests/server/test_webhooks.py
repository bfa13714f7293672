from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.receiver import Receiver, receiving
from tests.live import PATIENCE_S, PHOTO, LiveServer, running_server
from tests.servers import sends

URL = "https://example.com/webhook/completed"
DELIVERING: dict[str, Any] = {"webhook": {"enabled": True}, "egress": {"allow_private": ["127.0.0.0/8"]}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("server")
    with running_server(folder, model={"name": "instant"}, webhook={"task_failed": f"{URL}/failed"}) as server:
        yield server


def test_webhooks_are_registered_listed_and_unregistered_as_documented(server: LiveServer) -> None:
    answer = server.http.post("/v1/webhooks", json={"event_type": "task_completed", "url": URL})
    assert answer.status_code == 200
    assert answer.json() == {"status": "success", "message": f"Webhook 已注册: task_completed -> {URL}"}
    listed = {"enabled": False, "webhooks": {"task_completed": URL, "task_failed": f"{URL}/failed"}}
    assert server.http.get("/v1/webhooks").json() == listed
    answer = server.http.delete("/v1/webhooks/task_completed")
    assert answer.json() == {"status": "success", "message": "Webhook 已注销: task_completed"}
    assert server.http.get("/v1/webhooks").json()["webhooks"] == {"task_failed": f"{URL}/failed"}
    assert server.http.delete("/v1/webhooks/task_completed").status_code == 404


@pytest.mark.parametrize(
    "registration",
    [{"event_type": "task_begun", "url": URL}, {"event_type": "task_failed", "url": "ftp://example.com"}, {}],
)
def test_a_registration_that_cannot_be_used_is_refused(server: LiveServer, registration: dict[str, str]) -> None:
    assert server.http.post("/v1/webhooks", json=registration).status_code == 422


def test_a_bad_secret_ends_the_start_with_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="WHEATSTONE_WEBHOOK__SECRET must be whsec_"),
        running_server(tmp_path, webhook={"secret": "secret"}),
    ):
        pass
    assert "Traceback" not in (tmp_path / "log").read_text()


def told(receiver: Receiver, count: int) -> list[dict[str, Any]]:
    """The bodies of so many calls, once they have come."""
    deadline = time.monotonic() + PATIENCE_S
    while len(receiver.calls) < count:
        assert time.monotonic() < deadline, f"{len(receiver.calls)} calls"
        time.sleep(0.02)
    return [json.loads(call.body) for call in receiver.calls]


def test_whoever_is_registered_is_told_how_tasks_end(tmp_path: Path) -> None:
    settings: dict[str, Any] = {**DELIVERING, "cache": {"enabled": True}}
    with receiving() as receiver, running_server(tmp_path, model={"name": "instant"}, **settings) as server:
        for event in ("task_completed", "task_failed"):
            server.http.post("/v1/webhooks", json={"event_type": event, "url": receiver.url})
        done, failed = server.submit(), server.submit(PHOTO.read_bytes()[:20_000])
        server.wait(done)
        kept = server.submit()
        assert server.job(kept)["cache_hit"]
        by_task = {body["task_id"]: body for body in told(receiver, 3)}
        assert {by_task[task_id]["event"] for task_id in (done, kept)} == {"task_completed"}
        assert by_task[done]["url"] == f"/files/{done}/output.sog"
        assert by_task[failed]["event"] == "task_failed"
        assert "truncated" in by_task[failed]["error"]


def test_a_webhook_that_was_not_delivered_survives_a_kill(tmp_path: Path) -> None:
    with receiving(sends(b"", 500), sends(b"")) as receiver:
        with running_server(tmp_path, model={"name": "instant"}, **DELIVERING) as server:
            server.http.post("/v1/webhooks", json={"event_type": "task_completed", "url": receiver.url})
            task_id = server.submit()
            told(receiver, 1)
            server.kill()
        with running_server(tmp_path, model={"name": "instant"}, **DELIVERING):
            assert [body["task_id"] for body in told(receiver, 2)] == [task_id, task_id]
            first, second = receiver.calls
            assert first.headers["webhook-id"] == second.headers["webhook-id"]
