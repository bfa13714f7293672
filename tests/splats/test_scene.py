from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.splats.reference import random_gaussians
from wheatstone.errors import OutputExistsError, UnknownFormatError
from wheatstone.splats.formats import read_scene
from wheatstone.splats.scene import Scene


def test_a_scene_needs_no_camera_and_no_label() -> None:
    scene = Scene(random_gaussians(1))
    assert scene.camera is None
    assert scene.label == ""


def test_save_writes_the_format_of_the_files_name(tmp_path: Path) -> None:
    scene = Scene(random_gaussians(5))
    path = scene.save(tmp_path / "scene.ply")
    assert np.array_equal(read_scene(path).gaussians.means, scene.gaussians.means)


def test_save_takes_a_path_as_text(tmp_path: Path) -> None:
    assert Scene(random_gaussians(5)).save(str(tmp_path / "scene.ply")) == tmp_path / "scene.ply"


def test_save_refuses_a_name_no_format_claims(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormatError, match=r"scene\.txt"):
        Scene(random_gaussians(1)).save(tmp_path / "scene.txt")


def test_save_keeps_what_is_there_unless_overwriting(tmp_path: Path) -> None:
    path = Scene(random_gaussians(5)).save(tmp_path / "scene.ply")
    with pytest.raises(OutputExistsError):
        Scene(random_gaussians(6)).save(path, overwrite=False)
    assert len(read_scene(path).gaussians) == 5


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        ("relief: an estimate", "relief: an estimate"),
        ("Tiefe: ähnlich 深さ", "Tiefe: ähnlich 深さ"),
        ("two\nlines\x1b[2J\u202e", "two lines [2J"),
        ("long" * 999, "long" * 125),
    ],
)
def test_a_label_is_one_short_printable_line(label: str, kept: str) -> None:
    assert Scene(random_gaussians(1), label=label).label == kept
