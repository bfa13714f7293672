"""Webhooks: who asked over the API to be told of what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa

from wheatstone.storage.deliveries import DeliveryStatus
from wheatstone.storage.tables import deliveries, webhooks


def _now() -> datetime:
    return datetime.now(UTC)


class WebhookStore:
    """Reads and writes which URL each event is told to; may be called from any thread."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime] = _now) -> None:
        self._engine = engine
        self._clock = clock

    def urls(self, connection: sa.Connection | None = None) -> dict[str, str | None]:
        """Event to URL, or to None where nobody is to be told; events that nobody spoke of are absent."""
        query = sa.select(webhooks.c.event_type, webhooks.c.url)
        if connection is not None:
            return {row.event_type: row.url for row in connection.execute(query)}
        with self._engine.connect() as own:
            return self.urls(own)

    def register(self, event_type: str, url: str) -> None:
        """Let an event be told to `url`, and to nobody else."""
        with self._engine.begin() as connection:
            self._put(connection, event_type, url)

    def unregister(self, event_type: str, *, kind: str, reason: str) -> None:
        """Let an event be told to nobody, and give up its deliveries of that kind that are on their way."""
        with self._engine.begin() as connection:
            self._put(connection, event_type, None)
            connection.execute(
                deliveries.update()
                .where(deliveries.c.status == DeliveryStatus.PENDING)
                .where(deliveries.c.kind == kind, deliveries.c.event == event_type)
                .values(
                    status=DeliveryStatus.DEAD,
                    last_error=reason,
                    next_attempt_at=None,
                    finished_at=self._clock(),
                )
            )

    def _put(self, connection: sa.Connection, event_type: str, url: str | None) -> None:
        connection.execute(webhooks.delete().where(webhooks.c.event_type == event_type))
        row = {"event_type": event_type, "url": url, "created_at": self._clock()}
        connection.execute(webhooks.insert().values(row))
