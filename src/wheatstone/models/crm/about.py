"""What to know about CRM before running it: what it needs, and whether that is here. Imports nothing heavy."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wheatstone.errors import CheckpointUnavailableError, ModelUnavailableError
from wheatstone.models.hashes import weights_sha256
from wheatstone.models.roles import ModelInfo
from wheatstone.settings import CrmSettings, Settings

CRM = ModelInfo(
    name="crm",
    summary="an object's photo to a textured mesh by CRM; needs an NVIDIA GPU and an environment of its own",
    label="CRM: generated from one view; sides and back are invented",
    licence="MIT; CRM's weights: as their publisher says (huggingface.co/Zhengyi/CRM)",
)

CHECKPOINTS = {"crm": "CRM.pth", "pixel": "pixel-diffusion.pth", "ccm": "ccm-diffusion.pth"}
"""What the adapter calls each checkpoint, and its file."""

_NEEDED = (
    "imagedream",
    "model",
    "pipelines.py",
    "inference.py",
    "configs/specs_objaverse_total.json",
    "configs/nf7_v3_SNR_rd_size_stroke.yaml",
    "configs/stage2-v2-snr.yaml",
)
_CODE = ("*.py", "configs/*", "imagedream/**/*.*", "libs/**/*.*", "model/**/*.*", "util/**/*.*")
_CODE_SUFFIXES = (".py", ".json", ".yaml")
_DRIVER = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
"""Where NVIDIA's driver is, on Linux or beneath Windows, even in a container without its tools."""
_DOCUMENT = "docs/crm.md says how to set it up."


def check(settings: Settings) -> None:
    """Look, quickly, whether all that can be seen from outside is here.

    Raises:
        ModelUnavailableError: something of CRM is not set up; the message says what.
        CheckpointUnavailableError: a checkpoint is not there.
    """
    crm = settings.crm
    if crm.home is None:
        raise ModelUnavailableError(
            "The model crm is not set up: crm.home names no checkout of CRM (https://github.com/thu-ml/CRM). "
            f"{_DOCUMENT}"
        )
    home = crm.home.expanduser()
    if lacking := next((name for name in _NEEDED if not (home / name).exists()), None):
        raise ModelUnavailableError(f"{home}, which crm.home names, is no checkout of CRM: it lacks {lacking}.")
    python = python_of(crm)
    if not python.is_file():
        raise ModelUnavailableError(
            f"{python} is no interpreter: let crm.python name the one of CRM's environment. {_DOCUMENT}"
        )
    if settings.mode in ("cpu", "amd") or settings.model.device in ("cpu", "mps"):
        raise ModelUnavailableError(
            "CRM runs on NVIDIA's GPUs only, and mode or model.device asks for another device."
        )
    for path in checkpoints_of(crm).values():
        if not path.is_file():
            raise CheckpointUnavailableError(
                f"CRM's checkpoint {path} is not there: fetch it from https://huggingface.co/Zhengyi/CRM, or let "
                "crm.checkpoints name the folder that holds it."
            )


def python_of(crm: CrmSettings) -> Path:
    """The interpreter of CRM's environment; by default that of `.venv` in the checkout."""
    return (crm.python or (crm.home or Path()) / ".venv" / "bin" / "python").expanduser().absolute()


def checkpoints_of(crm: CrmSettings) -> dict[str, Path]:
    """Where each checkpoint is to be, by the adapter's name for it."""
    folder = crm.checkpoints or crm.home or Path()
    return {
        key: crm.checkpoint_files.get(name, folder / name).expanduser().absolute()
        for key, name in CHECKPOINTS.items()
    }


def gpu_index(settings: Settings) -> int:
    """Which of the GPUs that this process may use, by `model.device`."""
    kind, _, index = settings.model.device.partition(":")
    return int(index) if kind == "cuda" and index.isdecimal() else 0


def is_ready(settings: Settings) -> bool:
    """Whether all that can be seen from outside is here, a GPU's driver included; quick."""
    try:
        check(settings)
    except (ModelUnavailableError, CheckpointUnavailableError):
        return False
    return has_driver()


def has_driver() -> bool:
    """Whether there are signs of an NVIDIA GPU."""
    return shutil.which("nvidia-smi") is not None or any(path.exists() for path in _DRIVER)


def device_of(settings: Settings) -> str:
    """What it runs on, named as other models name it."""
    return f"cuda:{gpu_index(settings)}"


def traits(settings: Settings) -> Mapping[str, Any]:
    """What determines its results: options, weights and the checkout's code; reads all once."""
    crm = settings.crm
    paths = checkpoints_of(crm)
    return {
        "scale": crm.scale,
        "step": crm.step,
        "seed": crm.seed,
        "code": _code_sha256(crm.home.expanduser()) if crm.home else None,
        "weights": {
            name: weights_sha256(path, settings.cache_dir) if path.is_file() else None
            for name, path in paths.items()
        },
    }


def _code_sha256(home: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(set(_code_files(home))):
        digest.update(
            f"{path.relative_to(home).as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest()
        )
    return digest.hexdigest()


def _code_files(home: Path) -> Iterator[Path]:
    for pattern in _CODE:
        yield from (path for path in home.glob(pattern) if path.suffix in _CODE_SUFFIXES and path.is_file())
