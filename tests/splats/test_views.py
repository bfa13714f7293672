from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.splats.reference import f32, random_gaussians
from wheatstone.arrays import F32
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.render import render
from wheatstone.splats.scene import Scene
from wheatstone.splats.views import frame, median_depth_m


def photo_like(width_px: int, height_px: int, f_px: float) -> Gaussians:
    columns, rows = np.meshgrid(np.arange(width_px) + 0.5, np.arange(height_px) + 0.5)
    depths = np.random.default_rng(0).uniform(1, 4, columns.shape)
    across, down = (columns - width_px / 2) / f_px, (rows - height_px / 2) / f_px
    means = np.stack([across * depths, down * depths, depths], axis=-1).reshape(-1, 3)
    return replace(random_gaussians(len(means), sigma_m=0.02), means=means.astype(np.float32))


def ball(centre: tuple[float, float, float], radius: float) -> Gaussians:
    scene = random_gaussians(500, sigma_m=0.05 * radius)
    directions = np.random.default_rng(0).normal(size=(500, 3))
    means: F32 = f32(centre) + radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return replace(scene, means=means)


def test_a_scene_is_seen_from_its_own_camera() -> None:
    camera = Camera.of_photo(20, 30, 40.0)
    assert frame(Scene(random_gaussians(5), camera)) is camera


def test_a_scene_like_a_photo_is_seen_from_the_origin_with_its_angle_of_view() -> None:
    camera = frame(Scene(photo_like(60, 40, 50.0)))
    assert np.array_equal(camera.world_to_camera, np.eye(4))
    assert camera.width_px / camera.height_px == pytest.approx(1.5, rel=0.05)
    assert camera.fx_px / camera.width_px == pytest.approx(50 / 60, rel=0.05)


@pytest.mark.parametrize("centre", [(0, 0, 0), (5, -3, 1), (0, 0, -20)])
@pytest.mark.parametrize("radius", [0.01, 1.0, 300.0])
def test_any_other_scene_is_seen_whole(centre: tuple[float, float, float], radius: float) -> None:
    scene = ball(centre, radius)
    camera = frame(Scene(scene)).resized(64)
    alpha = render(scene, camera, near_m=0.01 * radius).alpha
    assert alpha[20:44, 20:44].mean() > 0.5
    assert alpha[[0, -1]].max() == alpha[:, [0, -1]].max() == 0


@pytest.mark.parametrize("count", [0, 1])
def test_a_scene_of_almost_nothing_still_has_a_camera(count: int) -> None:
    scene = random_gaussians(count)
    assert (render(scene, frame(Scene(scene)).resized(64)).alpha.max() > 0.1) == (count > 0)


def test_a_long_scene_keeps_a_sensible_aspect() -> None:
    camera = frame(Scene(photo_like(400, 4, 300.0)))
    assert camera.width_px / camera.height_px == pytest.approx(3, rel=0.01)


def test_the_median_depth_is_that_of_what_lies_ahead() -> None:
    scene = replace(random_gaussians(4), means=f32([[0, 0, -9], [0, 0, 1], [0, 0, 2], [0, 0, 7]]))
    assert median_depth_m(scene, Camera.of_photo(4, 4, 4.0)) == 2


def test_the_median_depth_of_nothing_is_one_metre() -> None:
    assert median_depth_m(random_gaussians(0), Camera.of_photo(4, 4, 4.0)) == 1
