from __future__ import annotations

from pathlib import Path

import pytest

from wheatstone.executors.gpus import Gpu, _amd, gpus, parse_nvidia


def test_what_nvidias_driver_tells_is_understood() -> None:
    table = "0, NVIDIA GeForce RTX 4090, 2048, 24564, 37\n1, Tesla T4, 0, 15360, [N/A]\n"
    first, second = parse_nvidia(table)
    assert (first.index, first.vendor, first.name) == (0, "NVIDIA", "NVIDIA GeForce RTX 4090")
    assert first.memory_used_mb == pytest.approx(2147.48, abs=0.01)
    assert (second.index, second.utilization_percent) == (1, 0)


def test_an_answer_of_another_kind_tells_of_no_gpu() -> None:
    assert parse_nvidia("NVIDIA-SMI has failed because it couldn't communicate with the driver, a, b, c, d") == []


def test_what_amds_driver_tells_is_understood(tmp_path: Path) -> None:
    device = tmp_path / "card1" / "device"
    device.mkdir(parents=True)
    (tmp_path / "card0" / "device").mkdir(parents=True)
    (tmp_path / "card0" / "device" / "vendor").write_text("0x8086\n")
    told = {"vendor": "0x1002", "mem_info_vram_used": "500000000", "mem_info_vram_total": "16000000000"}
    for name, value in {**told, "device": "0x73bf"}.items():
        (device / name).write_text(f"{value}\n")
    assert _amd(tmp_path) == [Gpu(0, "AMD", "AMD GPU 0x73bf", 500, 16_000, 0)]


def test_a_driver_that_fails_is_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("wheatstone.executors.gpus._DRM", tmp_path)
    assert gpus() == []
    assert "cannot tell of GPUs" in caplog.text
