"""Metrics for Prometheus: what is counted as it happens, and what is read when somebody asks.

Each application has a registry of its own. Labels take few values, whatever clients send: an endpoint is the
template of its route, and all paths without one are one endpoint.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wheatstone.server.gpus import gpus
from wheatstone.server.readings import Readings
from wheatstone.settings import Settings
from wheatstone.storage import Status, Task
from wheatstone.version import VERSION

_log = logging.getLogger(__name__)

UNKNOWN_ENDPOINT = "unknown"
"""Stands for all paths that no route has."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_GONE = 499
_REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_PREDICT_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_STAGES = {
    "decode": "image_load",
    "load": "model_load",
    "ply": "ply_save",
    "sog": "sog",
    "external compressor": "sog",
    "poster": "poster",
}
_INFERENCE = "inference"  # whatever stages a model has
_OUTCOMES = {Status.COMPLETED: "success", Status.FAILED: "error", Status.CANCELLED: "cancelled"}


class _Registry(CollectorRegistry):
    """Leaves out when each series began, which would double their number and which nobody asked for."""

    def collect(self) -> Iterator[Metric]:
        for family in super().collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class Metrics:
    """The metrics of one application; a `JobObserver`.

    Attributes:
        registry: holds them all.
    """

    def __init__(self, settings: Settings, read: Callable[[], Readings]) -> None:
        """`read` says how the server stands; it is called in threads, whenever somebody asks."""
        self.registry = _Registry()
        registry = self.registry
        self._requests = Counter(
            "http_requests", "Requests answered.", ["method", "endpoint", "status"], registry=registry
        )
        self._request_s = Histogram(
            "http_request_duration_seconds",
            "Seconds from a request to the end of its answer; of event streams, to its beginning.",
            ["method", "endpoint"],
            buckets=_REQUEST_S,
            registry=registry,
        )
        self._streams = Gauge(
            "wheatstone_open_event_streams", "Event streams that clients follow now.", registry=registry
        )
        self._predicts = Counter("predict_requests", "Tasks that have ended.", ["status"], registry=registry)
        for outcome in _OUTCOMES.values():
            self._predicts.labels(outcome)
        self._predict_s = Histogram(
            "predict_duration_seconds",
            "Seconds from accepting a photo to its result, waiting included.",
            buckets=_PREDICT_S,
            registry=registry,
        )
        self._stage_s = Histogram(
            "predict_stage_duration_seconds",
            "Seconds that a stage took; total is all of the work, waiting not included.",
            ["stage"],
            buckets=_PREDICT_S,
            registry=registry,
        )
        Info("app", "This program.", registry=registry).info({"name": "wheatstone", "version": VERSION})
        width_px, height_px = settings.inference.input_size
        size = Gauge("input_size_info", "Size at which sharp sees photos.", ["width", "height"], registry=registry)
        size.labels(width_px, height_px).set(1)
        ProcessCollector(registry=registry)
        registry.register(_Now(read))
        if settings.monitoring.enable_gpu:
            registry.register(_Gpus())

    def finished(self, task: Task) -> None:
        """Count a task that has ended. One that never began was answered from the cache and took no stage."""
        self._predicts.labels(_OUTCOMES[task.status]).inc()
        if task.status is not Status.COMPLETED or task.finished_at is None:
            return
        self._predict_s.observe((task.finished_at - task.created_at).total_seconds())
        if task.started_at is not None:
            total_s = (task.finished_at - task.started_at).total_seconds()
            for name, seconds in {**_stages(task.facts.get("seconds", {})), "total": total_s}.items():
                self._stage_s.labels(name).observe(seconds)

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request."""
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        endpoint = _endpoint(scope)
        self._requests.labels(method, endpoint, status).inc()
        self._request_s.labels(method, endpoint).observe(seconds)

    def streaming(self, change: int) -> None:
        """Count an event stream that begins (1) or ends (-1)."""
        self._streams.inc(change)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All metrics as text in the format that an `Accept` header asks for, and its media type."""
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type


