"""A compressor of one's own, by `compression.command`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.live import LiveServer, running_server
from tests.peers import splat_transform
from wheatstone.splats.formats import read_scene


def compressing(folder: Path, command: Path | str, *arguments: str) -> Any:
    compression = {"command": str(command), "args_template": [*arguments, "{input_file}", "{output_file}"]}
    return running_server(folder, model={"name": "instant"}, compression=compression)


def script(folder: Path, text: str) -> Path:
    path = folder / "compressor"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def result(server: LiveServer, task_id: str, folder: Path) -> int:
    (folder / "result.sog").write_bytes(server.http.get(f"/result/{task_id}").raise_for_status().content)
    return len(read_scene(folder / "result.sog").gaussians)


def test_splat_transform_compresses(tmp_path: Path) -> None:
    assert splat_transform.PROGRAM.exists(), splat_transform.MISSING
    arguments = [str(splat_transform.PROGRAM), "-q", "-w", "-g", "cpu"]
    with compressing(tmp_path / "server", splat_transform.NODE, *arguments) as server:
        job = server.wait(server.submit())
        assert job["status"] == "completed", job
        assert "external compressor" in job["seconds"]
        assert "sog" not in job["seconds"]
        assert result(server, job["id"], tmp_path) == 256
        assert job["view"] is not None  # and the poster is ours
        assert {artifact["name"] for artifact in job["artifacts"]} == {
            "output.sog",
            "poster.webp",
            "metadata.json",
        }


@pytest.mark.parametrize("command", ["/nowhere/npx", "exit 127"])
def test_one_that_cannot_be_started_costs_a_warning_and_the_built_in_one_steps_in(
    tmp_path: Path, command: str
) -> None:
    program = script(tmp_path, command) if " " in command else command
    with compressing(tmp_path / "server", program) as server:
        job = server.wait(server.submit())
        assert job["status"] == "completed"
        assert result(server, job["id"], tmp_path) == 256
        assert "cannot be started" in server.log


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("echo something; echo no such codec >&2; exit 3", "ended with 3: no such codec"),
        ("exit 0", "left no file"),
        (': > "$2"', "left no file"),
    ],
)
def test_one_that_fails_fails_the_task_and_says_why(tmp_path: Path, text: str, told: str) -> None:
    with compressing(tmp_path / "server", script(tmp_path, text)) as server:
        job = server.wait(server.submit())
        assert job["error"]["code"] == "compression-failed"
        assert told in job["error"]["detail"]
        assert not (server.folder / "output" / "results" / "tasks" / job["id"]).exists()


def test_npx_without_the_package_counts_as_one_that_cannot_be_started(tmp_path: Path) -> None:
    program = script(tmp_path, "echo npm error could not determine executable to run >&2; exit 1")
    with compressing(tmp_path / "server", program) as server:
        assert server.wait(server.submit())["status"] == "completed"
        assert "cannot be started" in server.log


def test_one_that_hangs_ends_with_what_it_started_also_when_the_server_is_killed(tmp_path: Path) -> None:
    def hanging() -> list[Any]:
        return [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "4321"]]

    program = script(tmp_path, "sleep 4321 &\nwait")
    compression: dict[str, Any] = {"command": str(program), "timeout": 0.5}
    model = {"name": "instant"}
    with running_server(tmp_path / "server", model=model, compression=compression) as server:
        job = server.wait(server.submit())
        assert job["error"]["code"] == "compression-failed"
        assert "longer than 0.5 s" in job["error"]["detail"]
        assert hanging() == []
    compression["timeout"] = 60
    with running_server(tmp_path / "other", model=model, compression=compression) as server:
        server.wait(server.submit(), "compressing")
        while not hanging():
            time.sleep(0.02)
        server.kill()
    psutil.wait_procs(hanging(), timeout=10)
    assert hanging() == []
