from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import pytest
import torch

from wheatstone.errors import BadOptionError
from wheatstone.models.sharp import hardware
from wheatstone.models.sharp.hardware import Hardware, choose_hardware
from wheatstone.settings import GpuSettings, Mode, ModelSettings, OptimizationSettings, Settings


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without GPUs and without half precision, until a test says otherwise."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(hardware, "_cpu_has_bfloat16", lambda: False)
    return monkeypatch


def chosen(device: str = "auto", mode: Mode | None = None, **gpu: bool) -> Hardware:
    settings = Settings(mode=mode, model=ModelSettings(device=device), gpu=GpuSettings.model_validate(gpu))
    return choose_hardware(settings)


def with_cuda(machine: pytest.MonkeyPatch, *, bfloat16: bool) -> None:
    machine.setattr(torch.cuda, "is_available", lambda: True)
    machine.setattr(torch.cuda, "device_count", lambda: 1)
    machine.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16)


def test_without_half_precision_a_cpu_keeps_float32(machine: pytest.MonkeyPatch) -> None:
    assert (str(chosen().device), chosen().dtype) == ("cpu", torch.float32)


def test_a_cpu_uses_bfloat16_where_it_has_it(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(hardware, "_cpu_has_bfloat16", lambda: True)
    assert chosen().dtype == torch.bfloat16
    assert chosen(enable_amp=False).dtype == torch.float32


@pytest.mark.parametrize(("bfloat16", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_auto_prefers_cuda(machine: pytest.MonkeyPatch, bfloat16: bool, dtype: torch.dtype) -> None:
    with_cuda(machine, bfloat16=bfloat16)
    assert (str(chosen().device), chosen().dtype) == ("cuda:0", dtype)
    assert chosen(enable_amp=False).dtype == torch.float32


def test_gradient_checkpointing_sees_crops_one_by_one(machine: pytest.MonkeyPatch) -> None:
    settings = Settings(optimization=OptimizationSettings(gradient_checkpointing=True))
    assert choose_hardware(settings).chunk == 1
    assert chosen().chunk > 1


@pytest.mark.parametrize("on", [True, False])
def test_the_switches_are_set(machine: pytest.MonkeyPatch, on: bool) -> None:
    with_cuda(machine, bfloat16=True)
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    try:
        chosen(enable_tf32=on, enable_cudnn_benchmark=not on).apply()
        assert matmul.allow_tf32 is cudnn.allow_tf32 is on
        assert cudnn.benchmark is not on
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before


def test_compiling_is_asked_for(machine: pytest.MonkeyPatch) -> None:
    assert chosen(compile=True).compiles
    assert not chosen().compiles


@pytest.mark.parametrize("name", ["gibberish", "meta", "", "cuda:x"])
def test_a_device_that_nothing_is_called_is_refused(machine: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(BadOptionError, match=r"known are auto, cuda, mps and cpu"):
        chosen(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:7", "mps"])
def test_a_device_that_is_not_here_becomes_the_cpu_with_a_warning(
    machine: pytest.MonkeyPatch, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert str(chosen(name).device) == "cpu"
    assert f"no device {name} here" in caplog.text


def test_one_device_has_one_name(machine: pytest.MonkeyPatch) -> None:
    with_cuda(machine, bfloat16=True)
    names = {str(hardware.device) for hardware in (chosen(), chosen("cuda"), chosen("cuda:0"), chosen(mode="gpu"))}
    assert names == {"cuda:0"}
    assert str(chosen("cpu:0").device) == "cpu"


def test_a_mode_beats_the_device(machine: pytest.MonkeyPatch) -> None:
    with_cuda(machine, bfloat16=True)
    assert str(chosen("cuda", mode="cpu").device) == "cpu"
    assert str(chosen("cpu", mode="gpu").device) == "cuda:0"
    assert str(chosen("cpu", mode="auto").device) == "cuda:0"
    assert str(chosen("cpu").device) == "cpu"


@pytest.mark.parametrize(("hip", "maker", "other"), [(None, "nvidia", "amd"), ("7.2", "amd", "nvidia")])
def test_a_maker_is_known_by_what_pytorch_was_built_for(
    machine: pytest.MonkeyPatch, hip: str | None, maker: Mode, other: Mode
) -> None:
    with_cuda(machine, bfloat16=True)
    machine.setattr(torch.version, "hip", hip)
    assert str(chosen(mode=maker).device) == "cuda:0"
    with pytest.raises(BadOptionError, match=rf"Mode {other}: .*`auto` takes the best there is"):
        chosen(mode=other)


def test_any_gpu_will_do_for_the_mode_gpu(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(torch.backends.mps, "is_available", lambda: True)
    machine.setattr(torch.backends.mps, "is_macos_or_newer", lambda _major, _minor: True)
    assert str(chosen(mode="gpu").device) == "mps"
    with pytest.raises(BadOptionError, match="GPU of NVIDIA"):
        chosen(mode="nvidia")


@pytest.mark.parametrize("mode", ["gpu", "nvidia", "amd"])
def test_a_mode_insists(machine: pytest.MonkeyPatch, mode: Mode) -> None:
    with pytest.raises(BadOptionError, match=f"Mode {mode}: PyTorch .* finds no GPU"):
        chosen(mode=mode)


def test_a_gpu_sees_as_many_photos_at_once_as_it_has_room_for(machine: pytest.MonkeyPatch) -> None:
    assert chosen().photos_at_once(1536) == 1
    with_cuda(machine, bfloat16=True)
    gpu = chosen()
    photo_bytes = gpu.needed_bytes(1536) - gpu.needed_bytes(0)
    weights = gpu.needed_bytes(0)
    machine.setattr(torch.cuda, "memory_allocated", lambda _device: weights)
    for room, photos in ((0, 1), (1, 1), (3.5, 3), (1000, hardware._MOST_PHOTOS)):
        machine.setattr(Hardware, "free_bytes", lambda _self, room=room: weights + int(room * photo_bytes))
        assert gpu.photos_at_once(1536) == photos
    assert dataclasses.replace(gpu, chunk=1).photos_at_once(1536) == 1


@pytest.mark.parametrize("own", ["ACTIVE", None])
def test_waiting_threads_sleep_unless_told_otherwise(own: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    if own:
        environment["OMP_WAIT_POLICY"] = own
    code = "import os, sys, wheatstone.models.sharp; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    told = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert told.split() == [own or "PASSIVE", "False"]


def test_smaller_sides_and_types_need_less(machine: pytest.MonkeyPatch) -> None:
    exact = chosen()
    half = dataclasses.replace(exact, dtype=torch.bfloat16)
    needs = [hardware.needed_bytes(side_px) for hardware in (exact, half) for side_px in (1536, 1024, 512)]
    assert needs == sorted(needs, reverse=True)
    assert exact.free_bytes() > 0