class MetricsMiddleware:
    """Counts requests and times them; must be around all other middleware.

    An event stream lasts as long as its task, which says nothing about the server: it is counted, and timed, when
    it begins.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and watch its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        status = _CLIENT_GONE
        is_stream = False

        async def watched(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                media_type = Headers(raw=message.get("headers", [])).get("content-type", "")
                if media_type.startswith("text/event-stream"):
                    is_stream = True
                    self._metrics.streaming(1)
                    self._metrics.answered(scope, status, time.perf_counter() - began_s)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            status = 500
            raise
        finally:
            if is_stream:
                self._metrics.streaming(-1)
            else:
                self._metrics.answered(scope, status, time.perf_counter() - began_s)


def add_metrics(app: FastAPI, metrics: Metrics, path: str) -> None:
    """Serve metrics at a path and count all requests; call it after all other middleware was added."""

    @app.get(path, include_in_schema=False)
    def scrape(request: Request) -> Response:  # in a thread: it asks the database and drivers
        text, media_type = metrics.exposition(request.headers.get("accept", ""))
        return Response(text, media_type=media_type)

    app.add_middleware(MetricsMiddleware, metrics=metrics)


def _endpoint(scope: Scope) -> str:
    """The template of a request's route, of files that of their folder."""
    path = getattr(scope.get("route"), "path", None)
    if isinstance(path, str):
        return path
    folder = str(scope.get("root_path", "")).removeprefix(str(scope.get("app_root_path", "")))
    return f"{folder}/{{path}}" if "app_root_path" in scope and folder else UNKNOWN_ENDPOINT


def _stages(seconds: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, duration_s in seconds.items():
        stage = _STAGES.get(name, _INFERENCE)
        found[stage] = found.get(stage, 0.0) + duration_s
    return found


class _Now(Collector):
    """How the server stands when asked; without a database, nothing of that is told."""

    def __init__(self, read: Callable[[], Readings]) -> None:
        self._read = read

    def describe(self) -> list[Metric]:
        """Nothing, so that registering this asks nobody yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        try:
            now = self._read()
        except SQLAlchemyError:
            _log.exception("the database cannot be read; its metrics are left out")
            return
        yield GaugeMetricFamily("active_tasks", "Tasks under way.", now.active_tasks)
        yield GaugeMetricFamily("wheatstone_queued_tasks", "Tasks that wait.", now.queued_tasks)
        yield CounterMetricFamily(
            "wheatstone_child_restarts", "Child processes that ended by themselves.", now.child_restarts
        )
        if cache := now.cache:
            yield CounterMetricFamily("wheatstone_cache_hits", "Requests answered from the cache.", cache.hits)
            yield CounterMetricFamily("wheatstone_cache_misses", "Requests not in the cache.", cache.misses)
            yield GaugeMetricFamily("wheatstone_cache_entries", "Results that the cache holds.", cache.entries)
            yield GaugeMetricFamily("wheatstone_cache_bytes", "Bytes that those take.", cache.size_bytes)
        if now.deliveries:
            family = GaugeMetricFamily(
                "wheatstone_deliveries", "Webhooks and callbacks by status.", labels=["status"]
            )
            for status, count in now.deliveries.items():
                family.add_metric([status], count)
            yield family


class _Gpus(Collector):
    """What drivers say when asked."""

    def describe(self) -> list[Metric]:
        """Nothing, so that registering this asks nobody yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics; none without GPUs."""
        found = gpus()
        if not found:
            return
        used = GaugeMetricFamily("gpu_memory_used_mb", "GPU memory in use.", labels=["device_id"])
        busy = GaugeMetricFamily("gpu_utilization_percent", "How busy a GPU is.", labels=["device_id"])
        info = GaugeMetricFamily("gpu_info", "GPUs.", labels=["device_id", "name", "vendor"])
        for gpu in found:
            info.add_metric([gpu.device_id, gpu.name, gpu.vendor], 1)
            if gpu.memory_used_mb is not None:
                used.add_metric([gpu.device_id], gpu.memory_used_mb)
            if gpu.utilization_percent is not None:
                busy.add_metric([gpu.device_id], gpu.utilization_percent)
        yield from (used, busy, info)
