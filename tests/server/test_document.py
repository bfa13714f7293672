"""The examples of surface A's document run unchanged against a server at the address they name."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import SHARP_API, blocks
from tests.live import PHOTO, LiveServer, running_server
from tests.peers import splat_transform
from wheatstone.splats.formats import read_scene

pytestmark = pytest.mark.xdist_group("port-8000")

PORT = 8000

BROWSER = """
import { readFileSync, writeFileSync } from 'node:fs'
const fileInput = { files: [new File([readFileSync('image.jpg')], 'image.jpg')] }
const window = { location: { href: '' } }
"""
"""What the JavaScript example finds in a page."""

AFTERWARDS = """
while (!window.location.href) await new Promise((resolve) => setTimeout(resolve, 50))
const downloaded = await fetch(window.location.href)
writeFileSync('output.sog', Buffer.from(await downloaded.arrayBuffer()))
"""
"""What a browser does then."""


def example(language: str, sign: str) -> str:
    (found,) = [block for block in blocks(SHARP_API, language) if sign in block]
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            if os.environ.get("CI"):
                pytest.fail(f"port {PORT} is in use")
            pytest.skip(f"port {PORT}, which the examples name, is in use")
    folder = tmp_path_factory.mktemp("document")
    with running_server(folder, model={"name": "instant"}, server={"port": PORT}, any_port=False) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(PHOTO, tmp_path / "image.jpg")
    return tmp_path


def run(command: list[str | Path], folder: Path) -> str:
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def check_result(folder: Path) -> None:
    assert len(read_scene(folder / "output.sog").gaussians) == 256


@pytest.mark.usefixtures("server")
def test_the_python_client(folder: Path) -> None:
    (folder / "client.py").write_text(example("python", "SSEClient"))
    assert run([sys.executable, "client.py"], folder).splitlines()[-1] == "Status: completed"
    check_result(folder)


@pytest.mark.usefixtures("server")
def test_the_javascript_client(folder: Path) -> None:
    (folder / "client.mjs").write_text(BROWSER + example("javascript", "EventSource") + AFTERWARDS)
    printed = run([splat_transform.NODE, "--experimental-eventsource", "--no-warnings", "client.mjs"], folder)
    assert printed.splitlines()[-1] == "Task completed!"
    check_result(folder)


@pytest.mark.usefixtures("server")
def test_the_curl_commands(folder: Path) -> None:
    commands = re.findall(r"^curl (?:.*\\\n)*.*", example("bash", "curl -N"), re.MULTILINE)
    submit, stream, status, result = commands
    task_id = re.findall(r'"task_id":"([^"]+)"', run(["sh", "-c", submit], folder))[0]
    assert "completed" in run(["sh", "-c", stream.replace("{task_id}", task_id)], folder)
    assert "completed" in run(["sh", "-c", status.replace("{task_id}", task_id)], folder)
    run(["sh", "-c", result.replace("{task_id}", task_id)], folder)
    check_result(folder)


def test_the_answers_have_the_documented_shapes(server: LiveServer) -> None:
    health = example("json", "model_loaded")
    assert set(re.findall(r'"(\w+)":', health)) <= set(server.http.get("/health").json())
    task_id = server.submit()
    server.wait(task_id)
    metadata = example("json", "intrinsic_matrix")
    assert set(re.findall(r'"(\w+)":', metadata)) <= set(server.http.get(f"/metadata/{task_id}").json())
