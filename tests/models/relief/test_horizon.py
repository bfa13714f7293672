from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.models.photos import photo, sky_above_ground, textured
from wheatstone.arrays import U8
from wheatstone.models.relief.horizon import HorizonSource, find_horizon

HEIGHT, WIDTH = 240, 320


def corridor(column: float, row: float) -> U8:
    """Lines on floor and ceiling that run to one point."""
    drawing = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    point = np.array([column * WIDTH, row * HEIGHT])
    for degrees in (*range(15, 70, 9), *range(112, 170, 9), *range(195, 250, 9), *range(292, 345, 9)):
        direction = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
        start, stop = (tuple((point + reach * direction).round().astype(int).tolist()) for reach in (25, 400))
        cv2.line(drawing, start, stop, (40, 40, 40), 2, cv2.LINE_AA)
    return drawing


@pytest.mark.parametrize(("column", "row"), [(0.5, 0.5), (0.4, 0.35), (0.65, 0.6)])
def test_the_horizon_lies_where_lines_converge(column: float, row: float) -> None:
    horizon = find_horizon(corridor(column, row), None)
    assert horizon.source is HorizonSource.VANISHING_POINT
    assert horizon.row == pytest.approx(row, abs=0.03)


def test_the_horizon_lies_at_the_lower_end_of_the_sky() -> None:
    cover = np.zeros((HEIGHT, WIDTH), np.float32)
    cover[:140] = 1
    cover[40:140, 100:160] = 0  # a tower
    horizon = find_horizon(sky_above_ground(HEIGHT, WIDTH, 140 / HEIGHT), cover)
    assert horizon.source is HorizonSource.SKY
    assert horizon.row == pytest.approx(140 / HEIGHT, abs=0.01)


def test_lines_that_do_not_agree_are_no_horizon() -> None:
    drawing = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    random = np.random.default_rng(0)
    for _ in range(40):
        start, stop = (tuple(random.integers(0, [WIDTH, HEIGHT]).tolist()) for _ in range(2))
        cv2.line(drawing, start, stop, (40, 40, 40), 1, cv2.LINE_AA)
    assert find_horizon(drawing, None).source is HorizonSource.DEFAULT


def test_a_picture_without_lines_has_the_default_horizon() -> None:
    horizon = find_horizon(textured(HEIGHT, WIDTH, (120, 120, 120)), None)
    assert horizon.source is HorizonSource.DEFAULT
    assert 0 < horizon.row < 0.5


def test_the_same_picture_has_the_same_horizon_twice() -> None:
    cat = photo("chelsea.png")
    assert find_horizon(cat, None) == find_horizon(cat, None)


@pytest.mark.parametrize("shape", [(8, 8), (8, 500), (500, 8)])
def test_tiny_and_thin_pictures_have_a_horizon(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert 0 <= find_horizon(noise, None).row <= 1
    assert 0 <= find_horizon(noise, np.ones(shape, np.float32)).row <= 1
