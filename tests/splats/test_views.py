from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.splats.reference import f32, random_gaussians
from wheatstone.arrays import F32
from wheatstone.errors import BadOptionError
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.render import render
from wheatstone.splats.scene import Scene
from wheatstone.splats.views import View, depths, frame, photo_camera


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
    assert depths(scene, Camera.of_photo(4, 4, 4.0)).median_m == 2


def test_the_median_depth_of_nothing_is_one_metre() -> None:
    assert depths(random_gaussians(0), Camera.of_photo(4, 4, 4.0)).median_m == 1


def at_depths(*depths_m: float) -> Gaussians:
    return replace(random_gaussians(len(depths_m)), means=f32([[0, 0, depth_m] for depth_m in depths_m]))


def test_near_and_far_leave_out_five_percent_at_each_end() -> None:
    measured = depths(at_depths(-3, *range(1, 102)), Camera.of_photo(4, 4, 4.0))
    assert (measured.near_m, measured.median_m, measured.far_m) == pytest.approx((6, 51, 96))


def test_what_is_infinitely_far_does_not_count() -> None:
    with np.errstate(invalid="ignore"):
        assert depths(at_depths(2, 2, math.inf), Camera.of_photo(4, 4, 4.0)).far_m == 2


def test_turned_about_the_balanced_depth_near_and_far_move_equally_far_opposite_ways() -> None:
    camera = Camera.of_photo(100, 100, 100.0)
    around = depths(at_depths(1.0, 5.0), camera)
    turned = View(yaw_deg=0.01).of(camera, around.balanced_m)
    near, far = turned.points_seen(np.array([[0, 0, around.near_m], [0, 0, around.far_m]]))
    assert near[0] / near[2] == pytest.approx(-far[0] / far[2], rel=1e-3)


def test_scenes_from_photos_are_told_from_others() -> None:
    own = Camera.of_photo(20, 30, 40.0)
    assert photo_camera(Scene(ball((0, 0, 0), 1), own)) is own
    assert photo_camera(Scene(photo_like(60, 40, 50.0))) is not None
    assert photo_camera(Scene(ball((0, 0, 0), 1))) is None


def test_a_view_without_angles_is_the_camera_itself() -> None:
    camera = Camera.of_photo(40, 30, 40.0).orbited(5, 6, 7)
    assert View().of(camera, 3.0).world_to_camera == pytest.approx(camera.world_to_camera)


@given(yaw=st.floats(-180, 180), pitch=st.floats(-90, 90), dolly=st.floats(-2, 0.99))
def test_every_view_looks_at_the_pivot(yaw: float, pitch: float, dolly: float) -> None:
    seen = View(yaw, pitch, dolly).of(Camera.of_photo(40, 30, 40.0), 2.0).points_seen(np.array([[0, 0, 2.0]]))
    assert seen == pytest.approx(np.array([[0, 0, 2.0 * (1 - dolly)]]), abs=1e-9)


def test_the_pitch_of_a_view_is_above_the_horizon_whatever_its_yaw() -> None:
    camera = Camera.of_photo(40, 30, 40.0)
    heights = []
    for yaw_deg in (0, 90, 180, 270):
        to_camera = View(yaw_deg, 30).of(camera, 2.0).world_to_camera
        heights.append(float((to_camera[:3, :3].T @ to_camera[:3, 3])[1]))
    assert heights == pytest.approx([1.0] * 4)


@pytest.mark.parametrize("values", [(math.nan, 0, 0), (0, math.inf, 0), (0, 0, 1), (0, 0, math.nan), (0, 0, 3)])
def test_a_view_from_nowhere_is_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(BadOptionError):
        View(*values)
