"""Metrics and logs of a server that runs."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from tests.live import PATIENCE_S, LiveServer, running_server


def metrics(server: LiveServer) -> list[str]:
    return server.http.get("/metrics").raise_for_status().text.splitlines()


def test_a_task_and_its_requests_are_counted(server: LiveServer, done: str) -> None:
    lines = metrics(server)
    assert 'predict_requests_total{status="success"} 1.0' in lines
    assert 'predict_stage_duration_seconds_count{stage="inference"} 1.0' in lines
    assert 'predict_stage_duration_seconds_count{stage="total"} 1.0' in lines
    assert 'http_requests_total{endpoint="/predict",method="POST",status="202"} 1.0' in lines
    assert "active_tasks 0.0" in lines


def test_refused_hosts_are_counted_too(server: LiveServer) -> None:
    assert server.http.get("/health", headers={"Host": "evil.test"}).status_code == 421
    assert 'http_requests_total{endpoint="unknown",method="GET",status="421"} 1.0' in metrics(server)


def test_a_model_that_crashes_is_counted(tmp_path: Path) -> None:
    with running_server(tmp_path, model={"name": "crashing"}) as server:
        task_id = server.submit()
        assert server.wait(task_id)["status"] == "failed"
        lines = metrics(server)
        assert "wheatstone_child_restarts_total 3.0" in lines
        assert 'predict_requests_total{status="error"} 1.0' in lines


def test_metrics_can_be_turned_off(tmp_path: Path) -> None:
    with running_server(tmp_path, monitoring={"enabled": False}) as server:
        assert server.http.get("/metrics").status_code == 404


def test_metrics_have_a_port_of_their_own_when_asked(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = {"ENABLE_METRICS": "true", "METRICS_PORT": str(port)}
    with running_server(tmp_path, environment=variables) as server:
        server.http.get("/health")
        assert "http_requests_total" in httpx2.get(f"http://127.0.0.1:{port}/").text
        assert server.terminate() == 0


def test_a_servers_file_tells_what_its_terminal_does(tmp_path: Path) -> None:
    with running_server(tmp_path, model={"name": "instant"}, logging={"file": True}) as server:
        task_id = server.submit()
        server.wait(task_id)
        path = tmp_path / "logs" / f"mlsharp_{datetime.now(UTC).astimezone():%Y%m%d}.log"
        deadline = time.monotonic() + PATIENCE_S
        while f"task {task_id}: completed" not in path.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert server.terminate() == 0
        assert path.read_text() == server.log
        assert " | INFO     | wheatstone.jobs.services:move:" in server.log
