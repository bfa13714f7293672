"""What the steps of jobs work with, and how they run: in threads, cancellable, handed back as the server ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from dbos import PortableWorkflowError

from wheatstone.cancellation import Cancellation
from wheatstone.errors import CancelledError, TimeLimitError, UnknownTaskError, WheatstoneError, error_of_system
from wheatstone.executors.children import ChildPool
from wheatstone.executors.local import LocalExecutor
from wheatstone.jobs.cache import ResultCache
from wheatstone.jobs.events import EventHub
from wheatstone.jobs.flights import Flights
from wheatstone.jobs.observers import JobObserver
from wheatstone.jobs.photos import PhotoShelf
from wheatstone.settings import Settings
from wheatstone.stages import Stages
from wheatstone.storage import TASKS, Artifact, ObjectStore, Status, Task, TaskStore

_log = logging.getLogger(__name__)

Result = TypeVar("Result")
Work = Callable[["Services", Task, Stages], Result]
"""What a step does for a task; called in a thread."""


@dataclass(slots=True)
class _Step:
    cancellation: Cancellation = field(default_factory=Cancellation)
    has_begun: bool = False
    is_late: bool = False

    def expire(self) -> None:
        """End it: its time is over."""
        self.is_late = True
        self.cancellation.cancel()


class Services:
    """Everything a step may need; one a process (`current`).

    Attributes:
        settings: of the server.
        tasks: the rows.
        objects: the files.
        executor: where models run.
        finishers: children that compress splats and draw meshes.
        hub: told of every change.
        photos: that tasks are about.
        cache: results for equal requests.
        flights: of equal requests at once, one works.
        link_key: signs links to results.
        work_dir: for files on their way; emptied at every start.
        workflows: the tasks whose workflows are under way here.
        observers: told of tasks that end.
    """

    def __init__(
        self,
        settings: Settings,
        tasks: TaskStore,
        objects: ObjectStore,
        work_dir: Path,
        link_key: bytes,
        observers: Sequence[JobObserver] = (),
    ) -> None:
        workers = settings.compression.max_workers
        self.settings = settings
        self.tasks = tasks
        self.objects = objects
        self.work_dir = work_dir
        self.executor = LocalExecutor(settings, work_dir)
        self.finishers = ChildPool("wheatstone.pipelines.finishing_child", workers, settings)
        self.hub = EventHub(tasks.news)
        self.photos = PhotoShelf(tasks, objects)
        self.cache = ResultCache(objects, work_dir, settings)
        self.flights = Flights()
        self.link_key = link_key
        self.workflows: set[str] = set()
        self.observers = observers
        self._threads = ThreadPoolExecutor(self.concurrency, thread_name_prefix="step")
        self._running: dict[str, _Step] = {}
        self._is_draining = False
        self._drained_by_s = 0.0

    @property
    def is_draining(self) -> bool:
        """Whether the server is going."""
        return self._is_draining

    @property
    def concurrency(self) -> int:
        """Tasks under way at once: one converts, the others compress."""
        wanted = 1 + self.settings.compression.max_workers
        return min(wanted, self.settings.performance.max_workers)

    async def run(
        self, task_id: str, work: Work[Result], status: Status | None, *, spent_s: float = 0.0
    ) -> Result:
        """Do a step's work in a thread, until it is done, cancelled, or the server must go.

        Args:
            task_id: of the task.
            work: what to do.
            status: the task's from the first stage on, which may have to wait for its turn; None changes nothing.
            spent_s: how long the task has worked already.

        Raises:
            PortableWorkflowError: it failed; with the error's code and message.
            asyncio.CancelledError: the server is going; nothing is recorded, and the step runs again after the
                next start.
        """
        if self._is_draining:
            raise asyncio.CancelledError
        step = self._running[task_id] = _Step()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self._work, task_id, work, step, status, spent_s)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            step.cancellation.cancel()
            await asyncio.wait({future})
            future.exception()  # looked at: how it ended nobody asks any more
            raise
        except CancelledError as error:
            if step.is_late:
                raise _portable(TimeLimitError("It worked longer than the time limit allows.")) from error
            if self._is_draining:
                raise asyncio.CancelledError from error
            raise _portable(error) from error
        except Exception as error:
            raise _portable(error) from error
        finally:
            self._running.pop(task_id, None)
            self.hub.forget(task_id)
            with contextlib.suppress(UnknownTaskError):  # it was deleted
                await asyncio.to_thread(self.delete_files_of_failed, task_id)

    def _work(
        self, task_id: str, work: Work[Result], step: _Step, status: Status | None, spent_s: float
    ) -> Result:
        task = self.tasks.get(task_id)
        if task.status in (Status.CANCELLED, Status.FAILED):
            raise CancelledError("Cancelled.")
        limit_s = task.time_limit_s or self.settings.jobs.time_limit_s
        timer = threading.Timer(max(0.0, limit_s - spent_s), step.expire)
        timer.daemon = True

        def report(stage: str, fraction: float) -> None:
            if not step.has_begun:
                step.has_begun = True
                timer.start()
                if status is not None:
                    self.move(task_id, status)
            self.hub.report(task, stage, fraction)

        try:
            return work(self, task, Stages(report, step.cancellation))
        finally:
            timer.cancel()

    def move(self, task_id: str, status: Status, **changes: Any) -> bool:
        """`TaskStore.transition`, told to all who follow the task."""
        changed = self.tasks.transition(task_id, status, **changes)
        if changed:
            _log.info("task %s: %s", task_id, status)
            self.tell(changed)
        return changed is not None

    def add_artifact(self, task_id: str, artifact: Artifact) -> None:
        """`TaskStore.add_artifact`, told to all who follow the task.

        Raises:
            CancelledError: the task has ended meanwhile.
        """
        changed = self.tasks.add_artifact(task_id, artifact)
        if changed is None:
            raise CancelledError("Cancelled.")
        self.hub.notify(changed)

    def tell(self, task: Task) -> None:
        """Tell all who follow a task that it has a new status."""
        self.hub.notify(task)
        if task.status.is_final:
            for observer in self.observers:
                observer.finished(task)

    def fail(self, task_id: str, error: WheatstoneError) -> None:
        """End a task that failed; who sees that finds nothing left of it. One that is completed stays as it is."""
        if self.tasks.get(task_id).status is not Status.COMPLETED:
            self._delete_files(task_id)
        self.move(task_id, Status.FAILED, error=error)

    def delete_files_of_failed(self, task_id: str) -> None:
        """Leave nothing of a task that failed or was cancelled, unless a step still works on it."""
        task = self.tasks.get(task_id)
        if task.status in (Status.FAILED, Status.CANCELLED) and task_id not in self._running:
            self._delete_files(task_id)

    def _delete_files(self, task_id: str) -> None:
        self.objects.delete(self.objects.keys(f"{TASKS}/{task_id}"))

    def is_running(self, task_id: str) -> bool:
        """Whether a workflow, or a step that it left behind, works on a task here."""
        return task_id in self.workflows or task_id in self._running

    def delete(self, deleted: Sequence[Task]) -> None:
        """Forget tasks that have ended: rows, files, and photos that no other task needs."""
        self.tasks.delete([task.id for task in deleted])
        for task in deleted:
            self._delete_files(task.id)
            self.hub.notify(task)
        self.photos.delete_unused({task.photo_sha256 for task in deleted})

    def cancel_running(self, task_id: str) -> None:
        """End the step of this task, if one runs here."""
        if step := self._running.get(task_id):
            step.cancellation.cancel()

    def begin_draining(self) -> None:
        """Begin no further step, hand back those that wait for their turn, and let nobody wait for news."""
        if self._is_draining:
            return
        self._is_draining = True
        self._drained_by_s = time.monotonic() + self.settings.server.drain_timeout_s
        self.hub.close()
        for step in list(self._running.values()):
            if not step.has_begun:
                step.cancellation.cancel()

    def hurry(self) -> None:
        """Hand back running steps, too: somebody asked twice."""
        self._drained_by_s = time.monotonic()

    async def drain(self) -> None:
        """Let running steps finish, hand back those that take too long, and wait until their workflows know."""
        self.begin_draining()
        while self._running and time.monotonic() < self._drained_by_s:
            await asyncio.sleep(0.02)
        for step in list(self._running.values()):
            step.cancellation.cancel()
        while self._running or self.workflows:  # children that do not listen are killed
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        """End all children, at once."""
        self.executor.stop()
        self.finishers.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.cache.close()


def _portable(error: Exception) -> PortableWorkflowError:
    """An error as the database keeps it, so that a workflow that is resumed meets the same one."""
    if isinstance(error, OSError):
        error = error_of_system(error) or error
    if isinstance(error, WheatstoneError):
        return PortableWorkflowError(str(error), type(error).__name__, error.code)
    _log.error("a step failed", exc_info=error)
    return PortableWorkflowError(
        "Something went wrong in the server; its log says more.", type(error).__name__, WheatstoneError.code
    )


_current: Services | None = None


def current() -> Services:
    """The services of this process, for workflows, which DBOS calls with plain JSON only."""
    if _current is None:
        raise RuntimeError("No runtime is running in this process.")
    return _current


def set_current(services: Services | None) -> None:
    """Let workflows find these services; DBOS, too, is one a process."""
    global _current
    _current = services
