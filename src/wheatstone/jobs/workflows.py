"""Photos to splats and meshes as durable workflows: what is done is not redone, whatever happens to the server.

DBOS runs a step until it is recorded: one that was cut off by a kill runs again, and only that one. The task's row
is the one truth about it: a task that has ended there, for instance because it was cancelled, stays as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from typing import Any

from dbos import DBOS, PortableWorkflowError
from dbos._error import DBOSMaxStepRetriesExceeded  # what `dbos.error` gives, which is a module in no package

from wheatstone.errors import ChildCrashedError, UnknownTaskError, error_of
from wheatstone.jobs import meshes, splats
from wheatstone.jobs.services import current
from wheatstone.storage import Status

_ATTEMPTS = 3


def _was_a_crash(error: BaseException) -> bool:
    return isinstance(error, PortableWorkflowError) and error.code == ChildCrashedError.code


_step = functools.partial(
    DBOS.step,
    preemptible=True,
    retries_allowed=True,
    max_attempts=_ATTEMPTS,
    interval_seconds=0.1,
    should_retry=_was_a_crash,
)


@DBOS.workflow(name="photo_to_splat", max_recovery_attempts=None)  # a killed server is not the photo's fault
async def photo_to_splat(task_id: str) -> None:
    """Predict, then compress; the workflow has the task's id."""
    async with _under_way(task_id):
        predicted = await _predict(task_id)
        if predicted is not None:
            await _compress(task_id, _as_now(predicted))


@DBOS.workflow(name="object_to_mesh", max_recovery_attempts=None)
async def object_to_mesh(task_id: str) -> None:
    """Reconstruct, then finish; the workflow has the task's id."""
    async with _under_way(task_id):
        reconstructed = await _reconstruct(task_id)
        if reconstructed is not None:
            await _finish(task_id, reconstructed)


@contextlib.asynccontextmanager
async def _under_way(task_id: str) -> AsyncIterator[None]:
    """Let the task's row tell of a failure within the block."""
    current().workflows.add(task_id)
    try:
        yield
    except PortableWorkflowError as error:
        await _fail(task_id, str(error.code), error.message)
    except DBOSMaxStepRetriesExceeded:
        message = f"The process that worked on this photo crashed {_ATTEMPTS} times."
        await _fail(task_id, ChildCrashedError.code, message)
    finally:
        current().flights.end(task_id)
        current().workflows.discard(task_id)


def _as_now(predicted: dict[str, Any]) -> dict[str, Any]:
    """What `splats.predict` gave, perhaps in an older server, whose scene had no place of its own."""
    if "scene" in predicted:
        return predicted
    scene = {name: value for name, value in predicted.items() if name != "seconds"}
    return {"scene": scene, "seconds": predicted["seconds"], "cache_key": None}


@_step(name="predict")
async def _predict(task_id: str) -> dict[str, Any] | None:
    return await current().run(task_id, splats.predict, Status.CONVERTING)


@_step(name="compress")
async def _compress(task_id: str, predicted: dict[str, Any]) -> None:
    services = current()
    status = Status.COMPRESSING if services.settings.compression.enabled else None
    work = functools.partial(splats.compress, predicted=predicted)
    await services.run(task_id, work, status, spent_s=sum(predicted["seconds"].values()))


@_step(name="reconstruct")
async def _reconstruct(task_id: str) -> dict[str, Any] | None:
    return await current().run(task_id, meshes.reconstruct, Status.CONVERTING)


@_step(name="finish")
async def _finish(task_id: str, reconstructed: dict[str, Any]) -> None:
    work = functools.partial(meshes.finish, reconstructed=reconstructed)
    await current().run(task_id, work, None, spent_s=sum(reconstructed["facts"]["seconds"].values()))


async def _fail(task_id: str, code: str, message: str) -> None:
    """No step of its own: doing it twice does nothing."""
    with contextlib.suppress(UnknownTaskError):  # it was deleted
        await asyncio.to_thread(current().fail, task_id, error_of(code, message))
