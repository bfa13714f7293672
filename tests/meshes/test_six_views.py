from __future__ import annotations

import numpy as np
import pytest

from tests.meshes.shapes import SIDES, box, sphere
from wheatstone.arrays import U8
from wheatstone.meshes.six_views import VIEWS, six_views

SIDE_OF_VIEW = {"left": 1, "bottom": 3, "back": 5, "right": 0, "top": 2, "front": 4}


def view(strip: U8, name: str) -> U8:
    return np.split(strip, 6, axis=1)[list(VIEWS).index(name)]


def test_strips_hold_six_views_in_the_order_of_crm() -> None:
    assert list(VIEWS) == ["left", "bottom", "back", "right", "top", "front"]
    views = six_views(sphere())
    assert views.pixels.shape == views.coordinates.shape == (256, 1536, 3)


@pytest.mark.parametrize("name", list(VIEWS))
def test_each_view_shows_its_side_unshaded(name: str) -> None:
    centre = view(six_views(box()).pixels, name)[128, 128]
    assert centre.tolist() == SIDES[SIDE_OF_VIEW[name]].tolist()


def test_the_background_is_grey_in_both() -> None:
    views = six_views(sphere())
    assert set(views.pixels[0].ravel().tolist()) == set(views.coordinates[0].ravel().tolist()) == {127}


def test_any_size_and_place_is_seen_alike() -> None:
    away = np.diag([40.0, 40, 40, 1])
    away[:3, 3] = 3, -50, 8
    first, second = six_views(box(), 64), six_views(box().transformed(away), 64)
    assert np.abs(first.pixels.astype(int) - second.pixels).max() <= 1
    assert np.abs(first.coordinates.astype(int) - second.coordinates).max() <= 1


def test_the_object_fills_nine_tenths_of_a_view() -> None:
    front = view(six_views(box((1, 0.5, 0.5))).pixels, "front")
    columns = np.flatnonzero((front != 127).any(axis=(0, 2)))
    assert (columns[-1] - columns[0] + 1) / 256 == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(
    ("name", "centre", "to_the_right", "upwards"),
    [
        ("front", (0, -1, 0), (1, 0, 0), (0, 0, 1)),
        ("back", (0, 1, 0), (-1, 0, 0), (0, 0, 1)),
        ("right", (1, 0, 0), (0, 1, 0), (0, 0, 1)),
        ("left", (-1, 0, 0), (0, -1, 0), (0, 0, 1)),
        ("top", (0, 0, 1), (1, 0, 0), (0, 1, 0)),
        ("bottom", (0, 0, -1), (1, 0, 0), (0, -1, 0)),
    ],
)
def test_coordinates_are_right_away_and_up(
    name: str, centre: tuple[int, int, int], to_the_right: tuple[int, int, int], upwards: tuple[int, int, int]
) -> None:
    """Of a cube: at the middle of each side, and how they change to the right and upwards."""
    colors = view(six_views(box()).coordinates, name).astype(float) / 127.5 - 1
    np.testing.assert_allclose(colors[128, 128], np.array(centre) * 0.9, atol=0.01)
    np.testing.assert_allclose(colors[128, 192] - colors[128, 64], to_the_right, atol=0.01)
    np.testing.assert_allclose(colors[64, 128] - colors[192, 128], upwards, atol=0.01)


def test_views_repeat() -> None:
    first, second = six_views(sphere(), 64), six_views(sphere(), 64)
    assert np.array_equal(first.coordinates, second.coordinates)
