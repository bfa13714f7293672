"""How the server stands at one moment, for metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wheatstone.jobs import Runtime
from wheatstone.storage import Status


@dataclass(frozen=True, slots=True)
class CacheReading:
    """What the cache of results has done and holds.

    Attributes:
        hits: requests answered from it since the start.
        misses: requests that were not.
        entries: results it holds.
        size_bytes: what those take.
    """

    hits: int
    misses: int
    entries: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Readings:
    """How the server stands.

    Attributes:
        active_tasks: those under way.
        queued_tasks: those that wait.
        child_restarts: child processes that ended by themselves and had to be started again, since the start.
        cache: of results; None if there is none.
        deliveries: status to number of webhooks and callbacks.
    """

    active_tasks: int
    queued_tasks: int
    child_restarts: int
    cache: CacheReading | None = None
    deliveries: Mapping[str, int] = field(default_factory=dict)


def readings(runtime: Runtime) -> Readings:
    """How a runtime stands now; asks the database, so call it in a thread."""
    services = runtime.services
    counts = services.tasks.counts()
    kept = services.cache.statistics
    return Readings(
        active_tasks=counts.get(Status.CONVERTING, 0) + counts.get(Status.COMPRESSING, 0),
        queued_tasks=counts.get(Status.QUEUED, 0),
        child_restarts=sum(pool.restarts for pool in [*services.executor.pools, services.finishers]),
        cache=CacheReading(kept.hits, kept.misses, kept.size, kept.size_bytes) if kept.enabled else None,
        deliveries=runtime.deliveries.store.counts(),
    )
