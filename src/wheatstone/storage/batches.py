"""Batches, and the requests that made them: what must be known of several tasks together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from wheatstone.errors import IdempotencyMismatchError, UnknownTaskError
from wheatstone.storage.tables import batches, idempotency_keys, tasks

_KEYS_LIVE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file of a batch that became no task.

    Attributes:
        name: what the client called it.
        code: of the `WheatstoneError`.
        message: what to tell the person who sent it.
    """

    name: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A row.

    Attributes:
        id: made by us.
        rejected: the files that became no tasks.
        created_at: when it was accepted.
    """

    id: str
    rejected: tuple[Rejected, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A client's promise that all requests with this key are one.

    Attributes:
        key: as the client gave it.
        fingerprint: SHA-256 of what was asked for.
    """

    key: str
    fingerprint: str


class BatchStore:
    """Reads and writes batches and request keys; may be called from any thread."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def add(self, connection: sa.Connection, batch_id: str, rejected: Sequence[Rejected]) -> None:
        """A new batch, in the transaction that makes its tasks."""
        row = {"id": batch_id, "rejected": [asdict(file) for file in rejected], "created_at": self._clock()}
        connection.execute(batches.insert().values(row))

    def get(self, batch_id: str) -> Batch:
        """The batch of that id.

        Raises:
            UnknownTaskError: there is none.
        """
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(batches).where(batches.c.id == batch_id)).one_or_none()
        if row is None:
            raise UnknownTaskError(f"There is no batch {batch_id!r}.")
        return Batch(row.id, tuple(Rejected(**file) for file in row.rejected), row.created_at)

    def delete(self, batch_id: str) -> None:
        """Forget a batch; a request with its key is a new one then."""
        with self._engine.begin() as connection:
            connection.execute(batches.delete().where(batches.c.id == batch_id))
            connection.execute(idempotency_keys.delete().where(idempotency_keys.c.resource_id == batch_id))

    def delete_empty(self) -> None:
        """Forget batches of which, after a day, no task is left."""
        used = sa.select(tasks.c.batch_id).where(tasks.c.batch_id.is_not(None))
        is_old = batches.c.created_at < self._clock() - _KEYS_LIVE
        with self._engine.begin() as connection:
            connection.execute(batches.delete().where(is_old, batches.c.id.not_in(used)))

    def remember(self, connection: sa.Connection, request: RequestKey, resource_id: str) -> None:
        """Let a key stand for what its request makes, in the transaction that makes it."""
        now = self._clock()
        connection.execute(idempotency_keys.delete().where(idempotency_keys.c.created_at < now - _KEYS_LIVE))
        row = {"key": request.key, "fingerprint": request.fingerprint, "resource_id": resource_id}
        connection.execute(idempotency_keys.insert().values({**row, "created_at": now}))

    def made_by(self, request: RequestKey) -> str | None:
        """The id of what a request with this key made within a day; None if there was none.

        Raises:
            IdempotencyMismatchError: it asked for something else.
        """
        columns = idempotency_keys.c
        query = sa.select(columns.fingerprint, columns.resource_id).where(
            columns.key == request.key, columns.created_at >= self._clock() - _KEYS_LIVE
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        if row.fingerprint != request.fingerprint:
            raise IdempotencyMismatchError(
                "This Idempotency-Key belongs to a request that asked for something else; use a new one."
            )
        return str(row.resource_id)
