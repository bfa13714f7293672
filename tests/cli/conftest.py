from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import wheatstone
from tests.cli.command import Command


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small picture: a bright square on a dark, noisy ground."""
    pixels = np.random.default_rng(0).integers(20, 60, (96, 128, 3)).astype(np.uint8)
    pixels[30:70, 40:90] = (220, 160, 60)
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def scene_file(tmp_path: Path) -> Path:
    """Three Gaussians before a camera of 64 by 48 pixels."""
    scene = wheatstone.Scene(
        wheatstone.Gaussians.from_colors(
            [[-0.2, 0, 2], [0.2, 0, 2], [0, 0.1, 3]],
            np.full((3, 3), 0.1),
            [[1, 0, 0, 0]] * 3,
            [0.9, 0.9, 0.5],
            [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        ),
        wheatstone.Camera.of_photo(64, 48, 60.0),
        "made by hand",
    )
    return scene.save(tmp_path / "scene.ply")


@pytest.fixture
def mesh_file(tmp_path: Path) -> Path:
    """A tetrahedron of half a metre with a grey texture."""
    corners = np.array([[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    mesh = wheatstone.Mesh(corners, faces, uv=corners[:, :2], texture=np.full((8, 8, 3), 200, np.uint8))
    return mesh.save(tmp_path / "corner.glb")
