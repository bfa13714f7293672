"""Deliveries on a real database and a real DBOS, as the server has them; also a process that can be killed."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer

from tests.servers import LOOPBACK
from wheatstone.delivery import Callbacks, Deliveries, RetryPolicy, Webhooks
from wheatstone.egress import Egress
from wheatstone.errors import DeviceMemoryError, WheatstoneError
from wheatstone.settings import EgressSettings, ReconstructionSettings, WebhookSettings
from wheatstone.storage import (
    Artifact,
    Callback,
    CallbackStore,
    Delivery,
    DeliveryStatus,
    DeliveryStore,
    NewTask,
    ObjectStore,
    Status,
    Task,
    TaskStore,
    WebhookStore,
    open_database,
)

PATIENCE_S = 60.0
AT_ONCE = RetryPolicy((0.0, 0.0), jitter=0)
"""Three attempts, without long waits."""
PLY = Artifact("output.ply", "tasks/a/output.ply", "application/octet-stream", 12)
SOG = replace(PLY, name="output.sog", key="tasks/a/output.sog")
RESULTS = {"pixel_images.png": "image/png", "xyz_images.png": "image/png", "output3d.zip": "application/zip"}
"""What is called back, and its types."""


@dataclass
class Host:
    """What delivers.

    Attributes:
        engine: the database.
        tasks: the tasks in it.
        objects: their files.
        deliveries: those under test.
    """

    engine: sa.Engine
    tasks: TaskStore
    objects: ObjectStore
    deliveries: Deliveries

    def end(self, task_id: str = "a", status: Status = Status.COMPLETED) -> Task:
        """A task that ends, told in one transaction."""
        task = ended(self.tasks, task_id, status)
        with self.engine.begin() as connection:
            self.deliveries.on_final(connection, task)
        return task

    def ask(self, url: str, task_id: str = "a", remote_task_id: str = "remote") -> None:
        """A task under way, whose results are to be called back to `url`."""
        callback = Callback(task_id, remote_task_id, url)
        self.tasks.create(
            [new(task_id)], lambda connection: self.deliveries.callbacks.store.add(connection, callback)
        )
        self.tasks.transition(task_id, Status.CONVERTING)

    def make(self, name: str, content: bytes, task_id: str = "a") -> Artifact:
        """A result of a task, told in one transaction."""
        artifact = Artifact(name, f"tasks/{task_id}/{name}", RESULTS.get(name, "text/plain"), len(content))
        self.objects.put(artifact.key, content)
        with self.engine.begin() as connection:
            self.deliveries.on_artifact(connection, self.tasks.get(task_id), artifact)
        return artifact

    def finish(
        self, task_id: str = "a", artifacts: Sequence[Artifact] = (), error: WheatstoneError | None = None
    ) -> None:
        """A task under way ends, told in the same transaction."""
        tasks = TaskStore(self.engine, on_final=self.deliveries.on_final)
        status = Status.COMPLETED if error is None else Status.FAILED
        tasks.transition(task_id, status, artifacts=artifacts, error=error)

    async def all_settled(self, task_id: str = "a") -> list[Delivery]:
        """All deliveries about a task, once they have ended."""
        await until(lambda: all(each.status.is_final for each in self.deliveries.store.of_task(task_id)))
        return self.deliveries.store.of_task(task_id)

    def of(self, task_id: str = "a") -> Delivery:
        """The one delivery about a task."""
        (delivery,) = self.deliveries.store.of_task(task_id)
        return delivery

    async def settled(self, task_id: str = "a") -> Delivery:
        """The one delivery about a task, once it has ended."""
        await until(lambda: self.of(task_id).status is not DeliveryStatus.PENDING)
        return self.of(task_id)

    async def attempted(self, attempts: int, task_id: str = "a") -> Delivery:
        """The one delivery about a task, once so many attempts are recorded."""
        await until(lambda: self.of(task_id).attempts >= attempts)
        return self.of(task_id)


def new(task_id: str) -> NewTask:
    """A task that is to be."""
    return NewTask(id=task_id, model="auto", photo_sha256="00", photo_bytes=3, source_name="a.jpg")


def ended(tasks: TaskStore, task_id: str = "a", status: Status = Status.COMPLETED) -> Task:
    """A new task that has come to that status."""
    tasks.create([new(task_id)], lambda _connection: None)
    tasks.transition(task_id, Status.CONVERTING)
    failed = None if status is Status.COMPLETED else DeviceMemoryError("显存不足")
    tasks.transition(task_id, status, error=failed, artifacts=[SOG, PLY] if failed is None else [])
    return tasks.get(task_id)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not await asyncio.to_thread(is_so):
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def delivering(
    folder: Path,
    url: str = "",
    *,
    policy: RetryPolicy = AT_ONCE,
    egress: EgressSettings = LOOPBACK,
    enabled: bool = True,
    callback_secret: str = "",
    **webhook: Any,
) -> AsyncIterator[Host]:
    """A host in `folder` that tells `url` of everything."""
    settings = WebhookSettings.model_validate(
        {"enabled": enabled, "task_completed": url, "task_failed": url, **webhook}
    )
    engine = open_database(folder / "tasks.db")
    serializer = DBOSPortableJSONSerializer()
    client = DBOSClient(system_database_engine=engine, serializer=serializer)
    webhooks = Webhooks(settings, WebhookStore(engine))
    store, objects = DeliveryStore(engine), ObjectStore(folder / "files")
    reconstruction = ReconstructionSettings.model_validate({"callback_secret": callback_secret})
    callbacks = Callbacks(reconstruction, CallbackStore(engine), store, objects)
    deliveries = Deliveries(store, webhooks, callbacks, Egress(egress), client, policy=policy, poll_s=0.02)
    DBOS(
        config={
            "name": "wheatstone",
            "system_database_engine": engine,
            "serializer": serializer,
            "application_version": "1",
            "executor_id": "local",
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    try:
        await deliveries.start()
        yield Host(engine, TaskStore(engine), objects, deliveries)
        await deliveries.drain()
    finally:
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)
        deliveries.stop()
        client.destroy()
        engine.dispose()


async def _main(folder: Path, kind: str, url: str, *task_ids: str) -> None:
    policy = RetryPolicy((2.0,), jitter=0)
    async with delivering(folder, url if kind == "webhook" else "", policy=policy) as host:
        for task_id in task_ids:
            if kind == "webhook":
                host.end(task_id)
                continue
            host.ask(url, task_id)
            host.finish(task_id, [host.make(name, name.encode(), task_id) for name in RESULTS])
        print("ready", flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), *sys.argv[2:]))
