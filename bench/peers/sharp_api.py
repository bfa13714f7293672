"""The design that the document "SHARP API" describes, written from it, as a peer for the server's bench.

One process holds everything: photos and tasks in memory, an `asyncio.Queue` for one conversion worker, another for
the compression workers, a queue of statuses for each task, SQLite for metadata only. What is not finished when it
ends is lost. It runs our models, in threads of its own, and compresses with splat-transform, started without
`npx`, which would cost it half a second more.

`python -m bench.peers.sharp_api FOLDER MODEL WORKERS` works in a folder and prints its address; with 0 compression
workers, results stay `.ply`.
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Form, HTTPException, UploadFile
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from tests.peers import splat_transform

from wheatstone.executors import InlineExecutor
from wheatstone.pictures import Photo
from wheatstone.settings import load_settings
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages

_FORGET_AFTER_S = 2.0
_FINAL = ("completed", "failed")
_FASTEST = ("--webp-effort", "0", "--max-workers", "2")
"""Three times as fast as splat-transform's defaults on two cores, for files a fifth larger."""


@dataclass
class Task:
    """What is known of a task, in memory only."""

    photo: bytes
    f_px: float | None
    status: str = ""
    statuses: asyncio.Queue[dict[str, str]] = field(default_factory=asyncio.Queue)
    stages: Stages = field(default_factory=Stages)

    def tell(self, status: str, **more: str) -> None:
        """Go to a status and push it."""
        self.status = status
        self.statuses.put_nowait({"status": status, **more})


class Service:
    """The queues and their workers."""

    def __init__(self, folder: Path, model: str, compressors: int) -> None:
        self.folder = folder
        self.tasks: dict[str, Task] = {}
        self.waiting: asyncio.Queue[str] = asyncio.Queue()
        self._model = model
        self._compressors = compressors
        self._converted: asyncio.Queue[tuple[str, Path]] = asyncio.Queue()
        self._executor = InlineExecutor(load_settings())  # loads the model at its first use, once
        with self._database() as database:
            database.execute("CREATE TABLE metadata (task_id PRIMARY KEY, matrix, created_at)")

    def start(self) -> list[asyncio.Task[None]]:
        """Begin to work."""
        workers = [self._convert_forever(), *(self._compress_forever() for _ in range(self._compressors))]
        return [asyncio.create_task(worker) for worker in workers]

    def path(self, task_id: str, suffix: str) -> Path:
        """Where a result lies."""
        return self.folder / f"{task_id}{suffix}"

    def result(self, task_id: str) -> Path | None:
        """The finished file, if there is one."""
        return next((path for it in (".sog", ".ply") if (path := self.path(task_id, it)).exists()), None)

    def metadata(self, task_id: str) -> tuple[str, str] | None:
        """The row of a task: its matrix and when it was made."""
        with self._database() as database:
            query = "SELECT matrix, created_at FROM metadata WHERE task_id = ?"
            row: tuple[str, str] | None = database.execute(query, [task_id]).fetchone()
            return row

    async def _convert_forever(self) -> None:
        while True:
            task_id = await self.waiting.get()
            task = self.tasks[task_id]
            task.tell("converting")
            try:
                ply = await asyncio.to_thread(self._convert, task_id, task)
            except Exception as error:  # the document: whatever it was, the task failed
                task.tell("failed", message=str(error))
                continue
            if self._compressors:
                self._converted.put_nowait((task_id, ply))
            else:
                task.tell("completed")

    def _convert(self, task_id: str, task: Task) -> Path:
        scene = self._executor.predict_splat(self._model, Photo(task.photo, f_px=task.f_px), task.stages)
        with task.stages.stage("ply"):
            path = scene.save(self.path(task_id, ".ply"))
        self._keep_metadata(task_id, scene)
        return path

    async def _compress_forever(self) -> None:
        while True:
            task_id, ply = await self._converted.get()
            task = self.tasks[task_id]
            task.tell("compressing")
            with task.stages.stage("sog"):
                command = splat_transform.command(ply, self.path(task_id, ".sog"), *_FASTEST)
                code = await (await asyncio.create_subprocess_exec(*command)).wait()
            if code:
                task.tell("failed", message=f"Compression failed: {code}")
                continue
            ply.unlink()
            task.tell("completed")

    def _keep_metadata(self, task_id: str, scene: Scene) -> None:
        matrix = str(scene.camera and scene.camera.intrinsics.ravel().tolist())
        with self._database() as database:
            database.execute("INSERT INTO metadata VALUES (?, ?, ?)", [task_id, matrix, str(datetime.now(UTC))])

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "metadata.db")


def create_app(service: Service) -> FastAPI:
    """The document's endpoints, as far as the bench needs them."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        workers = service.start()
        yield
        for worker in workers:
            worker.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.post("/predict", status_code=202)
    async def predict(file: UploadFile, focal_length: Annotated[float | None, Form()] = None) -> dict[str, Any]:
        task_id = str(uuid.uuid4())
        task = service.tasks[task_id] = Task(await file.read(), focal_length)
        task.tell("queued")
        service.waiting.put_nowait(task_id)
        return {"task_id": task_id, "status": "queued", "message": None}

    @app.get("/stream/{task_id}", response_class=EventSourceResponse)
    async def stream(task_id: str) -> AsyncIterator[ServerSentEvent]:
        task = service.tasks.get(task_id)
        if task is None:
            if service.result(task_id):
                yield ServerSentEvent(event="status", data={"status": "completed"})
            return
        try:
            told: dict[str, str] = {"status": ""}
            while told["status"] not in _FINAL:
                told = await task.statuses.get()
                yield ServerSentEvent(event="status", data=told)
        finally:
            asyncio.get_running_loop().call_later(_FORGET_AFTER_S, service.tasks.pop, task_id, None)

    @app.get("/status/{task_id}")
    async def status(task_id: str) -> dict[str, Any]:
        task = _known(service.tasks.get(task_id))
        return {
            "task_id": task_id,
            "status": task.status,
            "seconds": task.stages.seconds,
        }  # seconds: for the bench

    @app.get("/result/{task_id}")
    async def result(task_id: str) -> FileResponse:
        path = service.result(task_id)
        if path is None:
            raise HTTPException(404)
        return FileResponse(path)

    @app.get("/metadata/{task_id}")
    async def metadata(task_id: str) -> dict[str, Any]:
        row = await asyncio.to_thread(service.metadata, task_id)
        if row is None:
            raise HTTPException(404)
        return {"task_id": task_id, "intrinsic_matrix": row[0], "created_at": row[1]}

    return app


def _known(task: Task | None) -> Task:
    if task is None:
        raise HTTPException(404)
    return task


def main(folder: str, model: str, workers: str) -> None:
    """Serve on a free port of the loopback address."""
    app = create_app(Service(Path(folder), model, int(workers)))
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(app, access_log=False, log_level="warning")
        asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main(*sys.argv[1:])
