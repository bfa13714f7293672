"""The Python client of surface B's document runs unchanged against a server at the address it names."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.documents import MLSHARP, blocks
from tests.live import PHOTO, LiveServer, running_server

pytestmark = pytest.mark.xdist_group("port-8000")

PORT = 8000

REST = """
client = MLSharpClient()
print(sorted(client.stats()), sorted(client.cache_stats()))
print(client.clear_cache()["status"], client.cache_stats()["size"])
print(client.register_webhook("task_completed", "https://example.com/webhook/completed")["status"])
print(client.list_webhooks()["webhooks"]["task_completed"])
print(client.unregister_webhook("task_completed")["status"])
print(client.list_webhooks()["webhooks"])
"""
"""Calls what the document's client defines but does not use."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            if os.environ.get("CI"):
                pytest.fail(f"port {PORT} is in use")
            pytest.skip(f"port {PORT}, which the examples name, is in use")
    folder = tmp_path_factory.mktemp("document")
    sections: dict[str, dict[str, Any]] = {
        "model": {"name": "instant"},
        "server": {"port": PORT},
        "webhook": {"enabled": True},
    }
    with running_server(folder, any_port=False, environment=None, **sections) as server:
        yield server


def run(program: str, folder: Path) -> list[str]:
    (folder / "client.py").write_text(program)
    command = [sys.executable, "client.py"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def example(sign: str) -> str:
    (found,) = [block for block in blocks(MLSHARP, "python") if sign in block]
    return found


@pytest.mark.usefixtures("server")
def test_the_client_runs_as_it_is(tmp_path: Path) -> None:
    shutil.copy(PHOTO, tmp_path / "input.jpg")
    printed = dict(line.split(": ", 1) for line in run(example("class MLSharpClient"), tmp_path))
    assert list(printed) == ["服务状态", "GPU", "任务 ID", "处理时间", "下载 URL"]
    assert printed["服务状态"] == "healthy"
    assert printed["处理时间"].endswith(" 秒")
    assert httpx2.get(printed["下载 URL"]).raise_for_status().content.startswith(b"ply\n")


@pytest.mark.usefixtures("server")
def test_all_its_methods_work(tmp_path: Path) -> None:
    printed = run(example("class MLSharpClient").partition("# 使用示例")[0] + REST, tmp_path)
    assert printed == [
        "['gpu'] ['enabled', 'hit_rate', 'hits', 'max_size', 'misses', 'size']",
        "success 0",
        "success",
        "https://example.com/webhook/completed",
        "success",
        "{}",
    ]


@pytest.mark.usefixtures("server")
def test_the_short_example_runs_as_it_is(tmp_path: Path) -> None:
    shutil.copy(PHOTO, tmp_path / "input.jpg")
    (short,) = [block for block in blocks(MLSHARP, "python") if "3D 模型 URL" in block]
    (printed,) = run(short, tmp_path)
    assert printed.startswith("3D 模型 URL: http://127.0.0.1:8000/")
