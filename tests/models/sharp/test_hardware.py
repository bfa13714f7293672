from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

import pytest
import torch

from wheatstone.errors import BadOptionError
from wheatstone.models.sharp import hardware
from wheatstone.models.sharp.hardware import choose_hardware


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without GPUs and without half precision, until a test says otherwise."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(hardware, "_cpu_has_bfloat16", lambda: False)
    return monkeypatch


def with_cuda(machine: pytest.MonkeyPatch, *, bfloat16: bool) -> None:
    machine.setattr(torch.cuda, "is_available", lambda: True)
    machine.setattr(torch.cuda, "device_count", lambda: 1)
    machine.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16)


def test_without_half_precision_a_cpu_keeps_float32(machine: pytest.MonkeyPatch) -> None:
    chosen = choose_hardware()
    assert (chosen.device.type, chosen.dtype) == ("cpu", torch.float32)


def test_a_cpu_uses_bfloat16_where_it_has_it(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(hardware, "_cpu_has_bfloat16", lambda: True)
    assert choose_hardware().dtype == torch.bfloat16
    assert choose_hardware(no_amp=True).dtype == torch.float32


@pytest.mark.parametrize(("bfloat16", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_auto_prefers_cuda(machine: pytest.MonkeyPatch, bfloat16: bool, dtype: torch.dtype) -> None:
    with_cuda(machine, bfloat16=bfloat16)
    chosen = choose_hardware()
    assert (chosen.device.type, chosen.dtype) == ("cuda", dtype)


def test_no_amp_keeps_every_digit(machine: pytest.MonkeyPatch) -> None:
    with_cuda(machine, bfloat16=True)
    chosen = choose_hardware("cuda", no_amp=True)
    assert chosen.dtype == torch.float32
    assert not chosen.tf32


def test_gradient_checkpointing_sees_crops_one_by_one(machine: pytest.MonkeyPatch) -> None:
    assert choose_hardware(gradient_checkpointing=True).chunk == 1


@pytest.mark.parametrize("on", [True, False])
def test_the_switches_are_set(machine: pytest.MonkeyPatch, on: bool) -> None:
    with_cuda(machine, bfloat16=True)
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark
    try:
        choose_hardware("cuda", tf32=on, tunes=on).apply()
        assert matmul.allow_tf32 is cudnn.allow_tf32 is cudnn.benchmark is on
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark = before


@pytest.mark.parametrize("name", ["gibberish", "cuda", "cuda:7", "mps", "meta", ""])
def test_a_device_that_is_not_here_is_refused(machine: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(BadOptionError, match=r"auto"):
        choose_hardware(name)


@pytest.mark.parametrize("own", ["ACTIVE", None])
def test_waiting_threads_sleep_unless_told_otherwise(own: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    if own:
        environment["OMP_WAIT_POLICY"] = own
    code = "import os, sys, wheatstone.models.sharp; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    told = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert told.split() == [own or "PASSIVE", "False"]


def test_smaller_sides_and_types_need_less(machine: pytest.MonkeyPatch) -> None:
    exact = choose_hardware()
    half = dataclasses.replace(exact, dtype=torch.bfloat16)
    needs = [chosen.needed_bytes(side_px) for chosen in (exact, half) for side_px in (1536, 1024, 512)]
    assert needs == sorted(needs, reverse=True)
    assert exact.free_bytes() > 0
