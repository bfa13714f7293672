"""The server beside others with the same endpoints, in the same minutes, over HTTP on the loopback address.

The sides, each in processes of its own, all with the models of `tests/plugins`, written as we write PLY:

- `ours`: as shipped, but for the cache of results, which is off where it is not what is measured: the task is in
  SQLite and on disk before it is accepted, the model runs in a child process, a SOG and a poster are made.
- `ours_uncompressed`: without the SOG; the poster is still drawn.
- `celery`: FastAPI, Celery and Redis (`bench/peers/celery_api.py`). PLY only, no poster. What a power cut of its
  last second destroys is lost.
- `in_memory`: the design of the document that ours grew from (`bench/peers/sharp_api.py`), all in one process and
  lost with it; compresses with splat-transform at its fastest, no poster. `in_memory_uncompressed`: PLY only.
- `litserve` (`bench/peers/lit_api.py`): for requests that wait. PLY only, no poster; nothing is kept.

What is measured:

- `one_task`: one after another, a model that does nothing. `total`: before POST until `completed` arrives;
  `stages`: what the stages themselves took (decoding, writing, ours also compressing and the poster); `overhead`:
  the rest; `first_event`: from the 202 to the first event of a new stream; `downloaded`: until the result is here.
- `synchronous`: the same photo through `/v1/predict`, one after another and eight at a time.
- `idle`: memory of new servers; share of a core that waiting ones take with their children, models loaded.
- `sustained`: tasks a second with eight under way at a time; memory and open files before and after.
- `upload_5_mb`: POST until 202 of a photo of 5 MB and 12 megapixels, while 20 clients upload such and follow.
- `streams`: see `bench/streams.py`.
- `cached`: a request computed by the embedded model, warm, and the equal one after it, by two ways of asking.
- `relief`: end to end with the embedded model, warm: POST until the result is downloaded; its bytes.

In `times_faster`, below 1 is where we are slower. `python -m bench service --quick` is a look, and keeps nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tests.live import PHOTO
from tests.peers import splat_transform

from bench import photos, sides, streams
from bench.sides import Side

IN_FLIGHT = 8
CLIENTS = 20
SLOW_EVERY = 4
"""Whoever compresses with splat-transform takes part in every fourth round, as it takes so long."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is measured."""

    tasks: int = 100
    sustained: Mapping[str, int] = field(
        default_factory=lambda: {
            "ours": 1000,
            "ours_uncompressed": 1000,
            "celery": 1000,
            "in_memory": 20,
            "in_memory_uncompressed": 1000,
        }
    )
    predictions: int = 300
    uploads: int = 200
    streams: int = 1000
    stream_jobs: int = 1000
    rounds: int = 3
    idle_s: float = 10.0
    settle_s: float = 2.0


FULL = Counts()
QUICK = Counts(
    tasks=5,
    sustained={
        "ours": 16,
        "ours_uncompressed": 16,
        "celery": 50,
        "in_memory": 2,
        "in_memory_uncompressed": 50,
    },
    predictions=16,
    uploads=10,
    streams=200,
    stream_jobs=10,
    rounds=1,
    idle_s=1.0,
    settle_s=0.5,
)


def run() -> dict[str, Any]:
    """All figures; about ten minutes."""
    return _measure(FULL)


def quick() -> dict[str, Any]:
    """All figures from a few tasks each: less than a minute, and no more than a look."""
    return _measure(QUICK)


def _measure(counts: Counts) -> dict[str, Any]:
    if not splat_transform.PROGRAM.exists():
        raise SystemExit(splat_transform.MISSING)
    if not sides.PACKAGES.exists():
        raise SystemExit(sides.MISSING)
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_run(Path(folder), counts))


