"""Photos over WebSockets to a real server with its mesh model: is everybody served in turn, does anything stay?

- `clients`: eight at once, each sending its next photo as soon as the last one is done. A photo has come when the
  server says so, and is served when its first part arrives. `overtaken` is the largest number of places by which
  any photo was, by ones that came later; `shares` are the photos of each client; `wait_s` is from sending a photo
  until its first part is here; `order` is whose photos were served, one after the other.
- `requests`: one after the other over one connection. `growth` of what the server and its children hold is from
  after the first fifth to the end, by a straight line; `files_left` is what is still there of photos and results,
  or as a temporary file, when all are done.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from tests.live import running_server

from bench import photos
from bench.client import Client
from bench.endurance import growth
from bench.sides import Side
from wheatstone.client import AsyncGenerate3DClient, MeshPart

CLIENTS = 8
_WARM_UP = 2
_POLL_S = 0.02


@dataclass(slots=True)
class Served:
    """A photo and when things happened to it, in seconds of one clock.

    Attributes:
        client: whose it is.
        sent_s: when it was sent.
        came_s: when the server had it.
        first_s: when its first part was here.
        last_s: when all was.
    """

    client: int
    sent_s: float
    came_s: float = 0.0
    first_s: float = 0.0
    last_s: float = 0.0

    @property
    def wait_s(self) -> float:
        """From sending to the first part."""
        return self.first_s - self.sent_s


def clients(folder: Path, files: Sequence[Path], count: int, model: str = "inflate") -> dict[str, Any]:
    """Let eight clients have so many photos done between them, in a server that works in a new folder."""
    contents = [path.read_bytes() for path in files]
    with _serving(folder, model) as side:
        return asyncio.run(_clients(side, contents, count))


async def _clients(side: Side, contents: Sequence[bytes], count: int) -> dict[str, Any]:
    await _generate(side, [contents[0]] * _WARM_UP, [])
    served: list[Served] = []

    async def work(client: int, numbers: Iterator[int]) -> None:
        # One after the other at first, so that it is sure whose photo came first.
        while len((await side.client.json("/v1/jobs"))["jobs"]) < client and not served:
            await asyncio.sleep(_POLL_S)
        distinct = photos.distinct(contents[client % len(contents)])
        await _generate(side, (next(distinct) for _ in numbers), served, client)  # shared: as many as there are

    numbers = iter(range(count))
    await asyncio.gather(*(work(client, numbers) for client in range(CLIENTS)))
    return {"photos": len(served), **fairness(served), "after": side.memory()}


async def _generate(
    side: Side, contents: Iterator[bytes] | Sequence[bytes], into: list[Served], client: int = 0
) -> None:
    """Send photos one after the other over one connection."""
    async with AsyncGenerate3DClient(side.client.url) as connection:
        for content in contents:
            photo = Served(client, time.monotonic())

            def on_status(status: str, photo: Served = photo) -> None:
                if status == "processing":
                    photo.came_s = time.monotonic()

            def on_part(_part: MeshPart, photo: Served = photo) -> None:
                photo.first_s = photo.first_s or time.monotonic()

            await connection.generate(content, on_part=on_part, on_status=on_status)
            photo.last_s = time.monotonic()
            into.append(photo)


def fairness(served: Sequence[Served]) -> dict[str, Any]:
    """How photos were served, against how they came."""
    waits = [photo.wait_s for photo in served]
    in_order = sorted(served, key=lambda photo: photo.first_s)
    shares = Counter(photo.client for photo in served)
    span_s = max(photo.last_s for photo in served) - min(photo.sent_s for photo in served)
    return {
        "overtaken": max(
            sum(other.came_s > photo.came_s and other.first_s < photo.first_s for other in served)
            for photo in served
        ),
        "shares": [shares[client] for client in sorted(shares)],
        "wait_s": {"p50": round(float(np.median(waits)), 2), "max": round(max(waits), 2)},
        "wait_p50_s_of_clients": [
            round(float(np.median([photo.wait_s for photo in served if photo.client == client])), 2)
            for client in sorted(shares)
        ],
        "photos_per_minute": round(60 * len(served) / span_s, 1),
        "order": [photo.client for photo in in_order],
    }


def requests(folder: Path, file: Path, count: int, model: str = "inflate") -> dict[str, Any]:
    """Let one client have so many photos done, in a server that works in a new folder."""
    with _serving(folder, model) as side:
        return asyncio.run(_requests(side, folder, file.read_bytes(), count))


async def _requests(side: Side, folder: Path, content: bytes, count: int) -> dict[str, Any]:
    before = _files(folder)
    samples: list[dict[str, float]] = []

    def photos_and_samples() -> Iterator[bytes]:
        for number, photo in enumerate(itertools.islice(photos.distinct(content), count)):
            if number:
                samples.append({"tasks": number, **side.memory()})
            yield photo

    await _generate(side, photos_and_samples(), [])
    samples.append({"tasks": count, **side.memory()})
    settled = samples[count // 5 :]
    return {
        "requests": count,
        "growth": {name: growth(settled, name) for name in ("server_mb", "children_mb", "open_files")},
        "first": samples[0],
        "after_first_fifth": settled[0],
        "end": samples[-1],
        "most_mb": max(sample["server_mb"] + sample["children_mb"] for sample in samples),
        "files_left": sorted(_files(folder) - before),
    }


def _files(folder: Path) -> set[str]:
    """Names of photos, results and temporary files."""
    kept = [folder / "output" / "results", folder / "temporary"]
    return {path.relative_to(folder).as_posix() for top in kept for path in top.rglob("*") if path.is_file()}


@contextmanager
def _serving(folder: Path, model: str) -> Iterator[Side]:
    """A server as it is shipped, with a model of meshes."""
    (folder / "temporary").mkdir(parents=True)
    temporary = {"TMPDIR": str(folder / "temporary")}
    with running_server(folder, environment=temporary, model={"mesh": model}) as server:
        yield Side(Client(server.url), psutil.Process(server.process.pid))
