"""PLY."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from wheatstone.splats.scene import Scene


def read(path: Path) -> Scene:
    """Read."""
    raise NotImplementedError


def write(scene: Scene, file: BinaryIO) -> None:
    """Write."""
    raise NotImplementedError


def write_plain(scene: Scene, file: BinaryIO) -> None:
    """Write."""
    raise NotImplementedError
