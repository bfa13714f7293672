"""Khronos's validator finds nothing wrong with our GLBs. Install it with `npm ci` in this folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.meshes.shapes import painted, sphere
from tests.peers.gltf_validator import MISSING, MODULE, report
from wheatstone.meshes.formats import glb
from wheatstone.meshes.textures import TextureKind


@pytest.fixture(autouse=True)
def _installed() -> None:
    if MODULE.exists():
        return
    if os.environ.get("CI"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"texture": TextureKind.JPEG},
        {"texture": TextureKind.WEBP},
        {"unlit": True},
        {"draco": True},  # of which it checks the frame, not the content
    ],
    ids=str,
)
def test_a_glb_is_valid(options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "mesh.glb"
    path.write_bytes(glb.encode(painted(sphere(20)), **options))
    issues = report(path)["issues"]
    assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"]


def test_a_mesh_without_texture_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "mesh.glb"
    path.write_bytes(glb.encode(sphere(20)))
    assert report(path)["issues"]["messages"] == []


def test_the_validator_looks(tmp_path: Path) -> None:
    path = tmp_path / "mesh.glb"
    path.write_bytes(glb.encode(sphere(20)).replace(b'"count":', b'"kount":'))
    assert report(path)["issues"]["numErrors"] > 0
