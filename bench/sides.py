"""Servers to be measured side by side: ours, and the peers of `bench/peers/`, each in processes of its own.

What only peers need lies in a folder beside our environment, not in it: LitServe brings uvloop and httptools,
which uvicorn takes wherever it finds them. So peers run with them, and ours as it is installed.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tests.live import PLUGINS, running_server
from tests.real_redis import running_redis

from bench.client import Client

ROOT = Path(__file__).parent.parent
PACKAGES = Path(sys.prefix) / "peers"
MISSING = f"celery and litserve are not installed: run `pip install --group bench --target {PACKAGES}`"


@dataclass(frozen=True)
class Side:
    """A running server.

    Attributes:
        client: of it.
        process: it, without its children.
        facts_path: where it tells the seconds of a task's stages.
        helpers: what runs beside it, such as a broker; their children count, too.
    """

    client: Client
    process: psutil.Process
    facts_path: str = ""
    helpers: tuple[psutil.Process, ...] = ()

    @property
    def others(self) -> list[psutil.Process]:
        """All processes but the server itself."""
        found = self.process.children(recursive=True)
        for helper in self.helpers:
            found += [helper, *helper.children(recursive=True)]
        return found

    def memory(self) -> dict[str, float]:
        """Megabytes of the server, and of its children and helpers; its open files."""
        return {
            "server_mb": round(self.process.memory_info().rss / 1e6, 1),
            "children_mb": round(sum(other.memory_info().rss for other in self.others) / 1e6, 1),
            "open_files": self.process.num_fds(),
        }

    def cpu_s(self) -> float:
        """Seconds that all its processes have computed."""
        times = [process.cpu_times() for process in (self.process, *self.others)]
        return sum(it.user + it.system for it in times)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no task be worked on: what works is stopped, the server and its broker are not."""
        workers = [child for parent in (self.process, *self.helpers) for child in parent.children(recursive=True)]
        for worker in workers:
            worker.suspend()
        try:
            yield
        finally:
            for worker in workers:
                worker.resume()


@contextmanager
def ours(folder: Path, model: str, *, compress: bool = True, **settings: Mapping[str, Any]) -> Iterator[Side]:
    """Our server; it keeps no results for equal requests unless `cache` says so."""
    folder.mkdir(parents=True)
    sections: dict[str, Any] = {"model": {"name": model}, "compression": {"enabled": compress}, **settings}
    with running_server(folder, **sections) as server:
        yield Side(Client(server.url), psutil.Process(server.process.pid), "/v1/jobs/{}")


@contextmanager
def in_memory(folder: Path, model: str, workers: int) -> Iterator[Side]:
    """`bench.peers.sharp_api`, with so many compression workers."""
    folder.mkdir(parents=True)
    with _module("bench.peers.sharp_api", str(folder), model, str(workers)) as process:
        yield Side(_client(process), psutil.Process(process.pid), "/status/{}")


@contextmanager
def celery(folder: Path, model: str) -> Iterator[Side]:
    """`bench.peers.celery_api` and its worker, on a Redis that appends what it is told to a file."""
    folder.mkdir(parents=True)
    options = ["worker", "--pool", "prefork", "--concurrency", "1", "--loglevel", "ERROR"]
    options += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with running_redis("--appendonly", "yes", "--appendfsync", "everysec") as redis:
        broker = psutil.Process(redis.pid)
        variables = {"PEER_REDIS": redis.url, "PEER_FOLDER": str(folder), "PEER_MODEL": model}
        with (
            _module("celery", "-A", "bench.peers.celery_worker", *options, **variables) as worker,
            _module("bench.peers.celery_api", **variables) as process,
        ):
            helpers = (psutil.Process(worker.pid), broker)
            yield Side(_client(process), psutil.Process(process.pid), "/status/{}", helpers)


@contextmanager
def litserve(folder: Path, model: str) -> Iterator[Side]:
    """`bench.peers.lit_api`."""
    folder.mkdir(parents=True)
    with _module("bench.peers.lit_api", str(folder), model) as process:
        yield Side(_client(process), psutil.Process(process.pid))


@contextmanager
def broadcast(streams: int) -> Iterator[Client]:
    """`bench.peers.broadcast`."""
    with _module("bench.peers.broadcast", str(streams)) as process:
        yield _client(process)


@contextmanager
def _module(name: str, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A module that runs until the block ends; plug-in models for tests are there."""
    path = [str(ROOT), str(PLUGINS), *filter(None, [os.environ.get("PYTHONPATH")])]
    if name not in ("bench.peers.sharp_api", "bench.peers.broadcast"):
        path.append(str(PACKAGES))
    process = subprocess.Popen(
        [sys.executable, "-m", name, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):  # it went with its parent
                child.kill()
        process.communicate()


def _client(process: subprocess.Popen[str]) -> Client:
    """A client of the address that a process prints."""
    assert process.stdout is not None  # noqa: S101 - piped
    return Client(process.stdout.readline().strip())
