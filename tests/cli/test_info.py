from __future__ import annotations

from pathlib import Path

import numpy as np

import wheatstone
from tests.cli.command import Command


def test_a_scene_is_described(command: Command, scene_file: Path) -> None:
    result = command("info", scene_file)
    assert result.code == 0
    for part in ("made by hand", "64×48", "focal length 60.0 px", "degree 0"):
        assert part in result.out


def test_a_photo_is_described(command: Command, photo: Path) -> None:
    result = command("info", photo)
    assert result.code == 0
    assert "128×96" in result.out
    assert "default" in result.out


def test_a_missing_file_is_named(command: Command, tmp_path: Path) -> None:
    result = command("info", tmp_path / "gone.sog")
    assert result.code == 2
    assert "gone.sog" in result.err


def test_a_mesh_is_described(command: Command, mesh_file: Path, tmp_path: Path) -> None:
    result = command("info", mesh_file)
    assert result.code == 0
    for part in ("4, closed", "4 at 4 places", "8×8 px", "(0, 0, 0) to (0.5, 0.5, 0.5)", "0.0208"):
        assert part in result.out
    mesh = wheatstone.Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]))
    mesh.save(tmp_path / "open.obj")
    assert "1, open" in command("info", tmp_path / "open.obj").out
