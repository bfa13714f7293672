"""How tasks come in: checked, their photos stored, queued in one transaction; from then on they are not lost."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from http import HTTPStatus
from typing import Literal

import sqlalchemy as sa
from dbos import DBOSClient

from wheatstone.errors import IdempotencyInFlightError, QueueFullError, WheatstoneError
from wheatstone.jobs import meshes, splats
from wheatstone.jobs.services import Services
from wheatstone.jobs.sources import Content, Source, Upload, shown
from wheatstone.jobs.workflows import object_to_mesh, photo_to_splat
from wheatstone.models.registry import model_named
from wheatstone.pictures import Photo
from wheatstone.storage import (
    Batch,
    BatchStore,
    Callback,
    CallbackStore,
    NewTask,
    Rejected,
    RequestKey,
    Status,
    Task,
)

QUEUE = "splats"
WORKFLOWS_VERSION = "1"
"""Changes only when a workflow could not go on with what an older one recorded."""
MAX_PRIORITY = 100
Kind = Literal["splat", "mesh"]
_WORKFLOWS = {"splat": photo_to_splat, "mesh": object_to_mesh}
_KEPT_RESULTS = {"splat": splats.kept_result, "mesh": meshes.kept_result}


@dataclass(frozen=True, slots=True)
class CallBack:
    """Somebody who wants to be sent what a task makes.

    Attributes:
        task_id: what the task is called there.
        url: where, without a slash at the end; checked.
    """

    task_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants made of a photo.

    Attributes:
        kind: what: a splat, or a mesh of the object in it.
        model: name of the model; by default the one of the settings.
        f_px: focal length in pixels of the upright photo; by default from its EXIF, else a 30 mm equivalent.
        keep_ply: whether to keep the PLY; by default as the settings say.
        priority: of those that wait, higher ones go first; -100 to 100.
        time_limit_s: how long it may work, waiting not counted; at most what the settings allow.
        attended: somebody waits for it, and deletes it in the end; if the server is killed, its next start does.
        call_back: who is sent the results.
    """

    kind: Kind = "splat"
    model: str | None = None
    f_px: float | None = None
    keep_ply: bool | None = None
    priority: int = 0
    time_limit_s: float | None = None
    attended: bool = False
    call_back: CallBack | None = None


