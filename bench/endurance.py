"""Memory, open files and pace over thousands of tasks of a server as it is shipped: compression on, cache on.

No two photos are equal, so that the cache keeps each result and answers none, and soon throws out as many as it
takes in. A model that does nothing, eight tasks under way at a time. A hundred times it is looked what the server
and its children hold; the growth counts from after the first fifth, when all is warm and the cache is full.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tests.live import PHOTO

from bench import photos, sides
from bench.sides import Side

TASKS = 10_000
SAMPLES = 100
IN_FLIGHT = 8
QUICK_SHARE = 50
PART = SAMPLES // 5


def run() -> dict[str, Any]:
    """The whole campaign, about ten minutes; the tests do a twentieth."""
    return _campaign(TASKS)


def quick() -> dict[str, Any]:
    """A fiftieth: half a minute."""
    return _campaign(TASKS // QUICK_SHARE)


def _campaign(tasks: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return campaign(Path(folder) / "server", tasks)


def campaign(folder: Path, tasks: int) -> dict[str, Any]:
    """Let a server in a new folder do so many tasks; ends the bench if one fails.

    Returns:
        `samples` as they were taken; `growth`: what was added from the first fifth to the end, by a straight line
        through the samples; `tasks_per_s` of all, and of the first and last fifth.
    """
    with sides.ours(folder, "instant", cache={"enabled": True}) as side:
        return asyncio.run(_run(side, folder, tasks))


async def _run(side: Side, folder: Path, tasks: int) -> dict[str, Any]:
    distinct, done = photos.distinct(PHOTO.read_bytes()), 0
    samples: list[dict[str, float]] = []
    began_s = time.monotonic()

    async def work_on(numbers: Iterator[int]) -> None:
        nonlocal done
        for _ in numbers:  # shared: all together take as many as there are
            await side.client.finish(await side.client.submit(next(distinct)))
            done += 1
            if done % (tasks // SAMPLES) == 0:
                elapsed_s = round(time.monotonic() - began_s, 2)
                samples.append({"tasks": done, "elapsed_s": elapsed_s, **side.memory()})

    numbers = iter(range(tasks))
    await asyncio.gather(*(work_on(numbers) for _ in range(IN_FLIGHT)))
    cache = await side.client.json("/v1/cache")
    database = sum(path.stat().st_size for path in (folder / "output" / "sqlite").iterdir())
    return {
        "tasks": tasks,
        "tasks_per_s": {
            "all": round(tasks / samples[-1]["elapsed_s"], 2),
            "first_fifth": _pace([{"tasks": 0, "elapsed_s": 0.0}, *samples[:PART]]),
            "last_fifth": _pace(samples[-PART - 1 :]),
        },
        "growth": {name: growth(samples[PART - 1 :], name) for name in ("server_mb", "children_mb", "open_files")},
        "database_mb": round(database / 1e6, 1),
        "cache": {name: cache[name] for name in ("size", "max_size", "hits", "misses")},
        "samples": samples,
    }


def _pace(samples: list[dict[str, float]]) -> float:
    first, last = samples[0], samples[-1]
    return round((last["tasks"] - first["tasks"]) / (last["elapsed_s"] - first["elapsed_s"]), 2)


def growth(samples: list[dict[str, float]], name: str) -> float:
    """From the first to the last sample, by the straight line nearest to all."""
    tasks, held = ([sample[key] for sample in samples] for key in ("tasks", name))
    per_task = np.polyfit(tasks, held, 1)[0]
    return round(float(per_task * (tasks[-1] - tasks[0])), 1)
