"""Deliveries: what is to be told to whom, and how far that has come."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from wheatstone.storage.tables import deliveries, tasks


class DeliveryStatus(StrEnum):
    """State of a delivery. One that is dead stays so, unless somebody replays it: then it begins anew."""

    WAITING = "waiting"
    """For those before it, of the same task."""
    PENDING = "pending"
    """Being tried, again and again."""
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more is tried."""
        return self not in _UNFINISHED


_UNFINISHED = (DeliveryStatus.WAITING, DeliveryStatus.PENDING)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row.

    Attributes:
        id: made by us; the same for every attempt, so that a receiver can tell a repetition.
        kind: how it is sent: `webhook`, `callback`.
        event: what it tells.
        task_id: of the task that it tells about, which may be gone.
        url: where it goes.
        payload: what it says, or what that is made of when it is sent.
        status: where it stands.
        attempts: how many were made, since it was replayed if it was.
        last_error: what was wrong with the last one.
        next_attempt_at: when there is another; None for the first, and once it has ended.
        created_at: when it was accepted.
        finished_at: when it was delivered, or given up.
        place: 1, 2, 3 … among those of its kind and task, sent one after the other; 0 if it waits for none.
        replays: how often it has begun anew.
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
    place: int
    replays: int

    @property
    def receiver(self) -> str:
        """Scheme, host and port of where it goes."""
        return "/".join(self.url.split("/", 3)[:3])


Enqueue = Callable[[sa.Connection, Delivery], None]
"""Sees to the next attempt of a delivery, in the transaction that decides on it."""


def _now() -> datetime:
    return datetime.now(UTC)