class Intake:
    """Accepts photos; its methods block, and may be called from any thread."""

    def __init__(
        self, services: Services, batches: BatchStore, callbacks: CallbackStore, client: DBOSClient
    ) -> None:
        self._services = services
        self._batches = batches
        self._callbacks = callbacks
        self._client = client
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()

    def submit(self, source: Source, wish: Wish, key: str | None = None) -> tuple[Task, bool]:
        """Accept a photo.

        Args:
            source: gives the photo.
            wish: what to make of it.
            key: all requests with this key are one.

        Returns:
            The task, and whether an earlier request with the same key had made it.

        Raises:
            BadPictureError, PictureTooLargeError: not a photo, or one over the limits, as far as its header tells.
            BadOptionError: the focal length is not between 1 and a million pixels.
            UnknownModelError: there is no such model.
            QueueFullError: as many tasks wait as may.
            StorageFullError: no space is left.
            IdempotencyMismatchError, IdempotencyInFlightError: the key is of another request, or of one that is
                being accepted.
            TaskUnderWayError: whoever is to be called back calls another task the same, and that has not ended.
            WheatstoneError: the source cannot give the photo.
        """
        with self._once(key, [source], wish) as request, ExitStack() as held:
            if request and (made := self._batches.made_by(request)):
                return self._services.tasks.get(made), True
            self._check_room(1)
            new = self._new(source.read(self._services), wish, held)

            def also(connection: sa.Connection) -> None:
                self._also(connection, [new], request, new.id)
                if wish.call_back is not None:
                    self._callbacks.add(connection, Callback(new.id, wish.call_back.task_id, wish.call_back.url))

            (task,) = self._create([new], also)
        return task, False

    def submit_batch(self, sources: Sequence[Upload], wish: Wish, key: str | None = None) -> tuple[Batch, bool]:
        """Accept photos together: those that are none are told by the batch, the others are on their way.

        Returns:
            The batch, and whether an earlier request with the same key had made it.

        Raises:
            WheatstoneError: as `submit`, but for what is wrong with a single photo.
        """
        batch_id = str(uuid.uuid4())
        new: list[NewTask] = []
        rejected: list[Rejected] = []
        with self._once(key, sources, wish) as request, ExitStack() as held:
            if request and (made := self._batches.made_by(request)):
                return self._batches.get(made), True
            self._check_room(len(sources))
            for source in sources:
                try:
                    new.append(self._new(source.read(self._services), wish, held, batch_id))
                except WheatstoneError as error:
                    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # ours, not the photo's
                        raise
                    rejected.append(Rejected(shown(source.name), error.code, str(error)))

            def also(connection: sa.Connection) -> None:
                self._batches.add(connection, batch_id, rejected)
                self._also(connection, new, request, batch_id)

            self._create(new, also)
        return self._batches.get(batch_id), False

    @contextmanager
    def _once(self, key: str | None, sources: Sequence[Source], wish: Wish) -> Iterator[RequestKey | None]:
        """Let no second request with this key be accepted meanwhile."""
        if key is None:
            yield None
            return
        asked = [[source.identity() for source in sources], asdict(wish)]
        request = RequestKey(key, hashlib.sha256(json.dumps(asked).encode()).hexdigest())
        with self._lock:
            if key in self._in_flight:
                raise IdempotencyInFlightError("A request with this Idempotency-Key is being accepted; ask again.")
            self._in_flight.add(key)
        try:
            yield request
        finally:
            with self._lock:
                self._in_flight.discard(key)

    def _check_room(self, count: int) -> None:
        waiting = self._services.tasks.counts().get(Status.QUEUED, 0)
        limit = self._services.settings.performance.max_requests
        if waiting + count > limit:
            raise QueueFullError(f"{waiting} tasks wait already, of at most {limit}; come again later.")

    def _new(self, content: Content, wish: Wish, held: ExitStack, batch_id: str | None = None) -> NewTask:
        """Check a photo and store it; it is held until `held` ends."""
        settings = self._services.settings
        preferred = settings.model.mesh if wish.kind == "mesh" else settings.model.name
        name, model = shown(content.name), wish.model or preferred
        model_named(wish.kind, model, settings)
        Photo(content.data, name, wish.f_px, settings.pictures).check()
        new = NewTask(
            id=str(uuid.uuid4()),
            kind=wish.kind,
            model=model,
            photo_sha256=held.enter_context(self._services.photos.holding(content.data)),
            photo_bytes=len(content.data),
            source_name=name,
            f_px=wish.f_px,
            batch_id=batch_id,
            priority=wish.priority,
            keep_ply=settings.storage.keep_ply if wish.keep_ply is None else wish.keep_ply,
            time_limit_s=min(wish.time_limit_s or settings.jobs.time_limit_s, settings.jobs.time_limit_s),
            attended=wish.attended,
        )
        if not settings.cache.enabled:
            return new
        return replace(new, result=_KEPT_RESULTS[wish.kind](self._services, new))

    def _create(self, new: Sequence[NewTask], also: Callable[[sa.Connection], None]) -> list[Task]:
        try:
            created = self._services.tasks.create(new, also)
        except BaseException:
            for each in new:
                self._services.objects.delete([made.key for made in each.result.artifacts] if each.result else [])
            raise
        for task in created:
            if task.status.is_final:
                self._services.tell(task)
        return created

    def _also(
        self, connection: sa.Connection, new: Sequence[NewTask], request: RequestKey | None, resource_id: str
    ) -> None:
        """What belongs into the transaction that makes tasks: their workflows, and the key of the request."""
        if request is not None:
            self._batches.remember(connection, request, resource_id)
        for task in new:
            if task.result is None:
                self._client.enqueue_in_transaction(
                    connection,
                    {
                        "queue_name": QUEUE,
                        "workflow_name": _WORKFLOWS[task.kind].__name__,
                        "workflow_id": task.id,
                        "app_version": WORKFLOWS_VERSION,
                        "priority": 1 + MAX_PRIORITY - task.priority,  # for DBOS, 1 is the most urgent
                    },
                    task.id,
                )
