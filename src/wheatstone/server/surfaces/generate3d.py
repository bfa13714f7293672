"""Surface E: photos of objects go in over a WebSocket, the parts of their meshes come out, one photo at a time.

Each photo is an attended job: it waits in the one queue for its device, as fair as any other, it is counted, and
it is forgotten, files and all, when its parts are sent or its client is gone.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Mapping
from contextlib import aclosing, suppress
from typing import Annotated, Any

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect
from sqlalchemy.exc import SQLAlchemyError

from wheatstone.errors import ModelFailedError, UnknownTaskError, WheatstoneError, error_of
from wheatstone.jobs import Runtime, Upload, Wish
from wheatstone.jobs.tasks import media_type_of, task_key
from wheatstone.models.roles import MESH_PARTS
from wheatstone.server.dependencies import RuntimeDependency
from wheatstone.storage import Event, Status, Task, Topic, database_error

_log = logging.getLogger(__name__)

router = APIRouter()

_LAST_WORD_S = 10.0
"""How long a client that does not read may keep us from telling it how its photo ended."""
_PLACE_S = 1.0
"""How often a client hears which place in the queue its photo has, if that changed."""
_NORMAL, _UNSUPPORTED, _VIOLATION = 1000, 1003, 1008
"""Why a connection is closed (RFC 6455)."""


@router.websocket("/generate3d")
async def generate3d(
    socket: WebSocket,
    runtime: RuntimeDependency,
    queue: Annotated[bool, Query(description="Also tell the place of a photo that waits.")] = False,
) -> None:
    """Take photos, each a binary message, and send the parts of its mesh, each announced by a text message."""
    await socket.accept()
    with suppress(WebSocketDisconnect):
        await _Session(socket, runtime, tells_place=queue).run()


class _Session:
    """One connection."""

    def __init__(self, socket: WebSocket, runtime: Runtime, *, tells_place: bool) -> None:
        self._socket = socket
        self._runtime = runtime
        self._settings = runtime.settings.generate3d
        self._tells_place = tells_place
        self._receiving = asyncio.create_task(socket.receive())
        self._submitted: asyncio.Future[tuple[Task, bool]] | None = None

    async def run(self) -> None:
        """Serve one photo after the other, until the client goes, is silent for too long, or breaks the rules."""
        try:
            while (photo := await self._photo()) is not None and await self._serve(photo):
                continue
        finally:
            self._receiving.cancel()

    async def _photo(self) -> bytes | None:
        """The next one; None if there will be none."""
        await asyncio.wait({self._receiving}, timeout=self._settings.idle_timeout_s)
        if not self._receiving.done():
            await self._socket.close(_NORMAL, f"Nothing came for {self._settings.idle_timeout_s:g} s.")
            return None
        message = self._receiving.result()
        if message["type"] == "websocket.disconnect":
            return None
        self._receiving = asyncio.create_task(self._socket.receive())
        photo: bytes | None = message.get("bytes")
        if photo is None:
            await self._refuse(_UNSUPPORTED, "A photo must come as one binary message, not as text.")
        return photo

    async def _serve(self, photo: bytes) -> bool:
        """Send the parts of a photo's mesh, and how it ended; whether another photo may follow."""
        work = asyncio.create_task(self._work(photo))
        try:
            await asyncio.wait({work, self._receiving}, return_when=asyncio.FIRST_COMPLETED)
            has_ended = work.done()
        finally:
            work.cancel()
            await asyncio.wait({work})
            await self._forget()
        if not has_ended:
            if self._receiving.result()["type"] == "websocket.receive":
                await self._refuse(
                    _VIOLATION, "A message came before the photo before it was done; wait for that."
                )
            return False
        await self._tell_end(work.result())
        return True

    async def _work(self, photo: bytes) -> str | None:
        """Why it failed, if it did."""
        limit_s = self._settings.timeout_s
        try:
            async with asyncio.timeout(limit_s):
                await self._socket.send_json({"type": "status", "status": "processing"})
                source = Upload("", io.BytesIO(photo))
                submitting = self._runtime.submit(source, Wish(kind="mesh", attended=True))
                self._submitted = asyncio.ensure_future(submitting)
                task, _ = await asyncio.shield(self._submitted)  # which must be known, to be forgotten
                await self._send_parts(task)
        except TimeoutError:
            return f"It was not done after {limit_s:g} s."
        except WheatstoneError as error:
            return str(error)
        except SQLAlchemyError as error:
            return str(database_error(error))
        except WebSocketDisconnect:
            raise
        except Exception:  # the client must be told, whatever it is
            _log.exception("a photo on a WebSocket failed")
            return "Something went wrong in the server; its log says more."
        return None

    async def _forget(self) -> None:
        """Leave nothing of the photo; one that is being worked on is cancelled first."""
        if self._submitted is None:
            return
        submitted, self._submitted = self._submitted, None
        await asyncio.wait({submitted})
        if submitted.exception() is not None:
            return
        try:
            await self._runtime.delete([submitted.result()[0]])
        except UnknownTaskError:
            return  # somebody deleted it before us
        except (WheatstoneError, SQLAlchemyError, OSError):
            _log.exception("what is left of a photo cannot be deleted; the next start does it")

    async def _send_parts(self, task: Task) -> None:
        """Send the documented parts, each as soon as it exists and those before it are sent.

        Raises:
            WheatstoneError: one cannot be had.
        """
        made: set[str] = set()
        missing = list(MESH_PARTS)
        place = 0
        async with aclosing(self._runtime.services.hub.follow(Topic(task.id))) as news:
            while True:
                following = asyncio.ensure_future(anext(news, None))
                try:
                    while not following.done():
                        if self._tells_place and not made:
                            place = await self._tell_place(task, place)
                        await asyncio.wait({following}, timeout=_PLACE_S if self._tells_place else None)
                finally:
                    following.cancel()
                    await asyncio.wait({following})
                event = following.result()
                if not isinstance(event, Event):
                    raise WheatstoneError("The server ends, or the job was deleted, before the photo was done.")
                if event.artifact is not None:
                    made.add(event.artifact)
                while missing and missing[0] in made:
                    await self._send_part(task, missing.pop(0))
                if event.artifact is None and event.status.is_final:
                    break
        if event.status is not Status.COMPLETED:
            ended = await asyncio.to_thread(self._runtime.services.tasks.get, task.id)
            raise error_of(ended.error_code or WheatstoneError.code, event.message or "It failed.")
        if missing:
            raise ModelFailedError(f"The model made no {missing[0]}.")

    async def _send_part(self, task: Task, name: str) -> None:
        path = self._runtime.services.objects.path(task_key(task.id, name))
        try:
            data = await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            raise UnknownTaskError("The job was deleted before the photo was done.") from None
        await self._socket.send_json({"type": "result_part", "name": name, "content_type": media_type_of(name)})
        await self._socket.send_bytes(data)

    async def _tell_place(self, task: Task, told: int) -> int:
        """Tell the task's place, if it waits, and for another one than was told; returns it."""
        places = await asyncio.to_thread(self._runtime.services.tasks.queue_positions)
        place = places.get(task.id, told)
        if place != told:
            await self._socket.send_json({"type": "queue", "position": place})
        return place

    async def _tell_end(self, failure: str | None) -> None:
        status: Mapping[str, Any] = {"type": "status", "status": "completed"}
        if failure is not None:
            status = {"type": "status", "status": "failed", "error": failure}
        try:
            async with asyncio.timeout(_LAST_WORD_S):
                await self._socket.send_json(status)
        except TimeoutError:
            raise WebSocketDisconnect(_VIOLATION, "It does not read.") from None

    async def _refuse(self, code: int, why: str) -> None:
        """Tell what was wrong, and hang up."""
        await self._tell_end(why)
        await self._socket.close(code, why)