class DeliveryStore:
    """Reads and writes deliveries; may be called from any thread."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime] = _now) -> None:
        self._engine = engine
        self._clock = clock

    def add(
        self,
        connection: sa.Connection,
        *,
        kind: str,
        event: str,
        task_id: str,
        url: str,
        payload: str,
        in_turn: bool = False,
    ) -> Delivery:
        """A new delivery, in the caller's transaction.

        `in_turn` lets it wait until those of this kind that were added before it for the task have ended.
        """
        before = sa.select(sa.func.coalesce(sa.func.max(deliveries.c.place), 0) + 1).where(
            deliveries.c.kind == kind, deliveries.c.task_id == task_id
        )
        delivery_id = str(uuid.uuid4())
        values = {
            "id": delivery_id,
            "kind": kind,
            "event": event,
            "task_id": task_id,
            "url": url,
            "payload": payload,
            "status": DeliveryStatus.PENDING,
            "attempts": 0,
            "created_at": self._clock(),
            "place": before.scalar_subquery() if in_turn else 0,
        }
        connection.execute(deliveries.insert().values(values))
        return self._queued(connection, delivery_id)

    def find(self, delivery_id: str) -> Delivery | None:
        """The delivery of that id."""
        return next(iter(self._where(deliveries.c.id == delivery_id)), None)

    def of_task(self, task_id: str, connection: sa.Connection | None = None) -> list[Delivery]:
        """What was or is to be told of a task, the oldest first."""
        if connection is not None:
            return _selected(connection, deliveries.c.task_id == task_id)
        return self._where(deliveries.c.task_id == task_id)

    def pending(self) -> list[Delivery]:
        """Those that are being tried, the oldest first."""
        return self._where(deliveries.c.status == DeliveryStatus.PENDING)

    def page(self, limit: int, statuses: Collection[DeliveryStatus] = ()) -> list[Delivery]:
        """At most `limit` deliveries with one of these statuses, or with any; the oldest first."""
        query = sa.select(deliveries).order_by(*_ORDER).limit(limit)
        if statuses:
            query = query.where(deliveries.c.status.in_(statuses))
        with self._engine.connect() as connection:
            return [_delivery(row) for row in connection.execute(query)]

    def dead(self) -> list[str]:
        """Ids of those that were given up, the oldest first."""
        query = sa.select(deliveries.c.id).where(deliveries.c.status == DeliveryStatus.DEAD).order_by(*_ORDER)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

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
        enqueue: Enqueue,
    ) -> bool:
        """Say what came of an attempt; if it was the last one, the next delivery of the task has its turn.

        Args:
            delivery: as it was before the attempt.
            status: as it is now.
            error: what was wrong.
            next_attempt_at: when there is another attempt, of one that is pending still.
            enqueue: given the delivery that is to be tried next, as it is now.

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
            else:
                self._advance(connection, after, enqueue)
        return True

    def replay(self, delivery_id: str, enqueue: Enqueue) -> bool:
        """Begin anew with one that was given up; returns whether it was."""
        anew = {
            "status": DeliveryStatus.PENDING,
            "attempts": 0,
            "next_attempt_at": None,
            "finished_at": None,
            "replays": deliveries.c.replays + 1,
        }
        is_dead = sa.and_(deliveries.c.id == delivery_id, deliveries.c.status == DeliveryStatus.DEAD)
        with self._engine.begin() as connection:
            if connection.execute(deliveries.update().where(is_dead).values(anew)).rowcount == 0:
                return False
            delivery = self._queued(connection, delivery_id)
            if delivery.status is DeliveryStatus.PENDING:
                enqueue(connection, delivery)
        return True

    def give_up(self, connection: sa.Connection, task_id: str, kind: str, reason: str) -> None:
        """Let what is not delivered yet of a task and a kind be, in the caller's transaction."""
        connection.execute(
            deliveries.update()
            .where(deliveries.c.task_id == task_id, deliveries.c.kind == kind, _is_unfinished(deliveries))
            .values(
                status=DeliveryStatus.DEAD,
                last_error=reason,
                next_attempt_at=None,
                finished_at=self._clock(),
            )
        )

    def advance(self, enqueue: Enqueue) -> None:
        """Give those their turn that wait for nothing any more."""
        for delivery in self._where(sa.and_(deliveries.c.status == DeliveryStatus.WAITING, ~_is_behind())):
            with self._engine.begin() as connection:
                self._advance(connection, delivery, enqueue)

    def requeue(self, delivery: Delivery, enqueue: Enqueue) -> bool:
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
            ~_is_unfinished(deliveries),
            deliveries.c.task_id.not_in(sa.select(tasks.c.id)),
        )
        with self._engine.begin() as connection:
            rows = connection.execute(sa.select(deliveries).where(orphaned)).all()
            if rows:
                connection.execute(deliveries.delete().where(orphaned))
        return [_delivery(row) for row in rows]

    def _where(self, condition: sa.ColumnElement[bool]) -> list[Delivery]:
        with self._engine.connect() as connection:
            return _selected(connection, condition)

    def _queued(self, connection: sa.Connection, delivery_id: str) -> Delivery:
        """A delivery that is to begin: it waits if one before it has not ended."""
        this = deliveries.c.id == delivery_id
        connection.execute(deliveries.update().where(this, _is_behind()).values(status=DeliveryStatus.WAITING))
        (delivery,) = _selected(connection, this)
        return delivery

    def _advance(self, connection: sa.Connection, delivery: Delivery, enqueue: Enqueue) -> None:
        """Give the first of a delivery's row its turn, if it waits for that."""
        first = (
            sa.select(deliveries.c.id)
            .where(deliveries.c.kind == delivery.kind, deliveries.c.task_id == delivery.task_id)
            .where(deliveries.c.place > 0, _is_unfinished(deliveries))
            .order_by(deliveries.c.place)
            .limit(1)
            .scalar_subquery()
        )
        waits = sa.and_(deliveries.c.id == first, deliveries.c.status == DeliveryStatus.WAITING)
        begun = deliveries.update().where(waits).values(status=DeliveryStatus.PENDING).returning(deliveries.c.id)
        for delivery_id in connection.execute(begun).scalars().all():
            for changed in _selected(connection, deliveries.c.id == delivery_id):
                enqueue(connection, changed)


_ORDER = (deliveries.c.created_at, deliveries.c.place)


def _selected(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Delivery]:
    query = sa.select(deliveries).where(condition).order_by(*_ORDER)
    return [_delivery(row) for row in connection.execute(query)]


def _is_behind() -> sa.ColumnElement[bool]:
    """Whether one before it has not ended."""
    before = deliveries.alias()
    return sa.exists().where(
        before.c.kind == deliveries.c.kind,
        before.c.task_id == deliveries.c.task_id,
        before.c.place.between(1, deliveries.c.place - 1),
        _is_unfinished(before),
    )


def _is_unfinished(table: sa.FromClause) -> sa.ColumnElement[bool]:
    return table.c.status.in_(_UNFINISHED)


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
