"""A real `wheatstone serve`, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

PLUGINS = Path(__file__).parent / "plugins"
PATIENCE_S = 60.0
PHOTO = Path(__file__).parent.parent / "examples" / "coffee.jpg"


@dataclass
class LiveServer:
    """A running server.

    Attributes:
        folder: where it works.
        process: it.
        url: its address, without a slash at the end.
        http: a client of it.
    """

    folder: Path
    process: subprocess.Popen[str]
    url: str
    http: httpx2.Client = field(repr=False)

    @property
    def notes(self) -> list[str]:
        """What the test models left."""
        path = self.folder / "notes"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def log(self) -> str:
        """What it said on standard error."""
        return (self.folder / "log").read_text()

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """As systemd would; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def submit(self, photo: bytes | None = None, **fields: Any) -> str:
        """The id of a new task."""
        files = {"file": ("photo.jpg", PHOTO.read_bytes() if photo is None else photo)}
        answer = self.http.post("/predict", files=files, data=fields)
        assert answer.status_code == 202, answer.text
        task_id: str = answer.json()["task_id"]
        return task_id

    def job(self, task_id: str) -> dict[str, Any]:
        """What is known of a task."""
        job: dict[str, Any] = self.http.get(f"/v1/jobs/{task_id}").raise_for_status().json()
        return job

    def wait(self, task_id: str, *statuses: str) -> dict[str, Any]:
        """The task once it has one of these statuses, or is done."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            job = self.job(task_id)
            if job["status"] in statuses or job["done"]:
                return job
            time.sleep(0.02)
        raise AssertionError(f"still {job['status']}; {self.log}")

    def statuses(self, task_id: str, *, after: int | None = None) -> list[str]:
        """All statuses that its stream tells until it ends."""
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        with self.http.stream("GET", f"/stream/{task_id}", headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            lines = list(answer.iter_lines())
        return [json.loads(line.removeprefix("data: "))["status"] for line in lines if line.startswith("data: ")]


def command(folder: Path, settings: Mapping[str, Any] | None = None) -> tuple[list[str], dict[str, str]]:
    """What starts a server in `folder`, and its environment; plug-in models for tests are there."""
    folder.mkdir(exist_ok=True)
    (folder / "config.jsonc").write_text(json.dumps({"cache": {"enabled": False}, **(settings or {})}))
    before = [str(Path(part).resolve()) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    path = os.pathsep.join([str(PLUGINS), *before])  # absolute, as the server runs elsewhere
    environment = {**os.environ, "PYTHONPATH": path, "WHEATSTONE_TEST_NOTES": str(folder / "notes")}
    return [sys.executable, "-m", "wheatstone", "serve", "--no-browser"], environment


@contextmanager
def running_server(
    folder: Path,
    *,
    any_port: bool = True,
    environment: Mapping[str, str] | None = None,
    **settings: Mapping[str, Any],
) -> Iterator[LiveServer]:
    """A server that works in `folder`, with these sections of settings; killed at the end.

    It listens on a free port, or on that of the settings if `any_port` is false. `environment` holds further
    variables, for the faults that `plugins/sitecustomize.py` makes.
    """
    arguments, variables = command(folder, settings)
    variables |= environment or {}
    if any_port:
        arguments += ["--port", "0"]
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            arguments, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split(" ")[0].rstrip("/\n")
        assert address, (folder / "log").read_text()
        with httpx2.Client(base_url=address, timeout=PATIENCE_S) as http:
            yield LiveServer(folder, process, address, http)
    finally:
        process.kill()
        process.communicate()
