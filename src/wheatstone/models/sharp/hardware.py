"""What the network runs on, and in which precision."""

from __future__ import annotations

from dataclasses import dataclass

import psutil
import torch

from wheatstone.errors import BadOptionError

_CPU_CHUNK = 5
"""Crops seen at once on a CPU: as many as its caches like (bfloat16; float32 does not mind)."""
_GPU_CHUNK = 35
_WEIGHTS = 655_000_000
_MAPS = 4.5
"""Of the widest map, so many are held at once at the most."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """Where the network runs, and how.

    Attributes:
        device: `cpu`, `cuda` (also AMD's, through ROCm) or `mps`, with an index if there are several.
        dtype: of weights and maps; depths and what follows are float32 whatever this says.
        chunk: crops seen at once.
        compiles: let torch.compile write kernels; the first picture then takes minutes longer.
        tf32: let float32 products on NVIDIA's tensor cores lose digits.
        tunes: let cuDNN try its algorithms on the first picture.
    """

    device: torch.device
    dtype: torch.dtype
    chunk: int
    compiles: bool = False
    tf32: bool = True
    tunes: bool = True

    def apply(self) -> None:
        """Set the switches that PyTorch keeps for the whole process."""
        if self.device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = self.tf32
            torch.backends.cudnn.allow_tf32 = self.tf32
            torch.backends.cudnn.benchmark = self.tunes

    def needed_bytes(self, side_px: int) -> int:
        """About how much memory the network takes at this side, weights included."""
        widest = 256 * (side_px // 2) ** 2
        return round((_WEIGHTS + _MAPS * widest) * int(self.dtype.itemsize))

    def free_bytes(self) -> int:
        """What is free on the device, counting what this process would give back."""
        if self.device.type == "cuda":
            free_bytes, _ = torch.cuda.mem_get_info(self.device)
            return int(free_bytes) + int(torch.cuda.memory_reserved(self.device))
        return int(psutil.virtual_memory().available)

    def release(self) -> None:
        """Give back what PyTorch keeps for later."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        elif self.device.type == "mps":
            torch.mps.empty_cache()


def choose_hardware(
    device: str = "auto",
    *,
    no_amp: bool = False,
    gradient_checkpointing: bool = False,
    compiles: bool = False,
    tf32: bool = True,
    tunes: bool = True,
) -> Hardware:
    """The device asked for, or the best there is, in the fastest precision it is good at.

    Args:
        device: `auto`, or what PyTorch calls it.
        no_amp: keep float32.
        gradient_checkpointing: less memory for more time, as in training: crops are seen one by one.
        compiles: see `Hardware`.
        tf32: see `Hardware`.
        tunes: see `Hardware`.

    Raises:
        BadOptionError: there is no such device here.
    """
    chosen = _device(device)
    chunk = _CPU_CHUNK if chosen.type == "cpu" else _GPU_CHUNK
    return Hardware(
        device=chosen,
        dtype=torch.float32 if no_amp else _fast_dtype(chosen),
        chunk=1 if gradient_checkpointing else chunk,
        compiles=compiles,
        tf32=tf32 and not no_amp,
        tunes=tunes,
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BadOptionError(f"Unknown device {name!r}; known are auto, cuda, mps and cpu.") from error
    is_here = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not is_here.get(device.type, False):
        raise BadOptionError(
            f"PyTorch {torch.__version__} finds no device {name!r} here; `auto` takes the best there is."
        )
    return device


def _fast_dtype(device: torch.device) -> torch.dtype:
    """Half precision where the device has it in hardware: bfloat16, else float16 on GPUs; else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "mps":
        return torch.bfloat16 if torch.backends.mps.is_macos_or_newer(14, 0) else torch.float16
    return torch.bfloat16 if _cpu_has_bfloat16() else torch.float32


def _cpu_has_bfloat16() -> bool:
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
