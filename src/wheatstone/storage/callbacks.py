"""Callbacks: who is sent the results of a task, and what the task is called there."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from wheatstone.errors import TaskUnderWayError
from wheatstone.storage.deliveries import DeliveryStatus
from wheatstone.storage.statuses import Status
from wheatstone.storage.tables import callbacks, deliveries, tasks

CALLBACK = "callback"
"""Kind of the deliveries that are callbacks."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A row.

    Attributes:
        task_id: of our task.
        remote_task_id: what the one who asked for it calls it.
        url: where it is called back, without a slash at the end.
    """

    task_id: str
    remote_task_id: str
    url: str


class CallbackStore:
    """Reads and writes callbacks; may be called from any thread."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, connection: sa.Connection, callback: Callback) -> None:
        """A new callback, in the transaction that makes its task.

        Raises:
            TaskUnderWayError: a task that is called the same is under way.
        """
        connection.execute(callbacks.insert().values(asdict(callback)))
        if self._under_way(connection, callback.remote_task_id, but=callback.task_id):
            raise TaskUnderWayError(f"Another task {callback.remote_task_id!r} is under way here.")

    def of_task(self, connection: sa.Connection, task_id: str) -> Callback | None:
        """Who is sent the results of a task."""
        row = connection.execute(sa.select(callbacks).where(callbacks.c.task_id == task_id)).one_or_none()
        return None if row is None else Callback(**row._mapping)

    def under_way(self, remote_task_id: str) -> Callback | None:
        """The callback of the task of that name that has not ended, or of which something is yet to be told."""
        with self._engine.connect() as connection:
            return self._under_way(connection, remote_task_id)

    @staticmethod
    def _under_way(connection: sa.Connection, remote_task_id: str, but: str = "") -> Callback | None:
        final = [status for status in Status if status.is_final]
        over = [status for status in DeliveryStatus if status.is_final]
        told = sa.exists().where(
            deliveries.c.task_id == tasks.c.id,
            deliveries.c.kind == CALLBACK,
            deliveries.c.status.not_in(over),
        )
        query = (
            sa.select(callbacks)
            .join(tasks)
            .where(callbacks.c.remote_task_id == remote_task_id, callbacks.c.task_id != but)
            .where(tasks.c.status.not_in(final) | told)
            .limit(1)
        )
        row = connection.execute(query).one_or_none()
        return None if row is None else Callback(**row._mapping)
