"""Deliveries: what is to be told to whom, and how far that has come; and who asked over the API to be told."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from wheatstone.storage.tables import deliveries, tasks, webhooks


class DeliveryStatus(StrEnum):
    """State of a delivery: it goes from the first to one of the others, and stays there."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row.

    Attributes:
        id: made by us; the same for every attempt, so that a receiver can tell a repetition.
        kind: how it is sent: `webhook`.
        event: what it tells.
        task_id: of the task that it tells about, which may be gone.
        url: where it goes.
        payload: what is sent, the same at every attempt.
        status: where it stands.
        attempts: how many were made.
        last_error: what was wrong with the last one.
        next_attempt_at: when there is another; None for the first, and once it has ended.
        created_at: when it was accepted.
        finished_at: when it was delivered, or given up.
    """

    id: str
    kind: str
    event: str
    task_id: str
    url: str
    payload: str
    status: DeliveryStatus
    attempts: int
    last_error: str | None
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


def _now() -> datetime:
    return datetime.now(UTC)


class DeliveryStore:
    """Reads and writes deliveries; may be called from any thread."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime] = _now) -> None:
        self._engine = engine
        self._clock = clock

    def add(
        self, connection: sa.Connection, *, kind: str, event: str, task_id: str, url: str, payload: str
    ) -> Delivery:
        """A new delivery, in the caller's transaction."""
        delivery = Delivery(
            id=str(uuid.uuid4()),
            kind=kind,
            event=event,
            task_id=task_id,
            url=url,
            payload=payload,
            status=DeliveryStatus.PENDING,
            attempts=0,
            last_error=None,
            next_attempt_at=None,
            created_at=self._clock(),
            finished_at=None,
        )
        values = {column.name: getattr(delivery, column.name) for column in deliveries.c}
        connection.execute(deliveries.insert().values(values))
        return delivery

    def find(self, delivery_id: str) -> Delivery | None:
        """The delivery of that id."""
        return next(iter(self._where(deliveries.c.id == delivery_id)), None)

    def of_task(self, task_id: str) -> list[Delivery]:
        """What was or is to be told of a task, the oldest first."""
        return self._where(deliveries.c.task_id == task_id)

    def pending(self) -> list[Delivery]:
        """Those that have not ended, the oldest first."""
        return self._where(deliveries.c.status == DeliveryStatus.PENDING)

    def counts(self) -> dict[str, int]:
        """Status to number of deliveries; none where there is none."""
        query = sa.select(deliveries.c.status, sa.func.count()).group_by(deliveries.c.status)
        with self._engine.connect() as connection:
            return {str(status): int(count) for status, count in connection.execute(query)}

    def record(
        self,
        delivery: Delivery,
        status: DeliveryStatus,
        *,
        error: str | None = None,
        next_attempt_at: datetime | None = None,
        enqueue: Callable[[sa.Connection, Delivery], None],
    ) -> bool:
        """Say what came of an attempt.

        Args:
            delivery: as it was before the attempt.
            status: as it is now.
            error: what was wrong.
            next_attempt_at: when there is another attempt, of one that is pending still.
            enqueue: sees to that attempt in the same transaction; given the delivery as it is now.

        Returns:
            Whether it changed: not if it has ended meanwhile, or somebody else recorded this attempt.
        """
        after = replace(
            delivery,
            status=status,
            attempts=delivery.attempts + 1,
            last_error=error,
            next_attempt_at=next_attempt_at,
            finished_at=None if status is DeliveryStatus.PENDING else self._clock(),
        )
        names = ("status", "attempts", "last_error", "next_attempt_at", "finished_at")
        change = (
            deliveries.update().where(_is_still(delivery)).values({name: getattr(after, name) for name in names})
        )
        with self._engine.begin() as connection:
            if connection.execute(change).rowcount == 0:
                return False
            if status is DeliveryStatus.PENDING:
                enqueue(connection, after)
        return True

    def requeue(self, delivery: Delivery, enqueue: Callable[[sa.Connection, Delivery], None]) -> bool:
        """Enqueue the next attempt again; returns whether it did: not if the delivery has changed meanwhile."""
        hold = deliveries.update().where(_is_still(delivery)).values(attempts=delivery.attempts)
        with self._engine.begin() as connection:
            if connection.execute(hold).rowcount == 0:  # a change of nothing locks it; SQLite knows no FOR UPDATE
                return False
            enqueue(connection, delivery)
        return True

    def delete_orphans(self) -> list[Delivery]:
        """Forget those that have ended and whose task is gone; returns them."""
        orphaned = sa.and_(
            deliveries.c.status != DeliveryStatus.PENDING,
            deliveries.c.task_id.not_in(sa.select(tasks.c.id)),
        )
        with self._engine.begin() as connection:
            rows = connection.execute(sa.select(deliveries).where(orphaned)).all()
            if rows:
                connection.execute(deliveries.delete().where(orphaned))
        return [_delivery(row) for row in rows]

    def _where(self, condition: sa.ColumnElement[bool]) -> list[Delivery]:
        query = sa.select(deliveries).where(condition).order_by(deliveries.c.created_at)
        with self._engine.connect() as connection:
            return [_delivery(row) for row in connection.execute(query)]


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


def _is_still(delivery: Delivery) -> sa.ColumnElement[bool]:
    """Whether the row is pending, and no attempt was made since."""
    return sa.and_(
        deliveries.c.id == delivery.id,
        deliveries.c.status == DeliveryStatus.PENDING,
        deliveries.c.attempts == delivery.attempts,
    )


def _delivery(row: sa.Row[Any]) -> Delivery:
    values = dict(row._mapping)
    return Delivery(**values | {"status": DeliveryStatus(values["status"])})
