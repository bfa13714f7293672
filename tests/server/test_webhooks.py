from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveServer, running_server

URL = "https://example.com/webhook/completed"


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
