from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from fastapi.staticfiles import StaticFiles
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from tests.documents import MLSHARP, text
from tests.rows import BEGAN, task
from wheatstone.errors import BadOptionError, ServerBusyError
from wheatstone.server import metrics as module
from wheatstone.server.gpus import Gpu
from wheatstone.server.metrics import Metrics, add_metrics
from wheatstone.server.metrics_server import serving_metrics
from wheatstone.server.readings import CacheReading, Readings
from wheatstone.settings import Settings
from wheatstone.storage import Status

EVENTS = (("endpoint", "/events"), ("method", "GET"))
NOW = Readings(active_tasks=2, queued_tasks=3, child_restarts=1)
FULL = replace(NOW, cache=CacheReading(120, 30, 45, 1000), deliveries={"delivered": 4, "failed": 1})
DONE = task(
    status=Status.COMPLETED,
    facts={
        "seconds": {"decode": 1.0, "load": 2.0, "depth": 3.0, "lift": 4.0, "ply": 0.5, "sog": 5.0, "poster": 0.25}
    },
    started_at=BEGAN + timedelta(seconds=10),
    finished_at=BEGAN + timedelta(seconds=30),
)


def make_metrics(read: Callable[[], Readings] = lambda: NOW) -> Metrics:
    return Metrics(Settings(), read)


def make_app(metrics: Metrics) -> FastAPI:
    app = FastAPI()

    @app.get("/v1/jobs/{job_id}")
    async def job(job_id: str) -> str:
        if job_id == "bad":
            raise RuntimeError(job_id)
        if job_id == "none":
            raise HTTPException(404)
        return job_id

    @app.get("/events")
    async def events() -> StreamingResponse:
        async def told() -> AsyncIterator[str]:
            now = samples(metrics)
            is_timed = ("http_request_duration_seconds_count", EVENTS) in now
            yield f"data: {now['wheatstone_open_event_streams', ()]} {is_timed}\n\n"

        return StreamingResponse(told(), media_type="text/event-stream")

    app.mount("/assets", StaticFiles(directory=Path(__file__).parent))
    add_metrics(app, metrics, "/metrics")
    return app


def ask(app: FastAPI, *requests: tuple[str, str], accept: str = "*/*") -> list[httpx2.Response]:
    async def answers() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://here") as http:
            return [await http.request(method, path, headers={"Accept": accept}) for method, path in requests]

    return asyncio.run(answers())


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def families(metrics: Metrics) -> list[Metric]:
    return list(text_string_to_metric_families(metrics.exposition("")[0].decode()))


def samples(metrics: Metrics) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families(metrics)
        for sample in family.samples
    }


def requests(metrics: Metrics) -> dict[tuple[str, str, str], float]:
    """Method, endpoint and status to the number of requests."""
    return {
        (labels["method"], labels["endpoint"], labels["status"]): value
        for (name, pairs), value in samples(metrics).items()
        if name == "http_requests_total"
        for labels in [dict(pairs)]
    }


def test_every_metric_of_the_document_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu("0", "NVIDIA GeForce RTX 4090", "NVIDIA", 2048, 24564, 37)
    monkeypatch.setattr(module, "gpus", lambda: [gpu])
    metrics = make_metrics()
    documented = re.findall(r"^\| `(\w+)` +\| (Counter|Histogram|Gauge|Info) ", text(MLSHARP), re.MULTILINE)
    assert len(documented) == 11
    kinds = {family.name: family.type for family in families(metrics)}
    for name, kind in documented:
        assert kinds[name.removesuffix("_total")] == {"Info": "gauge"}.get(kind, kind.lower())
    found = samples(metrics)
    device = (("device_id", "0"),)
    assert found["gpu_memory_used_mb", device] == 2048
    assert found["gpu_utilization_percent", device] == 37
    assert found["gpu_info", (*device, ("name", gpu.name), ("vendor", "NVIDIA"))] == 1
    assert found["input_size_info", (("height", "1536"), ("width", "1536"))] == 1
    assert found["active_tasks", ()] == 2


def test_every_metric_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "gpus", lambda: [Gpu("0", "A", "AMD", 1, 1, 1)])
    page = (Path(__file__).parents[2] / "docs" / "server.md").read_text(encoding="utf-8")
    for family in families(make_metrics(lambda: FULL)):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert f"`{name}`" in page or name.startswith("process_"), name


def test_what_a_driver_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "gpus", lambda: [Gpu("0", "Tesla K80", "NVIDIA", None, 11441, None)])
    names = [name for name, _ in samples(make_metrics()) if name.startswith("gpu_")]
    assert names == ["gpu_info"]


def test_gpus_are_left_alone_if_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "gpus", lambda: pytest.fail("asked"))
    samples(Metrics(Settings.model_validate({"monitoring": {"enable_gpu": False}}), lambda: NOW))


def test_our_own_metrics_are_read_when_asked() -> None:
    found = samples(make_metrics(lambda: FULL))
    assert found["wheatstone_queued_tasks", ()] == 3
    assert found["wheatstone_child_restarts_total", ()] == 1
    assert found["wheatstone_cache_hits_total", ()] == 120
    assert found["wheatstone_cache_misses_total", ()] == 30
    assert found["wheatstone_cache_entries", ()] == 45
    assert found["wheatstone_cache_bytes", ()] == 1000
    assert found["wheatstone_deliveries", (("status", "failed"),)] == 1


