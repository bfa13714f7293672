"""What most would build first: FastAPI, Celery and Redis, with our first surface's endpoints, as a peer.

Photos and results are files; a task's state lies in Redis, which appends what it is told to a file and syncs that
once a second. Statuses come through Redis's pub/sub: one connection serves all streams. One worker process, as
there is one device. It runs our models and writes our PLY, in its worker, without a child of its own.

What it does not do: compress, draw a poster, keep a result for an equal request, batches, priorities, cancelling
and time limits, keys against repeated requests, a look at the photo before it is accepted. A task that was
accepted within the last second before a power cut may be lost, and so may its photo.

`python -m bench.peers.celery_api` prints its address; variables of `bench.peers.celery_worker` tell the rest.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, BinaryIO

import uvicorn
from fastapi import FastAPI, Form, HTTPException, UploadFile
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from redis.asyncio import BlockingConnectionPool, Redis

from bench.peers.celery_worker import (
    CHANNEL,
    REDIS_URL,
    photo_path,
    photo_to_splat,
    result_path,
    state_key,
    statuses_key,
    tell,
)

_FINAL = ("completed", "failed")


class Statuses:
    """Hands what is published on to the streams of this process."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._followers: dict[str, set[asyncio.Queue[str]]] = defaultdict(set)

    async def listen(self) -> None:
        """Hear everything, for as long as the server runs."""
        async with self._redis.pubsub() as channel:
            await channel.psubscribe(f"{CHANNEL}*")
            async for message in channel.listen():
                if message["type"] == "pmessage":
                    for follower in self._followers.get(message["channel"], ()):
                        follower.put_nowait(message["data"])

    async def follow(self, task_id: str) -> AsyncIterator[dict[str, Any]]:
        """All statuses of a task, those so far first, each once."""
        channel, news = CHANNEL + task_id, asyncio.Queue[str]()
        self._followers[channel].add(news)
        try:
            told: dict[str, Any] = {"status": ""}
            seen = set()
            for data in await self._redis.lrange(statuses_key(task_id), 0, -1):
                told = json.loads(data)
                seen.add(data)
                yield told
            while told["status"] not in _FINAL:
                data = await news.get()
                if data not in seen:
                    told = json.loads(data)
                    yield told
        finally:
            self._followers[channel].discard(news)
            if not self._followers[channel]:
                del self._followers[channel]


def create_app() -> FastAPI:
    """The endpoints, as far as the bench needs them."""
    pool = BlockingConnectionPool.from_url(REDIS_URL, decode_responses=True)  # who finds none free waits
    redis = Redis(connection_pool=pool)
    statuses = Statuses(redis)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        listening = asyncio.create_task(statuses.listen())
        yield
        listening.cancel()
        await redis.aclose()

    app = FastAPI(lifespan=lifespan)

    async def state(task_id: str) -> dict[str, str]:
        found = await redis.hgetall(state_key(task_id))
        if not found:
            raise HTTPException(404)
        return {str(name): str(value) for name, value in found.items()}

    @app.post("/predict", status_code=202)
    async def predict(file: UploadFile, focal_length: Annotated[float | None, Form()] = None) -> dict[str, Any]:
        task_id = str(uuid.uuid4())
        await asyncio.to_thread(_keep_photo, task_id, file.file)
        async with redis.pipeline() as pipeline:
            tell(pipeline, task_id, "queued")
            await pipeline.execute()
        await asyncio.to_thread(photo_to_splat.apply_async, (task_id, focal_length), task_id=task_id)
        return {"task_id": task_id, "status": "queued", "message": None}

    @app.get("/stream/{task_id}", response_class=EventSourceResponse)
    async def stream(task_id: str) -> AsyncIterator[ServerSentEvent]:
        async for told in statuses.follow(task_id):
            yield ServerSentEvent(event="status", data=told)

    @app.get("/status/{task_id}")
    async def status(task_id: str) -> dict[str, Any]:
        known = await state(task_id)
        return {
            "task_id": task_id,
            "status": known["status"],
            "message": known.get("message"),
            "seconds": json.loads(known.get("seconds", "{}")),  # for the bench
        }

    @app.get("/result/{task_id}")
    async def result(task_id: str) -> FileResponse:
        path = result_path(task_id)
        if not path.exists():
            raise HTTPException(404)
        return FileResponse(path)

    @app.get("/metadata/{task_id}")
    async def metadata(task_id: str) -> dict[str, Any]:
        known = await state(task_id)
        return {"task_id": task_id, "intrinsic_matrix": json.loads(known.get("intrinsic_matrix", "null"))}

    return app


def _keep_photo(task_id: str, photo: BinaryIO) -> None:
    with photo_path(task_id).open("wb") as file:
        shutil.copyfileobj(photo, file)


def main() -> None:
    """Serve on a free port of the loopback address."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(create_app(), access_log=False, log_level="warning")
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
