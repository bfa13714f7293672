"""Tasks: the rows that are the one truth about every job, and the events that tell how they changed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from wheatstone.errors import UnknownTaskError, WheatstoneError
from wheatstone.storage.statuses import FOLLOWING, Status
from wheatstone.storage.tables import events, identity, tasks


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a task made.

    Attributes:
        name: what it is called on the wire.
        key: where it lies in the object store.
        media_type: its MIME type.
        size_bytes: its size.
    """

    name: str
    key: str
    media_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Task:
    """A row.

    Attributes:
        id: made by us.
        kind: what it makes: `splat`.
        status: where it stands.
        model: the model that was asked for.
        photo_sha256: of the photo's bytes, under which the object store has them.
        photo_bytes: how many those are.
        source_name: what the client called the photo; to be shown, never a path.
        f_px: focal length in pixels of the upright photo, if the client gave one.
        error_code: of the `WheatstoneError` that ended it.
        error_message: what to tell the person who waits.
        artifacts: what it made so far.
        facts: what else is known of the result, as plain JSON: model, label, licence, camera, seconds per stage.
        created_at: when it was accepted.
        started_at: when its first stage began.
        finished_at: when it came to its final status.
    """

    id: str
    kind: str
    status: Status
    model: str
    photo_sha256: str
    photo_bytes: int
    source_name: str
    f_px: float | None
    error_code: str | None
    error_message: str | None
    artifacts: tuple[Artifact, ...]
    facts: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    def artifact(self, name: str) -> Artifact | None:
        """The artifact of that name."""
        return next((artifact for artifact in self.artifacts if artifact.name == name), None)


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a task's status.

    Attributes:
        sequence: 1, 2, 3 … within the task.
        status: the new one.
        message: why, after a failure.
        created_at: when.
    """

    sequence: int
    status: Status
    message: str | None
    created_at: datetime


def _now() -> datetime:
    return datetime.now(UTC)


class TaskStore:
    """Reads and writes tasks; every method is one transaction and may be called from any thread."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime] = _now) -> None:
        self._engine = engine
        self._clock = clock

    def create(
        self,
        task_id: str,
        *,
        kind: str,
        model: str,
        photo_sha256: str,
        photo_bytes: int,
        source_name: str,
        f_px: float | None,
        enqueue: Callable[[sa.Connection], None],
    ) -> Task:
        """A new task, queued, with its first event; `enqueue` starts its workflow in the same transaction."""
        now = self._clock()
        row: dict[str, Any] = {
            "id": task_id,
            "kind": kind,
            "status": Status.QUEUED,
            "model": model,
            "photo_sha256": photo_sha256,
            "photo_bytes": photo_bytes,
            "source_name": source_name,
            "f_px": f_px,
            "artifacts": [],
            "facts": {},
            "created_at": now,
        }
        with self._engine.begin() as connection:
            connection.execute(tasks.insert().values(row))
            self._add_event(connection, task_id, Status.QUEUED, None, now)
            enqueue(connection)
            return self._get(connection, task_id)

    def get(self, task_id: str) -> Task:
        """The task of that id.

        Raises:
            UnknownTaskError: there is none.
        """
        with self._engine.connect() as connection:
            return self._get(connection, task_id)

    def transition(
        self,
        task_id: str,
        status: Status,
        *,
        error: WheatstoneError | None = None,
        artifacts: Sequence[Artifact] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> bool:
        """Move a task to `status`, with an event; the only way in which a status ever changes.

        Args:
            task_id: of the task.
            status: the new one.
            error: why it failed or was cancelled.
            artifacts: what it has made, all of it; None leaves that as it is.
            facts: added to what is known.

        Returns:
            Whether the task changed: not if it has that status already, or has ended meanwhile.

        Raises:
            UnknownTaskError: there is no such task (any more).
            ValueError: the status cannot follow the present one; a mistake of the caller.
        """
        now = self._clock()
        with self._engine.begin() as connection:
            task = self._get(connection, task_id, lock=True)
            if task.status is status or task.status.is_final:
                return False
            if status not in FOLLOWING[task.status]:
                raise ValueError(f"{status} cannot follow {task.status}.")
            values: dict[str, Any] = {"status": status}
            if status is Status.CONVERTING:
                values["started_at"] = now
            if status.is_final:
                values["finished_at"] = now
            if error is not None:
                values |= {"error_code": error.code, "error_message": str(error)}
            if artifacts is not None:
                values["artifacts"] = [asdict(artifact) for artifact in artifacts]
            if facts is not None:
                values["facts"] = task.facts | facts
            connection.execute(tasks.update().where(tasks.c.id == task_id).values(values))
            self._add_event(connection, task_id, status, str(error) if error else None, now)
        return True

    def events(self, task_id: str) -> list[Event]:
        """The task's events, the oldest first; none if there is no such task."""
        query = sa.select(events).where(events.c.task_id == task_id).order_by(events.c.sequence)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [Event(row.sequence, Status(row.status), row.message, row.created_at) for row in rows]

    def queue_position(self, task: Task) -> int | None:
        """How many tasks are before it in the queue, itself included: 1 is next; None if it does not wait."""
        if task.status is not Status.QUEUED:
            return None
        query = sa.select(sa.func.count()).where(
            tasks.c.status == Status.QUEUED, tasks.c.created_at <= task.created_at
        )
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def unfinished(self) -> list[str]:
        """Ids of the tasks that have not ended, the oldest first."""
        final = [status for status in Status if status.is_final]
        query = sa.select(tasks.c.id).where(tasks.c.status.not_in(final)).order_by(tasks.c.created_at)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def counts(self) -> dict[Status, int]:
        """How many tasks have each status that is not final."""
        final = [status for status in Status if status.is_final]
        query = (
            sa.select(tasks.c.status, sa.func.count()).where(tasks.c.status.not_in(final)).group_by(tasks.c.status)
        )
        with self._engine.connect() as connection:
            return {Status(status): count for status, count in connection.execute(query)}

    def ended(self) -> list[Task]:
        """The tasks that have ended, those first that ended first."""
        query = sa.select(tasks).where(tasks.c.finished_at.is_not(None)).order_by(tasks.c.finished_at)
        with self._engine.connect() as connection:
            return [_task(row) for row in connection.execute(query)]

    def photos_in_use(self, photos: Collection[str]) -> set[str]:
        """Which of these photos (SHA-256) a task needs."""
        with self._engine.connect() as connection:
            used = set(connection.execute(sa.select(tasks.c.photo_sha256).distinct()).scalars())
        return used.intersection(photos)

    def delete(self, task_ids: Collection[str]) -> None:
        """Forget tasks and their events."""
        with self._engine.begin() as connection:
            for task_id in task_ids:
                connection.execute(tasks.delete().where(tasks.c.id == task_id))

    def identity(self) -> str:
        """The id of this database, made at the first call."""
        with self._engine.begin() as connection:
            found = connection.execute(sa.select(identity.c.id)).scalar()
            if found is None:
                found = str(uuid.uuid4())
                connection.execute(identity.insert().values(id=found))
        return str(found)

    def check(self) -> None:
        """Write to the database, changing nothing.

        Raises:
            SQLAlchemyError: it cannot be used.
        """
        with self._engine.begin() as connection:
            connection.execute(tasks.update().where(tasks.c.id == "").values(status=""))

    def _get(self, connection: sa.Connection, task_id: str, *, lock: bool = False) -> Task:
        query = sa.select(tasks).where(tasks.c.id == task_id)
        row = connection.execute(query.with_for_update() if lock else query).one_or_none()
        if row is None:
            raise UnknownTaskError(f"There is no task {task_id!r}.")
        return _task(row)

    def _add_event(
        self, connection: sa.Connection, task_id: str, status: Status, message: str | None, now: datetime
    ) -> None:
        last = sa.select(sa.func.coalesce(sa.func.max(events.c.sequence), 0)).where(events.c.task_id == task_id)
        sequence = connection.execute(last).scalar_one() + 1
        connection.execute(
            events.insert().values(
                task_id=task_id, sequence=sequence, status=status, message=message, created_at=now
            )
        )


def _task(row: sa.Row[Any]) -> Task:
    values = dict(row._mapping)
    values["status"] = Status(values["status"])
    values["artifacts"] = tuple(Artifact(**artifact) for artifact in values["artifacts"])
    return Task(**values)
