from __future__ import annotations

import math

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
