"""Surface D, the service's side: a photo of an object becomes a mesh, and its parts are called back."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Form, UploadFile
from pydantic import BaseModel

from wheatstone.delivery import checked_callback_url
from wheatstone.errors import BadOptionError, TaskUnderWayError
from wheatstone.jobs import CallBack, Runtime, Upload, Wish
from wheatstone.server.dependencies import RuntimeDependency
from wheatstone.server.problems import PROBLEMS

router = APIRouter(tags=["Reconstruction"], responses=PROBLEMS)


class Accepted(BaseModel):
    """It will be done, and called back."""

    status: Literal["accepted"] = "accepted"
    task_id: str


@router.post("/generate3d", status_code=202)
async def generate(
    image: UploadFile,
    task_id: Annotated[str, Form(min_length=1, max_length=255, description="What the caller calls the task.")],
    callback_url: Annotated[
        str, Form(description="http or https; /result/{task_id} and /status are added to it.")
    ],
    runtime: RuntimeDependency,
) -> Accepted:
    """Take a photo of an object and make a mesh of it; each result is sent to the caller, then how it ended.

    The same request again, before that, changes nothing.
    """
    if not task_id.isprintable() or task_id in (".", ".."):  # it becomes a part of a path
        raise BadOptionError("task_id must be a name of printable characters, and not . or ..")
    call_back = CallBack(task_id, checked_callback_url(callback_url))
    upload = Upload(image.filename or "", image.file)
    if not await asyncio.to_thread(_is_under_way, runtime, call_back, upload):
        try:
            await _submit(runtime, upload, call_back)
        except TaskUnderWayError:
            if not await asyncio.to_thread(
                _is_under_way, runtime, call_back, upload
            ):  # it came at the same moment
                raise
    return Accepted(task_id=task_id)


async def _submit(runtime: Runtime, upload: Upload, call_back: CallBack) -> None:
    await runtime.submit(upload, Wish(kind="mesh", call_back=call_back))


def _is_under_way(runtime: Runtime, call_back: CallBack, upload: Upload) -> bool:
    """Whether this very request was accepted already, and what it asked for is not all delivered.

    Raises:
        TaskUnderWayError: the task of that name is another one.
    """
    known = runtime.deliveries.callbacks.store.under_way(call_back.task_id)
    if known is None:
        return False
    task = runtime.services.tasks.get(known.task_id)
    if (known.url, task.photo_sha256) != (call_back.url, upload.sha256()):
        raise TaskUnderWayError(
            f"The task {call_back.task_id!r} is under way, with another photo or callback_url; "
            "give this one another name."
        )
    return True
