"""The application: every surface, behind the same guards, on one runtime."""

from __future__ import annotations

from fastapi import FastAPI

from wheatstone.jobs import Runtime
from wheatstone.server import health
from wheatstone.server.auth import KeyGuard, keys_wanted
from wheatstone.server.guards import BodyLimit, OriginGuard, hosts_allowed
from wheatstone.server.metrics import Metrics, add_metrics
from wheatstone.server.pages import add_pages
from wheatstone.server.problems import add_problems
from wheatstone.server.readings import readings
from wheatstone.server.surfaces import batches, deliveries, generate3d, jobs, mlsharp, reconstruction, sharp
from wheatstone.version import VERSION

_FORM_BYTES = 1_000_000
"""What a form may hold beside its file."""


def create_app(runtime: Runtime) -> FastAPI:
    """The ASGI application of a runtime; whoever makes both starts and stops the runtime.

    Raises:
        BadOptionError: requests must show a key, and the settings have none.
    """
    settings = runtime.settings
    app = FastAPI(
        title="Wheatstone",
        version=VERSION,
        description="Photos to 3D Gaussian splats, as tasks that survive anything.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.runtime = runtime
    add_problems(app)
    for surface in (sharp, mlsharp, reconstruction, generate3d, jobs, batches, deliveries, health):
        app.include_router(surface.router)
    add_pages(app)
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.pictures.max_bytes + _FORM_BYTES,
        larger={batches.router.prefix: settings.jobs.max_batch_bytes},
    )
    if keys := keys_wanted(settings):
        app.add_middleware(KeyGuard, keys=keys)
    app.add_middleware(OriginGuard, hosts=hosts_allowed(settings.server.host, settings.server.allowed_hosts))
    if settings.monitoring.enabled:
        app.state.metrics = Metrics(settings, lambda: readings(runtime))
        runtime.observers.append(app.state.metrics)
        add_metrics(app, app.state.metrics, settings.monitoring.metrics_path)
    return app
