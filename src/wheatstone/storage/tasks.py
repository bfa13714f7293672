"""Tasks: the rows that are the one truth about every job, and the events that tell how they changed."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from wheatstone.errors import UnknownTaskError, WheatstoneError
from wheatstone.storage.statuses import FOLLOWING, Status
from wheatstone.storage.tables import events, idempotency_keys, identity, tasks


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
        kind: what it makes: `splat` or `mesh`.
        status: where it stands.
        model: the model that was asked for.
        photo_sha256: of the photo's bytes, under which the object store has them.
        photo_bytes: how many those are.
        source_name: what the client called the photo; to be shown, never a path.
        f_px: focal length in pixels of the upright photo, if the client gave one.
        batch_id: the batch that it came with.
        priority: of those that wait, higher ones go first.
        keep_ply: whether its PLY is to be kept.
        time_limit_s: how long it may work, waiting not counted.
        attended: somebody waits for it on a connection, and it is of no use to anybody once that is gone.
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
    batch_id: str | None
    priority: int
    keep_ply: bool
    time_limit_s: float | None
    attended: bool
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
class Result:
    """What an equal task has made already.

    Attributes:
        artifacts: its files, copied.
        facts: what is known of them.
        comes_in_parts: whether those who follow the task are told of each file.
    """

    artifacts: tuple[Artifact, ...]
    facts: dict[str, Any]
    comes_in_parts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """What a task begins with; as in `Task`."""

    id: str
    kind: str = "splat"
    model: str
    photo_sha256: str
    photo_bytes: int
    source_name: str = ""
    f_px: float | None = None
    batch_id: str | None = None
    priority: int = 0
    keep_ply: bool = False
    time_limit_s: float | None = None
    attended: bool = False
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a task's status, or something that it has made on the way.

    Attributes:
        number: grows from event to event, over all tasks.
        task_id: of the task.
        sequence: 1, 2, 3 … within the task.
        status: the new one.
        message: why, after a failure.
        created_at: when.
        artifact: name of what it has made; None if its status changed.
    """

    number: int
    task_id: str
    sequence: int
    status: Status
    message: str | None
    created_at: datetime
    artifact: str | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """What a client may follow: a task, or all tasks of a batch.

    Attributes:
        id: of the task or the batch.
        is_batch: which of the two.
    """

    id: str
    is_batch: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """What became of a topic.

    Attributes:
        events: the oldest first.
        is_over: whether there will be no others.
    """

    events: tuple[Event, ...]
    is_over: bool


OnFinal = Callable[[sa.Connection, Task], None]
"""Called within the transaction in which a task comes to its final status."""

OnArtifact = Callable[[sa.Connection, Task, Artifact], None]
"""Called within the transaction that adds an artifact before the end."""


def _now() -> datetime:
    return datetime.now(UTC)


