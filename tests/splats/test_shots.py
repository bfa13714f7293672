from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.splats.reference import f32, random_gaussians
from wheatstone.arrays import F64, U8
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.render import render
from wheatstone.splats.scene import Scene
from wheatstone.splats.shots import BACKGROUND, Shot
from wheatstone.splats.stereo import Layout, Stereo
from wheatstone.splats.transforms import transform
from wheatstone.splats.views import View

CAMERA = Camera.of_photo(90, 60, 80.0)
SCENE = Scene(random_gaussians(300), CAMERA)


def wall(depth_m: float) -> Gaussians:
    """A grey, mottled wall that fills the picture and more, flat as paper."""
    x, y = np.meshgrid(np.linspace(-0.9, 0.9, 60) * depth_m, np.linspace(-0.6, 0.6, 40) * depth_m)
    grey = np.random.default_rng(0).uniform(0.1, 0.9, (x.size, 1)).repeat(3, axis=1)
    return Gaussians.from_colors(
        np.stack([x.ravel(), y.ravel(), np.full(x.size, depth_m)], axis=1),
        np.tile([0.03 * depth_m, 0.03 * depth_m, 1e-6], (x.size, 1)),
        np.tile([1.0, 0, 0, 0], (x.size, 1)),
        np.full(x.size, 0.95),
        grey,
    )


def lights(*positions: tuple[float, float, float]) -> Gaussians:
    return Gaussians.from_colors(
        list(positions), np.full((len(positions), 3), 0.02), [[1, 0, 0, 0]] * len(positions),
        [0.99] * len(positions), np.ones((len(positions), 3)),
    )  # fmt: skip


def column_of_light(picture: U8) -> float:
    brightness: F64 = picture.astype(np.float64).sum(axis=(0, 2))
    brightness -= brightness.min()
    return float((brightness * np.arange(len(brightness))).sum() / brightness.sum())


def test_the_first_picture_is_what_the_scenes_camera_sees() -> None:
    assert np.array_equal(Shot.of(SCENE, 90).picture(), render(SCENE.gaussians, CAMERA, background=BACKGROUND).rgb)


def test_pictures_have_the_size_the_shot_names() -> None:
    for stereo in (None, *map(Stereo, Layout)):
        shot = Shot.of(SCENE, 33, multiple_px=2, stereo=stereo)
        assert shot.picture().shape[1::-1] == shot.size_px
        assert shot.size_px[0] % 2 == shot.size_px[1] % 2 == 0


def test_photos_turn_around_the_balance_of_near_and_far() -> None:
    shot = Shot.of(SCENE, 90)
    assert shot.pivot_m == shot.depths.balanced_m


def test_other_scenes_turn_around_their_middle() -> None:
    ball = replace(SCENE.gaussians, means=SCENE.gaussians.means - f32([0, 0, 4]))
    shot = Shot.of(Scene(ball), 64)
    middle = shot.camera.points_seen(np.zeros((1, 3)))[0]
    assert shot.pivot_m == pytest.approx(middle[2], rel=0.05)


def test_a_flat_scene_in_the_plane_of_the_screen_has_no_fringes() -> None:
    flat = Scene(wall(2.0), CAMERA)
    seen = Shot.of(flat, 90, stereo=Stereo(Layout.ANAGLYPH)).picture()
    assert np.abs(seen.astype(int) - Shot.of(flat, 90).picture()).max() <= 2


@pytest.mark.parametrize("view", [View(), View(12, 5, 0.2), View(-170, 0, -0.5)])
def test_the_pivot_stays_in_the_plane_of_the_screen_from_every_view(view: View) -> None:
    shot = replace(Shot.of(Scene(lights((0, 0, 2.0)), CAMERA), 90), stereo=Stereo(Layout.PARALLEL))
    both = shot.picture(view)
    assert column_of_light(both[:, :90]) == pytest.approx(column_of_light(both[:, 90:]), abs=0.05)


def test_near_things_are_farther_right_in_the_left_eyes_picture() -> None:
    scene = Scene(lights((0, 0, 1.5)), CAMERA)
    shot = replace(Shot.of(scene, 90, stereo=Stereo(Layout.PARALLEL)), pivot_m=3.0)
    both = shot.picture()
    assert column_of_light(both[:, :90]) > column_of_light(both[:, 90:]) + 0.5


def test_the_unit_of_length_does_not_matter() -> None:
    small = transform(SCENE.gaussians, np.diag([0.001, 0.001, 0.001, 1]))
    stereo = Stereo(Layout.ANAGLYPH)
    here, there = (Shot.of(Scene(g, CAMERA), 60, stereo=stereo) for g in (SCENE.gaussians, small))
    view = View(8, 3, 0.1)
    assert np.abs(here.picture(view).astype(int) - there.picture(view)).mean() < 0.05
