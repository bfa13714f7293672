"""`python -m bench mesh` measures what it says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from bench import makers

from tests.live import PHOTO
from wheatstone.meshes.formats import read_mesh

PARTS = ["matte.png", "pixel_images.png", "xyz_images.png", "preview.glb", "output3d.zip", "model.glb"]


def test_where_no_peer_lies_beside_the_project_ours_is_measured_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(makers, "PROTOTYPES", tmp_path / "nowhere")
    assert list(makers.makers(tmp_path)) == ["ours", "ours_512"]


def test_a_new_process_tells_when_each_part_was_there(tmp_path: Path) -> None:
    made = makers.Maker(("bench.makers",)).make(
        PHOTO, tmp_path / "made", 2, WHEATSTONE_CHECKPOINTS__OFFLINE="true"
    )
    for run in made["runs"]:
        assert list(run["part_s"]) == PARTS
        assert all(before <= after for before, after in pairwise(run["part_s"].values()))
        assert run["cpu_s"] > 0
    assert 100 < made["peak_mb"] < 1200
    assert read_mesh(tmp_path / "made" / "model.glb").is_watertight


def test_on_a_new_machine_nothing_is_compiled(tmp_path: Path) -> None:
    variables = makers.new_machine(tmp_path / "new")
    assert variables["WHEATSTONE_CACHE_DIR"] == str(tmp_path / "new")
    assert not (tmp_path / "new").exists()
