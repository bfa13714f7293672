"""What drivers say about GPUs: NVIDIA's by its tool, AMD's by files of the kernel; nothing where there is neither.

No PyTorch: the server's process has none, and asking it would take hold of a device.
"""

from __future__ import annotations

import csv
import logging
import math
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

_SYSTEM = Path("/sys/class/drm")
_QUERY = "index,name,memory.used,memory.total,utilization.gpu"
_PATIENCE_S = 5.0
_FRESH_S = 2.0
_AMD = "0x1002"
_MB = 1 << 20  # as NVIDIA counts


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU of this machine; what its driver does not tell is None.

    Attributes:
        device_id: its number, or the kernel's name of it.
        name: what it is sold as.
        vendor: `NVIDIA` or `AMD`.
        memory_used_mb: of its memory, by whatever runs on it; in 2^20 bytes.
        memory_total_mb: that it has.
        utilization_percent: how busy it is.
    """

    device_id: str
    name: str
    vendor: str
    memory_used_mb: float | None
    memory_total_mb: float | None
    utilization_percent: float | None


class GpuWatch:
    """Asks drivers at most every two seconds, and from one thread at a time, however many want to know."""

    def __init__(self, ask: Callable[[], list[Gpu]]) -> None:
        self._ask = ask
        self._asking = threading.Lock()
        self._told: list[Gpu] = []
        self._told_s = -math.inf

    def __call__(self) -> list[Gpu]:
        """What was told last; takes up to seconds, so call it in a thread."""
        if time.monotonic() - self._told_s > _FRESH_S and self._asking.acquire(blocking=False):
            try:
                self._told = self._ask()
                self._told_s = time.monotonic()
            finally:
                self._asking.release()
        return self._told


def read_gpus(system: Path = _SYSTEM) -> list[Gpu]:
    """All GPUs whose drivers tell."""
    return [*_of_nvidia(), *_of_amd(system)]


gpus = GpuWatch(read_gpus)
"""All GPUs whose drivers tell; takes up to seconds, so call it in a thread."""


def _of_nvidia() -> Iterator[Gpu]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return
    command = [tool, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(  # noqa: S603 - nobody else has a say in it
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        _log.debug("nvidia-smi does not work: %s", error)  # there is a tool, but no GPU
        return
    for row in csv.reader(said.splitlines(), skipinitialspace=True):
        if len(row) == len(_QUERY.split(",")):
            number, name, *figures = row
            used, total, busy = map(_number, figures)
            yield Gpu(number, name, "NVIDIA", used, total, busy)


def _of_amd(system: Path) -> Iterator[Gpu]:
    for card in sorted(system.glob("card[0-9]*")):
        device = card / "device"
        if card.name.removeprefix("card").isdecimal() and _line(device / "vendor") == _AMD:
            used, total = (_number(_line(device / f"mem_info_vram_{what}")) for what in ("used", "total"))
            yield Gpu(
                card.name,
                _line(device / "product_name") or "AMD GPU",
                "AMD",
                None if used is None else used / _MB,
                None if total is None else total / _MB,
                _number(_line(device / "gpu_busy_percent")),
            )


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:  # an older driver has no such file
        return ""


def _number(text: str) -> float | None:
    """A figure; None where the driver says `[N/A]` or nothing."""
    try:
        return float(text)
    except ValueError:
        return None