async def _run(folder: Path, counts: Counts) -> dict[str, Any]:
    photo = PHOTO.read_bytes()
    figures: dict[str, Any] = {}
    with _all_sides(folder / "instant") as servers, sides.litserve(folder / "litserve", "instant") as litserve:
        new = {name: side.memory() for name, side in servers.items()}
        figures["one_task"] = await _one_task(servers, photo, counts.tasks)
        waiting = {**{name: servers[name] for name in ("ours", "ours_uncompressed")}, "litserve": litserve}
        figures["synchronous"] = await _synchronous(waiting, photo, counts)
        busy = await _cpu_percent(servers, counts.idle_s)
        figures["idle"] = {name: {**new[name], "cpu_percent": busy[name]} for name in servers}
        figures["sustained"] = {
            name: await _sustain(side, photo, counts.sustained[name]) for name, side in servers.items()
        }
        large = photos.distinct(photos.large())
        figures["upload_5_mb"] = {
            name: await _upload(servers[name], large, counts) for name in ("ours", "celery", "in_memory")
        }
    with sides.ours(folder / "streams", "instant") as side:
        figures["streams"] = {"ours": await streams.ours(side, photo, counts.streams, counts.stream_jobs)}
    with sides.celery(folder / "streams_celery", "instant") as side:
        figures["streams"]["celery"] = await streams.peer(side, photo, counts.streams)
    figures["streams"]["client_alone"] = await streams.client_alone(counts.streams)
    with sides.ours(folder / "cached", "relief", cache={"enabled": True}) as side:
        figures["cached"] = await _cached(side, photo, counts.rounds)
    with ExitStack() as stack:
        servers = {
            "ours": stack.enter_context(sides.ours(folder / "relief" / "ours", "relief")),
            "in_memory": stack.enter_context(sides.in_memory(folder / "relief" / "in_memory", "relief", 2)),
        }
        figures["relief"] = await _relief(servers, photo, counts.rounds)
    return {**figures, "times_faster": _times_faster(figures)}


def _times_faster(figures: Mapping[str, Any]) -> dict[str, float]:
    def ratio(of: str, name: str, peer: str, ours: str = "ours") -> float:
        return round(float(figures[of][peer][name] / figures[of][ours][name]), 2)

    plain = "in_memory_uncompressed", "ours_uncompressed"
    synchronous = "litserve", "ours_uncompressed"
    return {
        "relief": ratio("relief", "downloaded_p50_ms", "in_memory"),
        "one_task": ratio("one_task", "total_p50_ms", "in_memory"),
        "one_task_uncompressed": ratio("one_task", "total_p50_ms", *plain),
        "one_task_celery": ratio("one_task", "total_p50_ms", "celery", "ours_uncompressed"),
        "overhead_uncompressed": ratio("one_task", "overhead_p50_ms", *plain),
        "overhead_celery": ratio("one_task", "overhead_p50_ms", "celery", "ours_uncompressed"),
        "first_event": ratio("one_task", "first_event_p50_ms", "in_memory"),
        "first_event_celery": ratio("one_task", "first_event_p50_ms", "celery"),
        "synchronous_litserve_p50": ratio("synchronous", "p50_ms", *synchronous),
        "synchronous_litserve_p99": ratio("synchronous", "p99_ms", *synchronous),
        "synchronous_litserve_per_s": round(1 / ratio("synchronous", "photos_per_s", *synchronous), 2),
        "upload_5_mb_p50": ratio("upload_5_mb", "p50_ms", "in_memory"),
        "upload_5_mb_p99": ratio("upload_5_mb", "p99_ms", "in_memory"),
        "upload_5_mb_p99_celery": ratio("upload_5_mb", "p99_ms", "celery"),
        "tasks_per_s": round(1 / ratio("sustained", "tasks_per_s", "in_memory"), 2),
        "tasks_per_s_uncompressed": round(1 / ratio("sustained", "tasks_per_s", *plain), 3),
        "tasks_per_s_celery": round(1 / ratio("sustained", "tasks_per_s", "celery", "ours_uncompressed"), 3),
    }


async def _one_task(servers: Mapping[str, Side], photo: bytes, tasks: int) -> dict[str, Any]:
    times: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
    for _, side in itertools.product(range(3), servers.values()):
        await _timed(side, photo)  # loads the model
    for number, (name, side) in itertools.product(range(tasks), servers.items()):
        if name != "in_memory" or number % SLOW_EVERY == 0:
            times[name].append(await _timed(side, photo))
    return {name: _summary(of, (50, 90, 99)) for name, of in times.items()}


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


async def _synchronous(servers: Mapping[str, Side], photo: bytes, counts: Counts) -> dict[str, Any]:
    times: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
    figures: dict[str, Any] = {}
    for number, (name, side) in itertools.product(range(-3, counts.tasks), servers.items()):
        took_ms = await _waited_ms(side, "/v1/predict", photo)
        if number >= 0:  # the first ones load the model
            times[name].append({"": took_ms})

    for name, side in servers.items():
        figures[name] = {
            **_summary(times[name], (50, 99)),
            "photos_per_s": await _predictions_per_s(side, photo, counts),
        }
    return figures


