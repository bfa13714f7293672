"""What routes take: the runtime, a task, the place where a stream goes on."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import HTTPConnection

from wheatstone.jobs import Runtime
from wheatstone.storage import Batch, Task


def _runtime(connection: HTTPConnection) -> Runtime:
    runtime: Runtime = connection.app.state.runtime
    return runtime


RuntimeDependency = Annotated[Runtime, Depends(_runtime)]


async def _task(task_id: str, runtime: RuntimeDependency) -> Task:
    return await asyncio.to_thread(runtime.services.tasks.get, task_id)


TaskDependency = Annotated[Task, Depends(_task)]
"""The task that the path names; 404 if there is none."""


def _last_event_id(last_event_id: Annotated[str, Header(alias="Last-Event-ID")] = "") -> int | None:
    return int(last_event_id) if re.fullmatch(r"\d{1,18}", last_event_id) else None


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="All requests with this key are one, for a day.",
    ),
]


async def _batch(batch_id: str, runtime: RuntimeDependency) -> Batch:
    return await asyncio.to_thread(runtime.batches.get, batch_id)


BatchDependency = Annotated[Batch, Depends(_batch)]
"""The batch that the path names; 404 if there is none."""

LastEventId = Annotated[int | None, Depends(_last_event_id)]
"""The sequence number that a client has seen last; None for a new client."""
