"""The server, beside the design of the document it grew from (`bench/peers/sharp_api.py`), in the same minutes.

What is measured, all over HTTP on the loopback address, by one asyncio client:

- `one_task`: one after another, a model that does nothing. `total`: before POST until `completed` arrives;
  `stages`: what the stages themselves took (decoding, writing, compressing, ours also the poster); `overhead`: the
  rest; `first_event`: from the 202 to the first event of a new stream; `downloaded`: until the result is here.
- `idle`: memory of new servers; share of a core that waiting ones take with their children, models loaded.
- `endurance`: memory and open files before and after many tasks, eight under way at a time, and tasks a second.
- `upload_5_mb`: POST until 202 of a photo of 5 MB and 12 megapixels, while 20 clients upload such and follow.
- `delivery_500_streams`: how late `completed` reaches 500 streams of one running task, and the last event reaches
  10 streams of each of 50 queued tasks as they are cancelled: after the first stream has it (`spread`), and after
  the moment in the task's row. `client_alone`: the spread with a server that does nothing else
  (`bench/peers/broadcast.py`): what the client itself takes. The server's memory meanwhile.
- `relief`: end to end with the embedded model, warm: POST until the result is downloaded; its bytes.

`*_uncompressed` has compression off, so that only the designs differ: ours loses nothing, whatever happens to it,
runs models in child processes and draws a poster; the peer keeps all in memory and in one process. The peer
compresses with splat-transform at its fastest. In `times_faster`, below 1 is where we are slower.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from tests.live import PHOTO, PLUGINS, running_server
from tests.peers import splat_transform

from bench.client import Client

TASKS = 100
SLOW_EVERY = 4
"""The peer with splat-transform takes part in every fourth round, as it takes so long."""
STREAMS = 500
QUEUED = 50
CLIENTS = 20
UPLOADS = 100
RELIEF_ROUNDS = 3
IDLE_S = 10.0
ENDURANCE = {"ours": 1000, "ours_uncompressed": 100, "peer": 20, "peer_uncompressed": 1000}
IN_FLIGHT = 8
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Side:
    """A running server.

    Attributes:
        client: of it.
        process: it, without its children.
        facts_path: where it tells the seconds of a task's stages.
    """

    client: Client
    process: psutil.Process
    facts_path: str

    def memory(self) -> dict[str, float]:
        """Megabytes of it and of its children, and its open files."""
        children = self.process.children(recursive=True)
        return {
            "server_mb": round(self.process.memory_info().rss / 1e6, 1),
            "children_mb": round(sum(child.memory_info().rss for child in children) / 1e6, 1),
            "open_files": self.process.num_fds(),
        }


def run() -> dict[str, Any]:
    """All figures; about four minutes."""
    if not splat_transform.PROGRAM.exists():
        raise SystemExit(splat_transform.MISSING)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_run(Path(folder)))


async def _run(folder: Path) -> dict[str, Any]:
    photo = PHOTO.read_bytes()
    figures: dict[str, Any] = {}
    with _sides(folder / "instant", "instant", uncompressed=True) as sides:
        new = {name: side.memory() for name, side in sides.items()}
        figures["one_task"] = await _one_task(sides, photo)
        busy = _cpu_percent(sides)
        figures["idle"] = {name: {**new[name], "cpu_percent": busy[name]} for name in sides}
        figures["endurance"] = {name: await _endure(side, photo, ENDURANCE[name]) for name, side in sides.items()}
        photos = _large_photos()
        figures["upload_5_mb"] = {name: await _upload(sides[name], photos) for name in ("ours", "peer")}
    with _ours(folder / "slow", "slow") as side:
        figures["delivery_500_streams"] = await _delivery(side, photo)
    with _sides(folder / "relief", "relief") as sides:
        figures["relief"] = await _relief(sides, photo)
    return {**figures, "times_faster": _times_faster(figures)}


def _times_faster(figures: Mapping[str, Any]) -> dict[str, float]:
    def ratio(of: str, name: str, ours: str = "ours", peer: str = "peer") -> float:
        return round(float(figures[of][peer][name] / figures[of][ours][name]), 2)

    plain = "ours_uncompressed", "peer_uncompressed"
    return {
        "relief": ratio("relief", "downloaded_p50_ms"),
        "one_task": ratio("one_task", "total_p50_ms"),
        "one_task_uncompressed": ratio("one_task", "total_p50_ms", *plain),
        "overhead_uncompressed": ratio("one_task", "overhead_p50_ms", *plain),
        "first_event": ratio("one_task", "first_event_p50_ms"),
        "upload_5_mb_p50": ratio("upload_5_mb", "p50_ms"),
        "upload_5_mb_p99": ratio("upload_5_mb", "p99_ms"),
        "tasks_per_s": round(1 / ratio("endurance", "tasks_per_s"), 2),
        "tasks_per_s_uncompressed": round(1 / ratio("endurance", "tasks_per_s", *plain), 2),
    }


async def _one_task(sides: Mapping[str, Side], photo: bytes) -> dict[str, Any]:
    times: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for _, side in itertools.product(range(3), sides.values()):
        await _timed(side, photo)  # loads the model
    for number, (name, side) in itertools.product(range(TASKS), sides.items()):
        if name != "peer" or number % SLOW_EVERY == 0:
            times[name].append(await _timed(side, photo))
    return {name: _summary(of, (50, 90)) for name, of in times.items()}


async def _timed(side: Side, photo: bytes) -> dict[str, float]:
    """Milliseconds of one task."""
    began_s = time.time()
    task_id = await side.client.submit(photo)
    accepted_s = time.time()
    told = await side.client.finish(task_id)
    result = await side.client.get(f"/result/{task_id}")
    downloaded_s = time.time()
    facts = await side.client.json(side.facts_path.format(task_id))
    total_s, stages_s = told[-1].at_s - began_s, sum(facts["seconds"].values())
    seconds = {
        "total": total_s,
        "stages": stages_s,
        "overhead": total_s - stages_s,
        "first_event": told[0].at_s - accepted_s,
        "downloaded": downloaded_s - began_s,
    }
    stages = {f"stage_{name}": it for name, it in facts["seconds"].items()}
    return {**{name: it * 1000 for name, it in (seconds | stages).items()}, "bytes": len(result)}


def _cpu_percent(sides: Mapping[str, Side]) -> dict[str, float]:
    """Share of a core that each takes, children included, while nobody asks for anything."""
    everyone = {name: [it.process, *it.process.children(recursive=True)] for name, it in sides.items()}

    def cpu_s(name: str) -> float:
        times = [process.cpu_times() for process in everyone[name]]
        return sum(it.user + it.system for it in times)

    before = {name: cpu_s(name) for name in sides}
    time.sleep(IDLE_S)
    return {name: round((cpu_s(name) - before[name]) / IDLE_S * 100, 2) for name in sides}


async def _endure(side: Side, photo: bytes, count: int) -> dict[str, Any]:
    async def work(numbers: Iterator[int]) -> None:
        for _ in numbers:  # shared: all together take as many as there are
            await side.client.finish(await side.client.submit(photo))

    async def work_together(count: int) -> None:
        numbers = iter(range(count))
        await asyncio.gather(*(work(numbers) for _ in range(IN_FLIGHT)))

    await work_together(IN_FLIGHT)  # starts all children
    before, began_s = side.memory(), time.time()
    await work_together(count)
    tasks_per_s = round(count / (time.time() - began_s), 2)
    return {"tasks": count, "tasks_per_s": tasks_per_s, "before": before, "after": side.memory()}


async def _upload(side: Side, photos: Iterator[bytes]) -> dict[str, float]:
    async def keep_busy() -> None:
        while True:
            await side.client.finish(await side.client.submit(next(photos)))

    others = [asyncio.create_task(keep_busy()) for _ in range(CLIENTS)]
    await asyncio.sleep(2)
    times = []
    for _ in range(UPLOADS):
        await asyncio.sleep(0.1)
        photo, began_s = next(photos), time.time()
        await side.client.submit(photo)
        times.append({"": (time.time() - began_s) * 1000})
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return _summary(times, (50, 90, 99))


def _large_photos() -> Iterator[bytes]:
    """JPEGs of 5 MB and 12 megapixels, textured like photos; each with a comment of its own, so all differ."""
    random = np.random.default_rng(0)
    width, height = 4000, 3000
    patches = Image.fromarray(random.integers(0, 256, (30, 40, 3), np.uint8))
    smooth = np.asarray(patches.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    textured = smooth + random.standard_normal((height, width, 1), np.float32) * 14
    file = io.BytesIO()
    Image.fromarray(textured.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    start, rest = file.getvalue()[:2], file.getvalue()[2:]
    for number in itertools.count():
        comment = number.to_bytes(8, "big")
        yield start + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + rest


async def _delivery(side: Side, photo: bytes) -> dict[str, Any]:
    client = side.client
    await client.finish(await client.submit(photo))
    before = side.memory()
    ahead = 3  # while these run, the streams open
    task_ids = [await client.submit(photo) for _ in range(ahead + 1)]
    late, during = await _late(side, [task_ids[-1]] * STREAMS, lambda: client.json(f"/v1/jobs/{task_ids[-1]}"))
    task_ids = [await client.submit(photo) for _ in range(ahead + QUEUED)][ahead:]

    async def cancel_all() -> None:
        for task_id in task_ids:
            await client.cancel(task_id)

    late_queued, _ = await _late(side, task_ids * (STREAMS // QUEUED), cancel_all)
    return {
        "one_running_task": late,
        "fifty_queued_tasks": late_queued,
        "client_alone": await _client_alone(),
        "server_mb_before": before["server_mb"],
        "server_mb_with_streams": during["server_mb"],
        "open_files_with_streams": during["open_files"],
    }


async def _late(
    side: Side, task_ids: Sequence[str], then: Callable[[], Any]
) -> tuple[dict[str, float], dict[str, float]]:
    """How late the last events arrive, and memory with all streams open; `then` is called as soon as they are."""
    everyone = asyncio.Barrier(len(task_ids) + 1)

    followers = [asyncio.create_task(_last_event_s(side.client, task_id, everyone)) for task_id in task_ids]
    await everyone.wait()
    memory = side.memory()
    opened_s = time.time()
    await then()
    received_s: dict[str, list[float]] = {}
    for task_id, at_s in zip(task_ids, await asyncio.gather(*followers), strict=True):
        received_s.setdefault(task_id, []).append(at_s)
    late = []
    for task_id, all_at_s in received_s.items():
        job = await side.client.json(f"/v1/jobs/{task_id}")
        finished_s = datetime.fromisoformat(job["finished_at"]).timestamp()
        if finished_s < opened_s:
            raise SystemExit("a task ended before its streams were open")
        first_s = min(all_at_s)
        for at_s in all_at_s:
            late.append({"spread": (at_s - first_s) * 1000, "after_finished": (at_s - finished_s) * 1000})
    return _summary(late, (50, 99)), memory


async def _last_event_s(client: Client, task_id: str, everyone: asyncio.Barrier) -> float:
    """When the last event arrived; waits, once open, until all are."""
    at_s = 0.0
    async for told in client.follow(task_id):
        if not at_s:
            await everyone.wait()
        at_s = told.at_s
    return at_s


async def _client_alone() -> dict[str, float]:
    with _process(["bench.peers.broadcast", str(STREAMS)]) as (client, _):
        everyone = asyncio.Barrier(STREAMS)
        times_s = await asyncio.gather(*(_last_event_s(client, "", everyone) for _ in range(STREAMS)))
    return _summary([{"spread": (at_s - min(times_s)) * 1000} for at_s in times_s], (50, 99))


async def _relief(sides: Mapping[str, Side], photo: bytes) -> dict[str, Any]:
    times: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for _, (name, side) in itertools.product(range(RELIEF_ROUNDS + 1), sides.items()):
        times[name].append(await _timed(side, photo))
    return {name: {**_summary(of[1:], (50,)), "bytes": of[-1]["bytes"]} for name, of in times.items()}


def _summary(rows: Sequence[Mapping[str, float]], percentiles: Sequence[int]) -> dict[str, float]:
    """Percentiles of each column of milliseconds."""
    return {
        f"{name}_p{share}_ms".lstrip("_"): round(float(np.percentile([row[name] for row in rows], share)), 1)
        for name in rows[0]
        if name != "bytes"
        for share in percentiles
    }


@contextmanager
def _sides(folder: Path, model: str, *, uncompressed: bool = False) -> Iterator[dict[str, Side]]:
    """Ours and the peer, both also without compression if asked to."""
    with ExitStack() as stack:
        sides = {}
        for suffix, workers in (("", 2), ("_uncompressed", 0))[: 1 + uncompressed]:
            sides[f"ours{suffix}"] = stack.enter_context(_ours(folder / f"ours{suffix}", model, bool(workers)))
            sides[f"peer{suffix}"] = stack.enter_context(_peer(folder / f"peer{suffix}", model, workers))
        yield sides


@contextmanager
def _ours(folder: Path, model: str, compress: bool = True) -> Iterator[Side]:
    folder.mkdir(parents=True)
    with running_server(folder, model={"name": model}, compression={"enabled": compress}) as server:
        yield Side(Client(server.url), psutil.Process(server.process.pid), "/v1/jobs/{}")


@contextmanager
def _peer(folder: Path, model: str, workers: int) -> Iterator[Side]:
    folder.mkdir(parents=True)
    with _process(["bench.peers.sharp_api", str(folder), model, str(workers)]) as (client, pid):
        yield Side(client, psutil.Process(pid), "/status/{}")


@contextmanager
def _process(arguments: Sequence[str]) -> Iterator[tuple[Client, int]]:
    """A module of ours that serves and prints its address; plug-in models for tests are there."""
    path = os.pathsep.join([str(PLUGINS), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None  # noqa: S101 - piped
        yield Client(process.stdout.readline().strip()), process.pid
    finally:
        process.kill()
        process.communicate()
