from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.splats.reference import random_gaussians
from wheatstone.errors import BadOptionError, OutputExistsError
from wheatstone.splats.cameras import Camera
from wheatstone.splats.posters import contact_sheet, poster, write_poster
from wheatstone.splats.render import render
from wheatstone.splats.scene import Scene
from wheatstone.splats.shots import BACKGROUND
from wheatstone.splats.stereo import Layout, Stereo
from wheatstone.splats.transforms import transform_scene
from wheatstone.splats.views import View

CAMERA = Camera.of_photo(90, 60, 80.0)
SCENE = Scene(random_gaussians(300), CAMERA)


def test_a_poster_is_what_the_scenes_camera_sees() -> None:
    picture = poster(SCENE, 90)
    assert np.array_equal(picture, render(SCENE.gaussians, CAMERA, background=BACKGROUND).rgb)


def test_a_poster_has_the_size_asked_for() -> None:
    assert poster(SCENE, 48).shape == (32, 48, 3)


def test_the_unit_of_length_does_not_matter() -> None:
    small = transform_scene(SCENE, np.diag([0.001, 0.001, 0.001, 1]))
    assert np.abs(poster(small, 60).astype(int) - poster(SCENE, 60)).mean() < 0.01


def test_a_scene_without_camera_has_a_poster() -> None:
    assert poster(Scene(SCENE.gaussians), 40).std() > 5


def test_an_empty_scene_has_a_poster_of_the_background() -> None:
    picture = poster(Scene(random_gaussians(0)), 20)
    assert (picture == np.rint(np.multiply(BACKGROUND, 255))).all()


def test_a_contact_sheet_shows_the_views_side_by_side() -> None:
    sheet = contact_sheet(SCENE, [View(-20), View(), View(20)], 60)
    assert sheet.shape == (40, 180, 3)
    assert np.array_equal(sheet[:, 60:120], poster(SCENE, 60))
    assert not np.array_equal(sheet[:, :60], sheet[:, 120:])


def test_a_sheet_for_two_eyes_shows_pairs() -> None:
    sheet = contact_sheet(SCENE, [View(), View(10)], 60, stereo=Stereo(Layout.PARALLEL))
    assert sheet.shape == (40, 240, 3)


def test_a_poster_is_written_as_webp(tmp_path: Path) -> None:
    picture = poster(SCENE, 64)
    path = write_poster(picture, tmp_path / "new" / "poster.webp")
    with Image.open(path) as file:
        assert (file.format, file.mode, file.size) == ("WEBP", "RGB", (64, 43))
        assert np.abs(np.asarray(file).astype(int) - picture).mean() < 12


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_poster(poster(SCENE, 64), tmp_path / "1.webp").read_bytes()
    assert write_poster(poster(SCENE, 64), tmp_path / "2.webp").read_bytes() == first


def test_a_poster_that_exists_is_kept_unless_overwriting(tmp_path: Path) -> None:
    path = write_poster(poster(SCENE, 16), tmp_path / "poster.webp")
    before = path.read_bytes()
    with pytest.raises(OutputExistsError):
        write_poster(poster(SCENE, 32), path, overwrite=False)
    assert path.read_bytes() == before


@pytest.mark.parametrize("long_side_px", [0, -5, 16384])
def test_sizes_that_make_no_sense_are_refused(long_side_px: int) -> None:
    with pytest.raises(BadOptionError, match="pixels"):
        poster(SCENE, long_side_px)


def test_a_sheet_without_views_is_refused() -> None:
    with pytest.raises(BadOptionError, match="at least one"):
        contact_sheet(SCENE, [])


def test_a_picture_too_long_for_webp_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOptionError, match="16383"):
        write_poster(np.zeros((1, 16384, 3), np.uint8), tmp_path / "long.webp")
    assert list(tmp_path.iterdir()) == []
