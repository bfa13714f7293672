"""What the network runs on, and in which precision."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import psutil
import torch

from wheatstone.errors import BadOptionError
from wheatstone.settings import Mode, Settings

_log = logging.getLogger(__name__)

_CPU_CHUNK = 5
"""Crops seen at once on a CPU: as many as its caches like (bfloat16; float32 does not mind)."""
_GPU_CHUNK = 35
_WEIGHTS = 655_000_000
_MAPS = 4.5
"""Of the widest map, so many are held at once at the most."""
_MOST_PHOTOS = 8
"""Seen at once by a GPU that has room for them; it is busy long before."""


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
        return _WEIGHTS * int(self.dtype.itemsize) + self._photo_bytes(side_px)

    def photos_at_once(self, side_px: int) -> int:
        """How many photos to see together, now that the weights are loaded: one, but for a GPU with room for more.

        On a CPU one photo keeps all cores busy; and who sees the parts of a photo one by one is short of memory.
        """
        if self.device.type == "cpu" or self.chunk == 1:
            return 1
        weights = torch.cuda.memory_allocated(self.device) if self.device.type == "cuda" else 0
        return max(1, min(_MOST_PHOTOS, (self.free_bytes() - weights) // self._photo_bytes(side_px)))

    def _photo_bytes(self, side_px: int) -> int:
        """About what a photo takes beside the weights."""
        widest = 256 * (side_px // 2) ** 2
        return round(_MAPS * widest) * int(self.dtype.itemsize)

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


def choose_hardware(settings: Settings) -> Hardware:
    """The device that the settings name, or the best there is, in the fastest precision it is good at.

    The mode beats the device. A device that is not here becomes the CPU, with a warning; a mode insists.

    Raises:
        BadOptionError: there is no device of this mode here, or none has this name.
    """
    gpu, sees_parts = settings.gpu, settings.optimization.gradient_checkpointing
    device = _canonical(_of_mode(settings.mode) if settings.mode else _named(settings.model.device))
    chunk = _CPU_CHUNK if device.type == "cpu" else _GPU_CHUNK
    return Hardware(
        device=device,
        dtype=_fast_dtype(device) if gpu.enable_amp else torch.float32,
        chunk=1 if sees_parts else chunk,
        compiles=gpu.compile,
        tf32=gpu.enable_tf32,
        tunes=gpu.enable_cudnn_benchmark,
    )


def _of_mode(mode: Mode) -> torch.device:
    best = _best()
    is_cuda, is_amd = best.type == "cuda", torch.version.hip is not None
    device, is_here = {
        "auto": (best, True),
        "cpu": (torch.device("cpu"), True),
        "gpu": (best, best.type != "cpu"),
        "nvidia": (best, is_cuda and not is_amd),
        "amd": (best, is_cuda and is_amd),
    }[mode]
    if not is_here:
        what = {"nvidia": "GPU of NVIDIA", "amd": "GPU of AMD"}.get(mode, "GPU")
        raise BadOptionError(
            f"Mode {mode}: PyTorch {torch.__version__} finds no {what} here; `auto` takes the best there is."
        )
    return device


def _named(name: str) -> torch.device:
    if name == "auto":
        return _best()
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise BadOptionError(f"Unknown device {name!r}; known are auto, cuda, mps and cpu.")
    is_here = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if is_here[device.type]:
        return device
    _log.warning("PyTorch %s finds no device %s here; it runs on the CPU.", torch.__version__, name)
    return torch.device("cpu")


def _best() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _canonical(device: torch.device) -> torch.device:
    """One name for one device: PyTorch's `cuda` is the first of them."""
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else torch.device(device.type)


def _fast_dtype(device: torch.device) -> torch.dtype:
    """Half precision where the device has it in hardware: bfloat16, else float16 on GPUs; else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "mps":
        return torch.bfloat16 if torch.backends.mps.is_macos_or_newer(14, 0) else torch.float16
    return torch.bfloat16 if _cpu_has_bfloat16() else torch.float32


def _cpu_has_bfloat16() -> bool:
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
