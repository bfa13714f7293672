from __future__ import annotations

import numpy as np
import pytest

from tests.splats.reference import random_gaussians
from wheatstone.errors import BadOptionError
from wheatstone.splats.cameras import Camera
from wheatstone.splats.posters import contact_sheet, poster
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


@pytest.mark.parametrize("long_side_px", [0, -5, 16384])
def test_sizes_that_make_no_sense_are_refused(long_side_px: int) -> None:
    with pytest.raises(BadOptionError, match="pixels"):
        poster(SCENE, long_side_px)


def test_a_sheet_without_views_is_refused() -> None:
    with pytest.raises(BadOptionError, match="at least one"):
        contact_sheet(SCENE, [])
