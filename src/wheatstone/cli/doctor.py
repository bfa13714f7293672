"""`wheatstone doctor`: what is here, what is missing, what to do about it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wheatstone.cli.text import size_text
from wheatstone.compiled import thread_count
from wheatstone.errors import CheckpointUnavailableError, ModelUnavailableError
from wheatstone.models import checkpoints
from wheatstone.models.checkpoints import CHECKPOINTS, CheckpointState
from wheatstone.models.crm import about as crm
from wheatstone.settings import Settings, load_settings
from wheatstone.splats.formats import html
from wheatstone.version import VERSION

_LEAST_FREE_BYTES = 1_000_000_000
_PACKAGES = (
    "numpy",
    "numba",
    "onnxruntime",
    "opencv-python-headless",
    "pillow",
    "pillow-heif",
    "scikit-image",
    "scipy",
)


class _Verdict(StrEnum):
    OK = "[green]ok[/]"
    NOTE = "[yellow]note[/]"
    PROBLEM = "[red]problem[/]"


@dataclass(frozen=True, slots=True)
class _Finding:
    verdict: _Verdict
    subject: str
    text: str


def doctor() -> int:
    """Check what is installed, which devices and models are there, and say what to do about what is missing.

    The exit code is 2 if something keeps the main job from running; notes do not.
    """
    table = Table(box=None, show_header=False, pad_edge=False)
    settings = load_settings()
    findings = [*_system(), *_packages(), *_folders(settings), *_weights(settings), _crm(settings)]
    for finding in findings:
        table.add_row(finding.verdict, finding.subject, escape(finding.text))
    Console().print(table)
    return 2 if any(finding.verdict is _Verdict.PROBLEM for finding in findings) else 0


def _system() -> Iterator[_Finding]:
    yield _Finding(
        _Verdict.OK, "Wheatstone", f"{VERSION}, Python {platform.python_version()}, {platform.platform()}"
    )
    yield _Finding(_Verdict.OK, "CPU", f"{thread_count()} of {os.cpu_count()} cores usable, {platform.machine()}")
    yield _device()
    yield _viewer()


def _device() -> _Finding:
    if importlib.util.find_spec("torch") is None:
        return _Finding(_Verdict.OK, "GPU", "not used: relief runs on the CPU, and PyTorch is not installed")
    import torch  # type: ignore[import-not-found,unused-ignore]

    if torch.cuda.is_available():
        return _Finding(_Verdict.OK, "GPU", torch.cuda.get_device_name(0))
    if torch.backends.mps.is_available():
        return _Finding(_Verdict.OK, "GPU", "Apple silicon (MPS)")
    return _Finding(_Verdict.OK, "GPU", f"none that PyTorch {torch.__version__} can use")


def _viewer() -> _Finding:
    if html.is_available():
        return _Finding(_Verdict.OK, "viewer", "here: `--format html` and `wheatstone view` work")
    return _Finding(_Verdict.NOTE, "viewer", "not built: `--format html` and `wheatstone view` say what to do")


def _packages() -> Iterator[_Finding]:
    versions = []
    for name in _PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            yield _Finding(_Verdict.PROBLEM, name, "not installed: run `pip install --upgrade wheatstone`")
    yield _Finding(_Verdict.OK, "packages", ", ".join(versions))


def _folders(settings: Settings) -> Iterator[_Finding]:
    folder = settings.cache_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".doctor-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        text = f"{folder}: {error.strerror}; set WHEATSTONE_CACHE_DIR to a folder you can write to"
        yield _Finding(_Verdict.PROBLEM, "cache folder", text)
        return
    free_bytes = shutil.disk_usage(folder).free
    verdict = _Verdict.OK if free_bytes > _LEAST_FREE_BYTES else _Verdict.NOTE
    yield _Finding(verdict, "cache folder", f"{folder}, {size_text(free_bytes)} free")


def _weights(settings: Settings) -> Iterator[_Finding]:
    for checkpoint in CHECKPOINTS:
        state = checkpoints.verify(checkpoint.name, settings)
        path = checkpoints.location(checkpoint.name, settings)
        if state is CheckpointState.OK:
            yield _Finding(_Verdict.OK, checkpoint.name, f"{path}, verified ({checkpoint.licence})")
        elif state is CheckpointState.DAMAGED:
            text = f"{path} is damaged: delete it and run `wheatstone models pull {checkpoint.name}`"
            yield _Finding(_Verdict.PROBLEM, checkpoint.name, text)
        else:
            text = f"not here; `wheatstone models pull {checkpoint.name}` fetches it: {checkpoint.summary}"
            yield _Finding(_Verdict.NOTE, checkpoint.name, text)


def _crm(settings: Settings) -> _Finding:
    try:
        crm.check(settings)
    except (ModelUnavailableError, CheckpointUnavailableError) as error:
        return _Finding(_Verdict.NOTE, "crm", f"objects become meshes by inflate. {error}")
    python = crm.python_of(settings.crm)
    if not crm.has_driver():
        return _Finding(_Verdict.NOTE, "crm", f"set up with {python}, but there is no sign of an NVIDIA GPU")
    return _Finding(_Verdict.OK, "crm", f"set up with {python}; whether it runs shows at its first mesh")
