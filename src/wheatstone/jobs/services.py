"""What the steps of jobs work with, and how they run: in threads, cancellable, handed back as the server ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from dbos import PortableWorkflowError

from wheatstone.cancellation import Cancellation
from wheatstone.errors import CancelledError, WheatstoneError, error_of_system
from wheatstone.executors.children import ChildPool
from wheatstone.executors.local import LocalExecutor
from wheatstone.executors.turns import Turns
from wheatstone.jobs.events import EventHub
from wheatstone.settings import Settings
from wheatstone.storage import ObjectStore, Status, Task, TaskStore

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Services:
    """Everything a step may need; one a process (`current`).

    Attributes:
        settings: of the server.
        tasks: the rows.
        objects: the files.
        executor: where models run.
        compressors: children that compress.
        external_turns: places for external compressors.
        hub: told of every change.
        work_dir: for files on their way; emptied at every start.
    """

    def __init__(self, settings: Settings, tasks: TaskStore, objects: ObjectStore, work_dir: Path) -> None:
        workers = settings.compression.max_workers
        self.settings = settings
        self.tasks = tasks
        self.objects = objects
        self.work_dir = work_dir
        self.executor = LocalExecutor(settings, work_dir)
        self.compressors = ChildPool("wheatstone.pipelines.compression_child", workers, settings)
        self.external_turns = Turns(workers)
        self.hub = EventHub(tasks.events)
        self._threads = ThreadPoolExecutor(self.concurrency, thread_name_prefix="step")
        self._running: dict[str, Cancellation] = {}
        self._is_draining = False

    @property
    def concurrency(self) -> int:
        """Tasks under way at once: one converts, the others compress."""
        return 1 + self.settings.compression.max_workers

    async def run(self, task_id: str, work: Callable[[Services, Task, Cancellation], Result]) -> Result:
        """Do a step's work in a thread, until it is done, cancelled, or the server must go.

        Raises:
            PortableWorkflowError: it failed; with the error's code and message.
            asyncio.CancelledError: the server is going; nothing is recorded, and the step runs again after the
                next start.
        """
        if self._is_draining:
            raise asyncio.CancelledError
        cancellation = self._running[task_id] = Cancellation()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self._work, task_id, work, cancellation)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            cancellation.cancel()
            await asyncio.wait({future})
            raise
        except CancelledError as error:
            if self._is_draining:
                raise asyncio.CancelledError from error
            raise _portable(error) from error
        except Exception as error:
            raise _portable(error) from error
        finally:
            self._running.pop(task_id, None)
            self.hub.forget(task_id)

    def _work(
        self, task_id: str, work: Callable[[Services, Task, Cancellation], Result], cancellation: Cancellation
    ) -> Result:
        task = self.tasks.get(task_id)
        if task.status is Status.CANCELLED:
            raise CancelledError("Cancelled.")
        return work(self, task, cancellation)

    def move(self, task_id: str, status: Status, **changes: Any) -> bool:
        """`TaskStore.transition`, told to all who follow the task."""
        changed = self.tasks.transition(task_id, status, **changes)
        if changed:
            _log.info("task %s: %s", task_id, status)
            self.hub.notify(task_id)
        return changed

    def cancel_running(self, task_id: str) -> None:
        """End the step of this task, if one runs here."""
        if cancellation := self._running.get(task_id):
            cancellation.cancel()

    def begin_draining(self) -> None:
        """Begin no further step, and let nobody wait for news: the server is going."""
        self._is_draining = True
        self.hub.close()

    async def drain(self, timeout_s: float) -> None:
        """Let running steps finish, and hand back those that take too long."""
        self.begin_draining()
        try:
            async with asyncio.timeout(timeout_s):
                while self._running:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            for cancellation in list(self._running.values()):
                cancellation.cancel()
            while self._running:  # children that do not listen are killed
                await asyncio.sleep(0.02)

    def stop(self) -> None:
        """End all children, at once."""
        self.executor.stop()
        self.compressors.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)


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
