"""The running heart of a server: database, files, executors and workflows, started and stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
from obstore.exceptions import BaseError

from wheatstone.cancellation import Cancellation
from wheatstone.delivery import Callbacks, Deliveries, Webhooks, workflows_alive
from wheatstone.egress import Egress
from wheatstone.errors import CancelledError, ServerBusyError, StorageUnavailableError, WheatstoneError, reason
from wheatstone.executors.local import evict
from wheatstone.jobs.intake import QUEUE, WORKFLOWS_VERSION, Intake, Wish
from wheatstone.jobs.observers import JobObserver
from wheatstone.jobs.retention import expired
from wheatstone.jobs.services import Services, set_current
from wheatstone.jobs.sources import Link, Source, Upload
from wheatstone.locks import lock
from wheatstone.models.registry import mesh_model_named, splat_model_named
from wheatstone.settings import Settings
from wheatstone.stages import Report, Stages
from wheatstone.storage import (
    TASKS,
    WORK,
    Batch,
    BatchStore,
    CallbackStore,
    DeliveryStore,
    ObjectStore,
    Status,
    Task,
    TaskStore,
    WebhookStore,
    database_error,
    open_database,
)

_log = logging.getLogger(__name__)

_QUEUE_POLL_S = 0.1
"""Each look costs some 2 ms, whether anything waits or not."""
_APPLICATION = "wheatstone"
_EXECUTOR_ID = "local"
"""The folder's lock keeps a second process away, so the name need not tell processes apart."""
_THREADS = 32
_FETCHES = 8
"""Photos that are fetched from elsewhere at once."""
_EVICT_S = 5.0
_RETENTION_S = 60.0
_NOTE_S = 2.0
"""How long DBOS may take to note that a workflow has ended; deleting it before that is an error in its log."""
_OUR_TASK = re.compile(rf"{TASKS}/[0-9a-f-]{{36}}/")