class TaskStore:
    """Reads and writes tasks; every method is one transaction and may be called from any thread."""

    def __init__(
        self,
        engine: sa.Engine,
        clock: Callable[[], datetime] = _now,
        on_final: OnFinal = lambda _connection, _task: None,
        on_artifact: OnArtifact = lambda _connection, _task, _artifact: None,
    ) -> None:
        """`on_final` and `on_artifact` do what else belongs into the transaction of that change."""
        self._engine = engine
        self._clock = clock
        self._on_final = on_final
        self._on_artifact = on_artifact

    def create(self, new: Sequence[NewTask], also: Callable[[sa.Connection], None]) -> list[Task]:
        """New tasks with their first events, all or none; `also` first does what else is of that transaction.

        Those that come with a result are completed at once, the others are queued, in this order: each is a
        microsecond younger than the one before it.
        """
        now = self._clock()
        with self._engine.begin() as connection:
            also(connection)
            for place, task in enumerate(new):
                connection.execute(tasks.insert().values(_row(task, now + timedelta(microseconds=place))))
                self._add_event(connection, task.id, Status.QUEUED, now)
            created = [self._get(connection, task.id) for task in new]
            for task, made in zip(new, created, strict=True):
                if task.result is not None:
                    for artifact in task.result.artifacts if task.result.comes_in_parts else ():
                        self._add_event(connection, task.id, Status.QUEUED, now, artifact=artifact.name)
                    self._add_event(connection, task.id, Status.COMPLETED, now)
                    self._on_final(connection, made)
        return created

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
    ) -> Task | None:
        """Move a task to `status`, with an event; the only way in which a status ever changes.

        Args:
            task_id: of the task.
            status: the new one.
            error: why it failed or was cancelled.
            artifacts: what it has made, all of it; None leaves that as it is.
            facts: added to what is known.

        Returns:
            The task as it is now; None if it did not change, as it has that status already or has ended meanwhile.

        Raises:
            UnknownTaskError: there is no such task (any more).
            ValueError: the status cannot follow the present one; a mistake of the caller.
        """
        now = self._clock()
        with self._engine.begin() as connection:
            task = self._get(connection, task_id, lock=True)
            if task.status is status or task.status.is_final:
                return None
            if status not in FOLLOWING[task.status]:
                raise ValueError(f"{status} cannot follow {task.status}.")
            values: dict[str, Any] = {"status": status}
            if status is Status.CONVERTING:
                values["started_at"] = now
            if status.is_final:
                values["finished_at"] = now
            if status in (Status.FAILED, Status.CANCELLED):
                values["artifacts"] = []
            if error is not None:
                values |= {"error_code": error.code, "error_message": str(error)}
            if artifacts is not None:
                values["artifacts"] = [asdict(artifact) for artifact in artifacts]
            if facts is not None:
                values["facts"] = task.facts | facts
            connection.execute(tasks.update().where(tasks.c.id == task_id).values(values))
            message = str(error) if error else None
            self._add_event(connection, task_id, status, now, message=message)
            changed = self._get(connection, task_id)
            if status.is_final:
                self._on_final(connection, changed)
        return changed

    def add_artifact(self, task_id: str, artifact: Artifact) -> Task | None:
        """Add something that a task has made, with an event; in place of one of that name, without.

        Returns:
            The task as it is now; None if it has ended, and nothing changed.

        Raises:
            UnknownTaskError: there is no such task (any more).
        """
        with self._engine.begin() as connection:
            task = self._get(connection, task_id, lock=True)
            if task.status.is_final:
                return None
            made = {known.name: known for known in task.artifacts}
            is_new = artifact.name not in made
            made[artifact.name] = artifact
            values = {"artifacts": [asdict(known) for known in made.values()]}
            connection.execute(tasks.update().where(tasks.c.id == task_id).values(values))
            if is_new:
                self._add_event(connection, task_id, task.status, self._clock(), artifact=artifact.name)
            changed = self._get(connection, task_id)
            if is_new:
                self._on_artifact(connection, changed, artifact)
        return changed

    def news(self, topic: Topic, after: int = 0) -> News:
        """The events of a task or a batch with a number over `after`; its end, too, if it has ended or is gone."""
        final = [status for status in Status if status.is_final]
        column = tasks.c.batch_id if topic.is_batch else tasks.c.id
        unfinished = sa.select(tasks.c.id).where(column == topic.id, tasks.c.status.not_in(final))
        news = sa.select(events).join(tasks).where(column == topic.id, events.c.number > after)
        with self._engine.connect() as connection:
            is_over = not connection.execute(sa.select(unfinished.exists())).scalar()  # first, to miss no event
            rows = connection.execute(news.order_by(events.c.number)).all()
        return News(tuple(_event(row) for row in rows), is_over)

    def queue_positions(self) -> dict[str, int]:
        """Which place each task that waits has in the queue; 1 is next."""
        query = sa.select(tasks.c.id).where(tasks.c.status == Status.QUEUED)
        with self._engine.connect() as connection:
            waiting = connection.execute(query.order_by(tasks.c.priority.desc(), tasks.c.created_at)).scalars()
            return {task_id: position for position, task_id in enumerate(waiting, 1)}

    def page(
        self,
        limit: int,
        *,
        before: tuple[datetime, str] | None = None,
        statuses: Collection[Status] = (),
        model: str | None = None,
        batch_id: str | None = None,
    ) -> list[Task]:
        """At most `limit` tasks, the newest first: those created before that moment and id, with these traits."""
        query = sa.select(tasks).order_by(tasks.c.created_at.desc(), tasks.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(sa.tuple_(tasks.c.created_at, tasks.c.id) < sa.tuple_(*map(sa.literal, before)))
        if statuses:
            query = query.where(tasks.c.status.in_(statuses))
        if model is not None:
            query = query.where(tasks.c.model == model)
        if batch_id is not None:
            query = query.where(tasks.c.batch_id == batch_id)
        with self._engine.connect() as connection:
            return [_task(row) for row in connection.execute(query)]

    def of_batch(self, batch_id: str) -> list[Task]:
        """The tasks of a batch, in the order in which their photos came."""
        first = sa.and_(events.c.task_id == tasks.c.id, events.c.sequence == 1)
        query = sa.select(tasks).join(events, first).where(tasks.c.batch_id == batch_id).order_by(events.c.number)
        with self._engine.connect() as connection:
            return [_task(row) for row in connection.execute(query)]

    def with_photo(self, photo_sha256: str) -> Task | None:
        """The newest task with this photo."""
        query = (
            sa.select(tasks)
            .where(tasks.c.photo_sha256 == photo_sha256)
            .order_by(tasks.c.created_at.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _task(row)

    def unfinished(self) -> list[str]:
        """Ids of the tasks that have not ended, the oldest first."""
        final = [status for status in Status if status.is_final]
        query = sa.select(tasks.c.id).where(tasks.c.status.not_in(final)).order_by(tasks.c.created_at)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def attended(self) -> list[Task]:
        """The tasks that are attended, or were when the server was killed."""
        with self._engine.connect() as connection:
            return [_task(row) for row in connection.execute(sa.select(tasks).where(tasks.c.attended))]

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
        """Forget tasks and their events; a request with the key of one is a new one then."""
        with self._engine.begin() as connection:
            for task_id in task_ids:
                connection.execute(tasks.delete().where(tasks.c.id == task_id))
                connection.execute(idempotency_keys.delete().where(idempotency_keys.c.resource_id == task_id))

    def identity(self) -> tuple[str, bytes]:
        """The id of this database and what signs its links, made at the first call."""
        with self._engine.begin() as connection:
            found = connection.execute(sa.select(identity.c.id, identity.c.link_key)).one_or_none()
            if found is None:
                made = (str(uuid.uuid4()), secrets.token_bytes(32))
                connection.execute(identity.insert().values(made))
                return made
        return found.id, found.link_key

    def check(self) -> None:
        """Write to the database, changing nothing.

        Raises:
            SQLAlchemyError: it cannot be used.
        """
        with self._engine.begin() as connection:
            connection.execute(tasks.update().where(tasks.c.id == "").values(status=""))

    def _get(self, connection: sa.Connection, task_id: str, *, lock: bool = False) -> Task:
        if lock:  # SQLite knows no FOR UPDATE, and begins its transaction at the first change
            connection.execute(tasks.update().where(tasks.c.id == task_id).values(id=task_id))
        row = connection.execute(sa.select(tasks).where(tasks.c.id == task_id)).one_or_none()
        if row is None:
            raise UnknownTaskError(f"There is no task {task_id!r}.")
        return _task(row)

    @staticmethod
    def _add_event(
        connection: sa.Connection,
        task_id: str,
        status: Status,
        now: datetime,
        *,
        message: str | None = None,
        artifact: str | None = None,
    ) -> None:
        last = sa.select(sa.func.coalesce(sa.func.max(events.c.sequence), 0)).where(events.c.task_id == task_id)
        values = {"status": status, "message": message, "artifact": artifact, "created_at": now}
        sequence = connection.execute(last).scalar_one() + 1
        connection.execute(events.insert().values(task_id=task_id, sequence=sequence, **values))


def _row(new: NewTask, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {field.name: getattr(new, field.name) for field in fields(new) if field.name != "result"}
    result = new.result or Result((), {})
    row |= {"artifacts": [asdict(artifact) for artifact in result.artifacts], "facts": result.facts}
    row |= {"status": Status.QUEUED, "created_at": now}
    if new.result is not None:
        row |= {"status": Status.COMPLETED, "finished_at": now}
    return row


def _event(row: sa.Row[Any]) -> Event:
    status = Status(row.status)
    return Event(row.number, row.task_id, row.sequence, status, row.message, row.created_at, row.artifact)


def _task(row: sa.Row[Any]) -> Task:
    values = dict(row._mapping)
    values["status"] = Status(values["status"])
    values["artifacts"] = tuple(Artifact(**artifact) for artifact in values["artifacts"])
    return Task(**values)
