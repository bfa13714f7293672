from __future__ import annotations

import numpy as np
import pytest

from tests.meshes.shapes import box, sphere
from wheatstone.errors import BadOptionError
from wheatstone.meshes.cameras import MAX_SIDE_PX, Camera
from wheatstone.meshes.render import render


def test_azimuth_goes_to_the_right_and_elevation_up() -> None:
    x, y, z = np.eye(3)
    assert Camera.orthographic(0, 0, 8).points_seen(z).round(9).tolist() == [0, 0, 1]
    assert Camera.orthographic(90, 0, 8).points_seen(x).round(9).tolist() == [0, 0, 1]
    assert Camera.orthographic(0, 90, 8).points_seen(y).round(9).tolist() == [0, 0, 1]
    assert Camera.orthographic(0, 90, 8).points_seen(-z).round(9).tolist() == [0, 1, 0]


def test_the_square_around_the_centre_fills_the_picture() -> None:
    camera = Camera.orthographic(0, 0, 50, half_side=2, centre=(1, 1, 0))
    away = np.eye(4)
    away[:2, 3] = 1
    assert render(box((4, 4, 1)).transformed(away), camera).alpha.min() == 1
    assert render(box((4, 4, 1)), camera).alpha.min() == 0


@pytest.mark.parametrize("azimuth", [0, 37, 90, 200])
@pytest.mark.parametrize("size", [(64, 64), (100, 50), (50, 100)])
def test_a_mesh_is_seen_whole_and_large_from_all_around(azimuth: float, size: tuple[int, int]) -> None:
    mesh = box((3, 1, 2))
    alpha = render(mesh, Camera.around(mesh, azimuth, 15, *size)).alpha
    assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) == 0
    assert max(np.ptp(np.flatnonzero(alpha.any(axis=axis))) for axis in (0, 1)) > 0.5 * min(size)


@pytest.mark.parametrize("side_px", [0, MAX_SIDE_PX + 1])
def test_a_picture_of_no_size_is_refused(side_px: int) -> None:
    with pytest.raises(BadOptionError, match="pixels a side"):
        Camera.around(sphere(), 0, 0, 8, side_px)


def test_a_camera_without_zoom_is_refused() -> None:
    with pytest.raises(BadOptionError, match="zoom"):
        Camera.orthographic(0, 0, 8, half_side=float("inf"))