class Runtime:
    """Accepts tasks and works on them; `async with` starts and stops it.

    Attributes:
        settings: of the server.
        services: what the steps of jobs work with.
        observers: told of tasks that end.
        batches: the rows.
        deliveries: what others are told.
    """

    services: Services
    batches: BatchStore
    deliveries: Deliveries

    def __init__(self, settings: Settings, *, clear_cache: bool = False) -> None:
        """Work by these settings; `clear_cache` begins without results kept for equal requests."""
        self.settings = settings
        self.observers: list[JobObserver] = []
        self._clear_cache = clear_cache
        self._resources = AsyncExitStack()

    async def __aenter__(self) -> Runtime:
        """Open everything, and go on with the tasks that a last run left.

        Raises:
            UnknownModelError: there is no model of a name in the settings.
            ServerBusyError: another server holds the folders.
            StorageUnavailableError: a folder or the database cannot be used.
        """
        # Most calls to the database and to files come from here; Python's default is a few threads a core.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="io"))
        async with AsyncExitStack() as resources:
            storage, model = self.settings.storage, self.settings.model
            splat_model_named(model.name, self.settings)
            if model.mesh != "auto":
                mesh_model_named(model.mesh, self.settings)
            for folder in {storage.output_dir.resolve(), storage.db_path.parent.resolve()}:
                _hold(folder, resources)
            self._engine = open_database(storage.db_path)
            resources.callback(self._engine.dispose)
            serializer = DBOSPortableJSONSerializer()
            client = DBOSClient(system_database_engine=self._engine, serializer=serializer)
            resources.callback(client.destroy)
            objects, callbacks = ObjectStore(storage.output_dir), CallbackStore(self._engine)
            deliveries = DeliveryStore(self._engine)
            self.deliveries = Deliveries(
                deliveries,
                Webhooks(self.settings.webhook, WebhookStore(self._engine)),
                Callbacks(self.settings.reconstruction, callbacks, deliveries, objects),
                Egress(self.settings.egress),
                client,
            )
            resources.callback(self.deliveries.stop)
            tasks = TaskStore(
                self._engine, on_final=self.deliveries.on_final, on_artifact=self.deliveries.on_artifact
            )
            identity, link_key = tasks.identity()
            objects.claim(identity)
            objects.delete_partial()
            work_dir = storage.output_dir.resolve() / WORK
            if model.temp_dir is not None:  # which other servers may use, too
                work_dir = model.temp_dir.resolve() / f"wheatstone-{identity}"
            shutil.rmtree(work_dir, ignore_errors=True)
            _make(work_dir)
            tempfile.tempdir = str(work_dir)  # uploads, too, wait where there is to be space for them
            resources.callback(setattr, tempfile, "tempdir", None)
            self.batches = BatchStore(self._engine)
            self.services = Services(self.settings, tasks, objects, work_dir, link_key, self.observers)
            resources.callback(set_current, None)
            set_current(self.services)
            resources.callback(self.services.stop)
            self._fetchers = ThreadPoolExecutor(_FETCHES, thread_name_prefix="fetch")
            resources.callback(self._fetchers.shutdown, wait=False, cancel_futures=True)
            self._intake = Intake(self.services, self.batches, callbacks, client)
            if self._clear_cache:
                await asyncio.to_thread(self.services.cache.clear)
            await self._launch(resources, serializer)
            await self._reconcile()
            await self.deliveries.start()
            if model.warm_up:
                stages = Stages(_tenths(), Cancellation())
                resources.callback(stages.cancellation.cancel)
                resources.callback(asyncio.create_task(asyncio.to_thread(self._warm_up, stages)).cancel)
            for interval_s, work in (
                (_EVICT_S, self._evict),
                (_RETENTION_S, self._delete_expired),
                (_RETENTION_S, self.deliveries.sweep),
            ):
                resources.callback(asyncio.create_task(_repeat(interval_s, work)).cancel)
            self._resources = resources.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let running stages finish, hand back the rest, close everything."""
        await asyncio.gather(self.services.drain(), self.deliveries.drain())
        await self._resources.aclose()

    async def _launch(self, resources: AsyncExitStack, serializer: DBOSPortableJSONSerializer) -> None:
        logging.getLogger("dbos").addFilter(_is_news)
        DBOS(
            config={
                "name": _APPLICATION,
                "system_database_engine": self._engine,
                "serializer": serializer,
                "application_version": WORKFLOWS_VERSION,
                "executor_id": _EXECUTOR_ID,
                "log_level": "ERROR",
                "max_executor_threads": 32,
            }
        )
        resources.push_async_callback(asyncio.to_thread, DBOS.destroy, workflow_completion_timeout_sec=0)
        DBOS.launch()
        await DBOS.register_queue_async(
            QUEUE, worker_concurrency=self.services.concurrency, polling_interval_sec=_QUEUE_POLL_S
        )

    async def submit(self, source: Source, wish: Wish | None = None, key: str | None = None) -> tuple[Task, bool]:
        """As `Intake.submit`: stored, queued and on its way when this returns; it is not lost."""
        # What comes from elsewhere may take long, and must not take the threads that others need.
        threads = self._fetchers if isinstance(source, Link) else None
        work = functools.partial(self._intake.submit, source, wish or Wish(), key)
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    async def submit_batch(
        self, sources: Sequence[Upload], wish: Wish | None = None, key: str | None = None
    ) -> tuple[Batch, bool]:
        """As `Intake.submit_batch`."""
        return await asyncio.to_thread(self._intake.submit_batch, sources, wish or Wish(), key)

    async def cancel(self, task_id: str) -> Task:
        """End a task early; one that has ended stays as it is.

        Raises:
            UnknownTaskError: there is none.
        """
        error = CancelledError("Cancelled.")
        if await asyncio.to_thread(self.services.move, task_id, Status.CANCELLED, error=error):
            self.services.cancel_running(task_id)
            await DBOS.cancel_workflow_async(task_id)
            await asyncio.to_thread(self.services.delete_files_of_failed, task_id)
        return await asyncio.to_thread(self.services.tasks.get, task_id)

    async def delete(self, tasks: Sequence[Task]) -> None:
        """Forget tasks, and all that belongs to them; those that have not ended are cancelled first."""
        for task in tasks:
            await self.cancel(task.id)
        while any(self.services.is_running(task.id) for task in tasks):
            await asyncio.sleep(0.02)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_NOTE_S):
                while await asyncio.to_thread(workflows_alive, [task.id for task in tasks]):
                    await asyncio.sleep(0.02)
        await asyncio.to_thread(self._delete, tasks)

    def _delete(self, tasks: Sequence[Task]) -> None:
        self.services.delete(tasks)
        DBOS.delete_workflows([task.id for task in tasks])

    async def troubles(self) -> list[str]:
        """What keeps the server from working, one line each; none when all is well."""
        return await asyncio.to_thread(self._troubles)

    def _troubles(self) -> list[str]:
        found = []
        try:
            self.services.objects.check()
        except (OSError, BaseError) as error:
            found.append(f"store: {reason(error)}")
        try:
            self.services.tasks.check()
            if not self.settings.storage.db_path.exists():  # SQLite goes on writing to what nobody will find
                found.append("database: its file is gone")
        except sa.exc.SQLAlchemyError as error:
            found.append(f"database: {database_error(error)}")
        return found

    async def _reconcile(self) -> None:
        """Mend what a kill between two systems may have left: rows without workflow, files without row."""
        tasks = self.services.tasks
        unfinished = set(await asyncio.to_thread(tasks.unfinished))
        alive = await asyncio.to_thread(workflows_alive, unfinished)
        for task_id in unfinished:
            if task_id not in alive:
                error = WheatstoneError(
                    "The server was interrupted and cannot go on with this task; submit it again."
                )
                await asyncio.to_thread(self.services.move, task_id, Status.FAILED, error=error)
        await self.delete(await asyncio.to_thread(tasks.attended))  # those who attended them have lost us
        await asyncio.to_thread(self._delete_lost_files, unfinished)

    def _delete_lost_files(self, unfinished: set[str]) -> None:
        objects, tasks = self.services.objects, self.services.tasks
        known = unfinished | {task.id for task in tasks.ended() if task.artifacts}
        lost = [key for key in objects.keys(TASKS) if _OUR_TASK.match(key) and key.split("/")[1] not in known]
        objects.delete(lost)
        self.services.photos.delete_unused()

    def _warm_up(self, stages: Stages) -> None:
        try:
            self.services.executor.warm_up(self.settings.model.name, stages)
        except CancelledError:
            return
        except WheatstoneError as error:
            _log.warning("The model could not be loaded; it is tried again at its first use. %s", error)
        else:
            _log.info("the model is loaded")

    def _evict(self) -> None:
        settings = self.settings.executors
        evict(
            [*self.services.executor.pools, self.services.finishers],
            idle_timeout_s=settings.idle_timeout_s,
            budget_bytes=settings.budget_bytes,
        )

    def _delete_expired(self) -> None:
        storage = self.settings.storage
        self.batches.delete_empty()
        if storage.max_age_days is None and storage.max_bytes is None:
            return
        if tasks := expired(self.services.tasks.ended(), storage):
            self._delete(tasks)


async def _repeat(interval_s: float, work: Callable[[], None]) -> None:
    """Do something in a thread, again and again."""
    while True:
        await asyncio.sleep(interval_s)
        try:
            await asyncio.to_thread(work)
        except (OSError, BaseError, sa.exc.SQLAlchemyError):
            _log.exception("sweeping up failed; it is tried again")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise StorageUnavailableError(f"{folder} cannot be used: {reason(error)}.") from error


def _tenths() -> Report:
    """Logs every tenth of a stage."""
    told: set[tuple[str, int]] = set()

    def report(stage: str, fraction: float) -> None:
        if (tenth := (stage, int(10 * fraction))) not in told:
            told.add(tenth)
            _log.info("warming up: %s %d %%", stage, 10 * tenth[1])

    return report


def _hold(folder: Path, resources: AsyncExitStack) -> None:
    """Keep other servers off a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        resources.enter_context(lock(folder / ".lock", wait=False))
    except BlockingIOError:
        raise ServerBusyError(f"Another server works in {folder}: stop it, or name another folder.") from None
    except OSError as error:
        raise StorageUnavailableError(f"{folder} cannot be used: {reason(error)}.") from error


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of DBOS says something that we do not: a cancelled task is no error."""
    with contextlib.suppress(IndexError, TypeError):
        return "Cancelled" not in str(record.exc_info and record.exc_info[0])
    return True