def test_without_a_database_the_rest_is_still_told(caplog: pytest.LogCaptureFixture) -> None:
    def read() -> Readings:
        raise OperationalError("select", {}, Exception("gone"))

    found = samples(make_metrics(read))
    assert ("active_tasks", ()) not in found
    assert ("wheatstone_open_event_streams", ()) in found
    assert "cannot be read" in caplog.text


def test_a_task_counts_once_with_its_stages() -> None:
    metrics = make_metrics()
    metrics.finished(DONE)
    metrics.finished(replace(DONE, status=Status.FAILED))
    found = samples(metrics)
    outcomes = {status: found["predict_requests_total", (("status", status),)] for status in ("success", "error")}
    assert outcomes == {"success": 1, "error": 1}
    assert found["predict_duration_seconds_sum", ()] == 30
    stages = {
        dict(labels)["stage"]: value
        for (name, labels), value in found.items()
        if name == "predict_stage_duration_seconds_sum"
    }
    assert stages == {
        "image_load": 1,
        "model_load": 2,
        "inference": 7,
        "ply_save": 0.5,
        "sog": 5,
        "poster": 0.25,
        "total": 20,
    }


def test_an_answer_from_the_cache_takes_no_stages() -> None:
    metrics = make_metrics()
    metrics.finished(replace(DONE, started_at=None))
    found = samples(metrics)
    assert found["predict_duration_seconds_count", ()] == 1
    assert not [name for name, _ in found if name.startswith("predict_stage")]


def test_requests_are_counted_by_the_template_of_their_route() -> None:
    metrics = make_metrics()
    paths = ("/v1/jobs/1", "/v1/jobs/2", "/v1/jobs/none", "/v1/jobs/bad", "/assets/test_metrics.py", "/nowhere")
    ask(make_app(metrics), *(("GET", path) for path in paths), ("POST", "/v1/jobs/1"))
    assert requests(metrics) == {
        ("GET", "/v1/jobs/{job_id}", "200"): 2,
        ("GET", "/v1/jobs/{job_id}", "404"): 1,
        ("GET", "/v1/jobs/{job_id}", "500"): 1,
        ("POST", "/v1/jobs/{job_id}", "405"): 1,
        ("GET", "/assets/{path}", "200"): 1,
        ("GET", "unknown", "404"): 1,
    }


METRICS = make_metrics()
APP = make_app(METRICS)


@given(st.text(st.characters(codec="ascii"), max_size=20), st.sampled_from(["GET", "BREW", "PROPFIND", "get"]))
def test_no_path_or_method_makes_a_label_of_its_own(path: str, method: str) -> None:
    scope = {
        "type": "http",
        "method": method,
        "path": f"/{path}",
        "root_path": "",
        "headers": [],
        "query_string": b"",
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: object) -> None:
        """Nobody listens."""

    asyncio.run(APP(scope, receive, send))
    methods, endpoints, statuses = (set(values) for values in zip(*requests(METRICS), strict=True))
    assert methods <= {"GET", "OTHER"}
    assert endpoints <= {"unknown", "/v1/jobs/{job_id}", "/assets/{path}", "/metrics", "/events"}
    assert statuses <= {"200", "307", "404", "405"}


def test_an_event_stream_is_timed_when_it_begins_and_counted_while_it_lasts() -> None:
    metrics = make_metrics()
    (answer,) = ask(make_app(metrics), ("GET", "/events"))
    assert "data: 1.0 True" in answer.text
    found = samples(metrics)
    assert found["wheatstone_open_event_streams", ()] == 0
    assert found["http_request_duration_seconds_count", EVENTS] == 1
    assert requests(metrics) == {("GET", "/events", "200"): 1}


def test_metrics_are_served_in_the_format_asked_for() -> None:
    app = make_app(make_metrics())
    (plain,) = ask(app, ("GET", "/metrics"))
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    (opened,) = ask(app, ("GET", "/metrics"), accept="application/openmetrics-text; version=1.0.0")
    assert opened.headers["content-type"].startswith("application/openmetrics-text")
    assert "app" in [family.name for family in open_families(opened.text)]  # type: ignore[no-untyped-call]


def test_two_applications_count_apart() -> None:
    first, second = make_metrics(), make_metrics()
    ask(make_app(first), ("GET", "/v1/jobs/1"))
    make_app(second)
    assert sum(requests(first).values()) == 1
    assert requests(second) == {}


def test_nothing_tells_when_a_series_began() -> None:
    metrics = make_metrics()
    ask(make_app(metrics), ("GET", "/v1/jobs/1"))
    assert b"_created" not in metrics.exposition("")[0]


def test_a_port_of_their_own_has_them_too() -> None:
    with serving_metrics(make_metrics(), "127.0.0.1", 0) as port:
        answer = httpx2.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.status_code == 200
    assert "active_tasks 2.0" in answer.text


def test_a_port_for_metrics_that_is_in_use_is_told() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(ServerBusyError, match=r"for metrics, is in use: set another as monitoring\.port"),
        serving_metrics(make_metrics(), "127.0.0.1", other.getsockname()[1]),
    ):
        pytest.fail("it listens")


def test_an_address_for_metrics_that_is_not_ours_is_told() -> None:
    with (
        pytest.raises(BadOptionError, match="for metrics, cannot be listened on"),
        serving_metrics(make_metrics(), "192.0.2.1", 0),
    ):
        pytest.fail("it listens")
