"""Many open streams: how late their last events arrive, from a client in a process of its own, and what they take.

While they open, all work is held (`Side.held`), so that each stream is there before anything happens on it. The
delay of an event is from the moment in the task's row, `finished_at`, until the client has read it; a peer that
keeps no such moment is measured from when the first stream had it.

`python -m bench.streams URL` reads a list of paths, opens a stream for each, prints `open` once every one has told
something, and at the end a list of `[task, status, seconds]` of all final statuses.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from bench import sides
from bench.client import Client
from bench.sides import Side

_FINAL = ("completed", "failed", "cancelled")
_OPENING_AT_ONCE = 100


async def ours(side: Side, photo: bytes, streams: int, jobs: int) -> dict[str, Any]:
    """On one job, on one batch of four, and on so many single jobs, alike many on each."""
    client = side.client
    for task_id in [await client.submit(photo) for _ in range(4)]:  # starts all children
        await client.finish(task_id)
    figures: dict[str, Any] = {"streams": streams, "before": side.memory()}
    with side.held():
        task_id = await client.submit(photo)
        process = await _opened(side, [f"/v1/jobs/{task_id}/events"] * streams)
        figures["with_streams_on_one_job"] = side.memory()
    figures["one_job"] = await _delays(side, await _told(process))
    with side.held():
        batch = await client.post("/v1/batches", [photo] * 4)
        process = await _opened(side, [f"/v1/batches/{batch['id']}/events"] * streams)
        figures["with_streams_on_one_batch"] = side.memory()
    figures["one_batch"] = await _delays(side, await _told(process))
    with side.held():
        task_ids = [await client.submit(photo) for _ in range(jobs)]
        paths = [f"/v1/jobs/{task_id}/events" for task_id in task_ids]
        process = await _opened(side, (paths * -(-streams // jobs))[:streams])
        figures["with_streams_on_single_jobs"] = side.memory()
    figures["single_jobs"] = {"jobs": jobs, **await _delays(side, await _told(process))}
    return figures


async def peer(side: Side, photo: bytes, streams: int) -> dict[str, Any]:
    """On one task."""
    await side.client.finish(await side.client.submit(photo))
    figures: dict[str, Any] = {"streams": streams, "before": side.memory()}
    with side.held():
        task_id = await side.client.submit(photo)
        process = await _opened(side, [f"/stream/{task_id}"] * streams)
        figures["with_streams_on_one_job"] = side.memory()
    told_s = [at_s for _, _, at_s in await _told(process)]
    figures["one_job"] = _summary("after_first", [at_s - min(told_s) for at_s in told_s])
    return figures


async def client_alone(streams: int) -> dict[str, float]:
    """With a server that does nothing else: what the client itself takes."""
    with sides.broadcast(streams) as client:
        process = await _start(client.url, ["/"] * streams, at_once=streams)
        told_s = [at_s for _, _, at_s in await _told(process)]
    return _summary("after_first", [at_s - min(told_s) for at_s in told_s])


async def _opened(side: Side, paths: Sequence[str]) -> asyncio.subprocess.Process:
    return await _start(side.client.url, paths, at_once=_OPENING_AT_ONCE)


async def _start(url: str, paths: Sequence[str], *, at_once: int) -> asyncio.subprocess.Process:
    """The client, once all its streams are open."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.streams", url, str(at_once)),
        cwd=sides.ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )
    assert process.stdin is not None  # noqa: S101 - piped
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(json.dumps(paths).encode() + b"\n")
    if await process.stdout.readline() != b"open\n":
        raise SystemExit("the client could not open its streams")
    return process


async def _told(process: asyncio.subprocess.Process) -> list[tuple[str, str, float]]:
    assert process.stdout is not None  # noqa: S101 - piped
    told: list[tuple[str, str, float]] = json.loads(await process.stdout.readline())
    await process.wait()
    wrong = {status for _, status, _ in told} - {"completed"}
    if wrong:
        raise SystemExit(f"tasks ended {wrong}")
    return told


async def _delays(side: Side, told: Sequence[tuple[str, str, float]]) -> dict[str, float]:
    finished_s = {}
    for task_id in {task_id for task_id, _, _ in told}:
        job = await side.client.json(f"/v1/jobs/{task_id}")
        finished_s[task_id] = datetime.fromisoformat(job["finished_at"]).timestamp()
    return _summary("after_finished", [at_s - finished_s[task_id] for task_id, _, at_s in told])


def _summary(name: str, delays_s: Sequence[float]) -> dict[str, float]:
    shares = {f"p{share}": np.percentile(delays_s, share) for share in (50, 99)} | {"max": max(delays_s)}
    return {"delivered": len(delays_s)} | {
        f"{name}_{of}_ms": round(float(it) * 1000, 1) for of, it in shares.items()
    }


async def _follow_all(url: str, at_once: int, paths: Sequence[str]) -> None:
    client = Client(url)
    opening, still_closed = asyncio.Semaphore(at_once), len(paths)
    final: list[tuple[str, str, float]] = []

    async def follow(path: str) -> None:
        nonlocal still_closed
        await opening.acquire()
        is_open = False
        async for told in client.follow(path):
            if not is_open:
                is_open = True
                opening.release()
                still_closed -= 1
                if not still_closed:
                    print("open", flush=True)
            if told.status in _FINAL:
                final.append((told.task_id, told.status, told.at_s))
        if not is_open:
            raise SystemExit(f"{path} told nothing")

    await asyncio.gather(*(follow(path) for path in paths))
    print(json.dumps(final), flush=True)


if __name__ == "__main__":
    asyncio.run(_follow_all(sys.argv[1], int(sys.argv[2]), json.loads(sys.stdin.readline())))