async def _predictions_per_s(side: Side, photo: bytes, counts: Counts) -> float:
    async def predict() -> None:
        await side.client.post("/v1/predict", [photo])

    await _rate(predict, IN_FLIGHT)  # starts all children
    return await _rate(predict, counts.predictions)


async def _waited_ms(side: Side, path: str, photo: bytes, **headers: str) -> float:
    """Milliseconds until a request is answered that waits for the result."""
    began_s = time.time()
    answer = await side.client.post(path, [photo], headers)
    if answer.get("status") not in ("success", "completed"):
        raise SystemExit(f"{path} answered {answer}")
    return (time.time() - began_s) * 1000


async def _cpu_percent(servers: Mapping[str, Side], idle_s: float) -> dict[str, float]:
    """Share of a core that each takes, children and helpers included, while nobody asks for anything."""
    before = {name: side.cpu_s() for name, side in servers.items()}
    await asyncio.sleep(idle_s)
    return {name: round((side.cpu_s() - before[name]) / idle_s * 100, 2) for name, side in servers.items()}


async def _sustain(side: Side, photo: bytes, count: int) -> dict[str, Any]:
    async def work() -> None:
        await side.client.finish(await side.client.submit(photo))

    await _rate(work, IN_FLIGHT)  # starts all children
    before = side.memory()
    return {"tasks": count, "tasks_per_s": await _rate(work, count), "before": before, "after": side.memory()}


async def _rate(work: Callable[[], Any], count: int) -> float:
    """How often a second something can be done, eight at a time."""

    async def work_on(numbers: Iterator[int]) -> None:
        for _ in numbers:  # shared: all together take as many as there are
            await work()

    numbers, began_s = iter(range(count)), time.time()
    await asyncio.gather(*(work_on(numbers) for _ in range(IN_FLIGHT)))
    return round(count / (time.time() - began_s), 2)


async def _upload(side: Side, large: Iterator[bytes], counts: Counts) -> dict[str, float]:
    async def keep_busy() -> None:
        while True:
            await side.client.finish(await side.client.submit(next(large)))

    others = [asyncio.create_task(keep_busy()) for _ in range(CLIENTS)]
    await asyncio.sleep(counts.settle_s)
    times = []
    for _ in range(counts.uploads):
        await asyncio.sleep(0.1)
        photo, began_s = next(large), time.time()
        await side.client.submit(photo)
        times.append({"": (time.time() - began_s) * 1000})
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return _summary(times, (50, 90, 99))


async def _cached(side: Side, photo: bytes, rounds: int) -> dict[str, Any]:
    distinct = photos.distinct(photo)
    await _waited_ms(side, "/v1/predict", next(distinct))  # loads the model
    figures: dict[str, Any] = {}
    for name, path, headers in (("predict", "/v1/predict", {}), ("jobs", "/v1/jobs", {"Prefer": "wait=60"})):
        computed, cached = [], []
        for _ in range(rounds):
            again = next(distinct)
            computed.append({"": await _waited_ms(side, path, again, **headers)})
            cached += [{"": await _waited_ms(side, path, again, **headers)} for _ in range(10)]
        times = {"computed": _summary(computed, (50,)), "cached": _summary(cached, (50, 99))}
        ratio = round(times["computed"]["p50_ms"] / times["cached"]["p50_ms"], 1)
        figures[name] = {**times, "times_faster": ratio}
    return figures


async def _relief(servers: Mapping[str, Side], photo: bytes, rounds: int) -> dict[str, Any]:
    times: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
    for _, (name, side) in itertools.product(range(rounds + 1), servers.items()):
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
def _all_sides(folder: Path) -> Iterator[dict[str, Side]]:
    """Those that take tasks, with the model that does nothing."""
    model = "instant"
    with ExitStack() as stack:
        yield {
            "ours": stack.enter_context(sides.ours(folder / "ours", model)),
            "ours_uncompressed": stack.enter_context(sides.ours(folder / "plain", model, compress=False)),
            "celery": stack.enter_context(sides.celery(folder / "celery", model)),
            "in_memory": stack.enter_context(sides.in_memory(folder / "in_memory", model, 2)),
            "in_memory_uncompressed": stack.enter_context(sides.in_memory(folder / "memory_plain", model, 0)),
        }
