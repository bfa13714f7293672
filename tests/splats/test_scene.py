from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.splats.formats.scenes import photo_like
from tests.splats.reference import random_gaussians
from wheatstone.errors import BadOptionError, OutputExistsError, UnknownFormatError
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


@pytest.mark.parametrize("name", ["scene.sog", "scene.html"])
def test_save_with_effort_makes_a_smaller_file_of_the_same_gaussians(tmp_path: Path, name: str) -> None:
    scene = Scene(photo_like(40))
    fast, small = scene.save(tmp_path / f"fast-{name}"), scene.save(tmp_path / f"small-{name}", effort=1)
    assert small.stat().st_size < fast.stat().st_size
    if name == "scene.sog":
        assert np.array_equal(read_scene(fast).gaussians.means, read_scene(small).gaussians.means)


@pytest.mark.parametrize(
    ("name", "effort", "message"),
    [
        ("scene.sog", 2, "0 to 1"),
        ("scene.html", -1, "0 to 1"),
        ("scene.ply", 1, "ply has no effort to choose; formats that have are sog, html"),
        ("scene.plain.ply", -1, "plain-ply has no effort"),
    ],
)
def test_save_refuses_an_effort_the_format_does_not_have(
    tmp_path: Path, name: str, effort: int, message: str
) -> None:
    with pytest.raises(BadOptionError, match=message):
        Scene(random_gaussians(5)).save(tmp_path / name, effort=effort)
    assert not (tmp_path / name).exists()


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
