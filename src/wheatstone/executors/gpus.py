"""The GPUs of this machine, as their drivers tell; no PyTorch, which takes seconds and hundreds of megabytes."""

from __future__ import annotations

import logging
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

_NVIDIA_COLUMNS = "index,name,memory.used,memory.total,utilization.gpu"
_AMD_VENDOR = "0x1002"
_DRIVER_TIMEOUT_S = 5.0
_MB = 1_000_000
_MIB_MB = 1.048576
_DRM = Path("/sys/class/drm")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU at this moment.

    Attributes:
        index: its number among those of its vendor.
        vendor: `NVIDIA` or `AMD`.
        name: as its driver calls it.
        memory_used_mb: in use, by anybody; in MB.
        memory_mb: all there is, in MB.
        utilization_percent: how busy it was just now.
    """

    index: int
    vendor: str
    name: str
    memory_used_mb: float
    memory_mb: float
    utilization_percent: float


def gpus() -> list[Gpu]:
    """The GPUs that drivers tell of; none where there is no driver. Takes some hundredths of a second."""
    return [*_nvidia(), *_amd(_DRM)]


def _nvidia() -> list[Gpu]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, f"--query-gpu={_NVIDIA_COLUMNS}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_DRIVER_TIMEOUT_S, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("nvidia-smi cannot tell of GPUs: %s", error)
        return []
    return parse_nvidia(told.stdout)


def parse_nvidia(table: str) -> list[Gpu]:
    """What `nvidia-smi` answers, one line a GPU; what it does not know, such as `[N/A]`, is 0."""
    found = []
    for line in table.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == len(_NVIDIA_COLUMNS.split(",")) and fields[0].isdecimal():
            used_mib, all_mib, percent = (_number(field) for field in fields[2:])
            found.append(Gpu(int(fields[0]), "NVIDIA", fields[1], used_mib * _MIB_MB, all_mib * _MIB_MB, percent))
    return found


def _amd(drm: Path) -> list[Gpu]:
    """What the kernel's driver amdgpu tells in its files below `drm`."""
    found: list[Gpu] = []
    for card in sorted(drm.glob("card[0-9]*/device")):
        if _line(card / "vendor") == _AMD_VENDOR:
            used, whole = (_number(_line(card / f"mem_info_vram_{what}")) / _MB for what in ("used", "total"))
            name = _line(card / "product_name") or f"AMD GPU {_line(card / 'device')}"
            found.append(Gpu(len(found), "AMD", name, used, whole, _number(_line(card / "gpu_busy_percent"))))
    return found


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:  # an older driver has fewer files
        return ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
