"""A real Redis, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import ConnectionError as RedisConnectionError
from redis import Redis

PATIENCE_S = 30.0


class RedisServer:
    """A Redis on a socket in a folder, which keeps nothing when it ends.

    Attributes:
        url: its address.
        client: a client of it.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._command = ["redis-server", "--port", "0", "--unixsocket", str(folder / "socket"), "--save", ""]
        self._command += ["--dir", str(folder), *options]
        self.url = f"unix://{folder}/socket"
        self.client = Redis.from_url(self.url, protocol=2)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.client.ping()
            except RedisConnectionError as error:
                if "uthentication" in str(error):  # it is there, and wants a password
                    return
                assert self._process.poll() is None, "redis-server ended"
                assert time.monotonic() < deadline, "redis-server does not answer"
                time.sleep(0.01)
            else:
                return

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def keys(self) -> list[str]:
        """All keys that it has."""
        return sorted(key.decode() for key in self.client.scan_iter())


@contextmanager
def running_redis(*options: str) -> Iterator[RedisServer]:
    """A Redis; where none is installed the test is skipped, but in CI it fails."""
    if shutil.which("redis-server") is None and not os.environ.get("CI"):
        pytest.skip("needs redis-server: apt-get install redis-server")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are too long for a socket's name
        server = RedisServer(Path(folder), *options)
        try:
            yield server
        finally:
            server.client.close()
            server.kill()
