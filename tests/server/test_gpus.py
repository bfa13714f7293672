from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wheatstone.server.gpus import Gpu, GpuWatch, read_gpus

TOOL = """#!/bin/sh
echo "$@" > {folder}/asked
echo "0, NVIDIA GeForce RTX 4090, 2048, 24564, 37"
echo "1, Tesla K80, [N/A], 11441, [Not Supported]"
"""


@pytest.fixture(autouse=True)
def no_gpu_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")


def tool(folder: Path, text: str) -> None:
    path = folder / "nvidia-smi"
    path.write_text(text)
    path.chmod(0o755)


def test_without_drivers_there_are_none(tmp_path: Path) -> None:
    assert read_gpus(tmp_path / "nothing") == []


def test_nvidia_tells_by_its_tool(tmp_path: Path) -> None:
    tool(tmp_path, TOOL.format(folder=tmp_path))
    assert read_gpus(tmp_path / "nothing") == [
        Gpu("0", "NVIDIA GeForce RTX 4090", "NVIDIA", 2048, 24564, 37),
        Gpu("1", "Tesla K80", "NVIDIA", None, 11441, None),
    ]
    assert "--query-gpu=index,name" in (tmp_path / "asked").read_text()


def test_a_tool_without_a_gpu_is_none(tmp_path: Path) -> None:
    tool(tmp_path, "#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert read_gpus(tmp_path / "nothing") == []


def test_amd_tells_by_files(tmp_path: Path) -> None:
    for card, vendor in (("card0", "0x1002"), ("card1", "0x8086"), ("card0-HDMI-A-1", "0x1002")):
        device = tmp_path / "drm" / card / "device"
        device.mkdir(parents=True)
        (device / "vendor").write_text(f"{vendor}\n")
    device = tmp_path / "drm" / "card0" / "device"
    (device / "mem_info_vram_used").write_text(f"{512 << 20}\n")
    (device / "gpu_busy_percent").write_text("12\n")
    assert read_gpus(tmp_path / "drm") == [Gpu("card0", "AMD GPU", "AMD", 512, None, 12)]


def test_a_driver_that_hangs_is_asked_once_however_many_want_to_know() -> None:
    release = threading.Event()
    asked: list[int] = []

    def ask() -> list[Gpu]:
        asked.append(1)
        release.wait(60)
        return [Gpu("0", "slow", "NVIDIA", None, None, None)]

    watch = GpuWatch(ask)
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(watch)
        while not asked:
            time.sleep(0.01)
        assert [threads.submit(watch).result() for _ in range(6)] == [[]] * 6
        release.set()
        assert [gpu.name for gpu in first.result()] == ["slow"]
    assert [gpu.name for gpu in watch()] == ["slow"]
    assert asked == [1]
