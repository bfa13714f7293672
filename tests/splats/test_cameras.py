from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheatstone.arrays import F64
from wheatstone.errors import BadOptionError
from wheatstone.splats.cameras import Camera

PHOTO = Camera.of_photo(640, 480, 500.0)


def position(camera: Camera) -> F64:
    return np.asarray(-camera.world_to_camera[:3, :3].T @ camera.world_to_camera[:3, 3])


def test_the_camera_of_a_photo_looks_along_z_from_the_origin() -> None:
    assert np.array_equal(PHOTO.world_to_camera, np.eye(4))
    assert (PHOTO.cx_px, PHOTO.cy_px) == (320, 240)
    assert PHOTO.fx_px == PHOTO.fy_px == 500


def test_intrinsics_project_to_pixels() -> None:
    u, v, w = PHOTO.intrinsics @ [0.2, -0.1, 2.0]
    assert (u / w, v / w) == pytest.approx((320 + 50, 240 - 25))


@pytest.mark.parametrize("size", [(0, 480), (640, 0), (-1, 5)])
def test_a_camera_without_pixels_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadOptionError, match="pixels"):
        Camera.of_photo(*size, 500.0)


@pytest.mark.parametrize("f_px", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_focal_length_is_refused(f_px: float) -> None:
    with pytest.raises(BadOptionError, match="Focal"):
        Camera.of_photo(640, 480, f_px)


@pytest.mark.parametrize(
    "change",
    [
        {"width_px": 10**400},
        {"fx_px": 1e36},
        {"fy_px": 1e-36},
        {"cx_px": math.nan},
        {"world_to_camera": np.zeros((4, 4))},
        {"world_to_camera": np.diag([2.0, 2, 2, 1])},
        {"world_to_camera": np.diag([1.0, 1, 1, 2])},
        {"world_to_camera": np.full((4, 4), np.nan)},
        {"world_to_camera": np.full((4, 4), 1e300)},
        {"world_to_camera": np.eye(3)},
    ],
)
def test_a_camera_nothing_can_be_seen_with_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadOptionError, match="camera"):
        replace(PHOTO, **change)


@given(width=st.integers(1, 5000), height=st.integers(1, 5000), long_side=st.integers(1, 5000))
def test_resizing_keeps_the_view(width: int, height: int, long_side: int) -> None:
    camera = Camera(width, height, 321.0, 123.0, width * 0.3, height * 0.9)
    resized = camera.resized(long_side)
    assert max(resized.width_px, resized.height_px) == long_side
    assert resized.width_px / resized.fx_px == pytest.approx(width / camera.fx_px)
    assert resized.height_px / resized.fy_px == pytest.approx(height / camera.fy_px)
    assert resized.cx_px / resized.width_px == pytest.approx(0.3)
    assert resized.cy_px / resized.height_px == pytest.approx(0.9)


def test_positive_yaw_moves_the_camera_to_the_right() -> None:
    assert position(PHOTO.orbited(10, 0, 2.0))[0] > 0.1


def test_positive_pitch_moves_the_camera_up() -> None:
    assert position(PHOTO.orbited(0, 10, 2.0))[1] < -0.1


@given(yaw=st.floats(-180, 180), pitch=st.floats(-90, 90), pivot_m=st.floats(0.1, 50))
def test_an_orbit_keeps_the_pivot_in_sight(yaw: float, pitch: float, pivot_m: float) -> None:
    orbited = PHOTO.orbited(yaw, pitch, pivot_m)
    assert orbited.points_seen(np.array([[0, 0, pivot_m]])) == pytest.approx(np.array([[0, 0, pivot_m]]), abs=1e-9)
    assert np.linalg.norm(position(orbited) - [0, 0, pivot_m]) == pytest.approx(pivot_m)


def test_points_are_seen_from_where_the_camera_stands() -> None:
    behind = PHOTO.orbited(180, 0, 2.0)
    assert behind.points_seen(np.array([[1.0, 0.5, 0]])) == pytest.approx(np.array([[-1, 0.5, 4]]))


@given(width=st.integers(1, 5000), height=st.integers(1, 5000), long_side=st.integers(2, 5000))
def test_sides_can_be_made_even(width: int, height: int, long_side: int) -> None:
    resized = Camera.of_photo(width, height, 100.0).resized(long_side, multiple_px=2)
    assert resized.width_px % 2 == resized.height_px % 2 == 0
    assert abs(max(resized.width_px, resized.height_px) - long_side) <= 1
    assert resized.cx_px == pytest.approx(resized.width_px / 2)


def test_a_moved_camera_steps_along_its_own_axes() -> None:
    side = PHOTO.orbited(90, 0, 2.0)  # 2 m to the right of the pivot, looking to the left
    assert position(side.moved(ahead_m=0.5)) - position(side) == pytest.approx([-0.5, 0, 0])
    assert position(side.moved(right_m=0.5)) - position(side) == pytest.approx([0, 0, 0.5])
    assert position(side.moved(down_m=0.5)) - position(side) == pytest.approx([0, 0.5, 0])


def pixel_of(camera: Camera, point: tuple[float, float, float]) -> F64:
    u, v, w = camera.intrinsics @ camera.points_seen(np.array([point]))[0]
    return np.array([u / w, v / w])


@given(x=st.floats(-2, 2), y=st.floats(-2, 2), right_m=st.floats(-0.5, 0.5), convergence_m=st.floats(0.1, 50))
def test_an_eye_sees_the_plane_of_convergence_in_place(
    x: float, y: float, right_m: float, convergence_m: float
) -> None:
    point = (x * convergence_m, y * convergence_m, convergence_m)
    seen = pixel_of(PHOTO.eye(right_m, convergence_m), point)
    assert seen == pytest.approx(pixel_of(PHOTO, point), abs=1e-6)


def test_eyes_look_the_same_way() -> None:
    eye = PHOTO.eye(0.1, 2.0)
    assert np.array_equal(eye.world_to_camera[:3, :3], PHOTO.world_to_camera[:3, :3])
    assert position(eye) == pytest.approx([0.1, 0, 0])


def test_what_is_near_moves_right_for_the_left_eye() -> None:
    left, right = PHOTO.eye(-0.05, 2.0), PHOTO.eye(0.05, 2.0)
    assert pixel_of(left, (0, 0, 1))[0] > pixel_of(right, (0, 0, 1))[0]
    assert pixel_of(left, (0, 0, 9))[0] < pixel_of(right, (0, 0, 9))[0]
