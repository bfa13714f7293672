from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.models.inflate.crockery import MIDDLE, cup, plan, plate, shaded_ball, within
from tests.models.photos import textured
from wheatstone.arrays import U8, Mask
from wheatstone.models.inflate.heights import raise_heights
from wheatstone.models.inflate.opening import find_opening
from wheatstone.models.inflate.silhouette import PLAN_PX, find_silhouette


@pytest.mark.parametrize("drawn", [plate(), cup()], ids=["plate", "cup"])
def test_an_opening_is_found_and_hollow(drawn: tuple[U8, Mask]) -> None:
    rgb, inside = drawn
    opening = find_opening(rgb, inside)
    assert opening is not None
    heights = raise_heights(find_silhouette(inside.astype(np.float32), "it.png"), rgb)
    row, column = round(opening.y), round(opening.x)
    rim = heights.front[row, [round(opening.x - opening.semi_x), round(opening.x + opening.semi_x)]].mean()
    assert heights.front[row, column] < rim - 0.03
    assert (heights.front - heights.back)[row, column] > 0.03


def test_an_opening_is_found_where_it_is() -> None:
    opening = find_opening(*cup())
    assert opening is not None
    assert (opening.x, opening.y) == pytest.approx((MIDDLE, 100), abs=6)
    assert (opening.semi_x, opening.semi_y) == pytest.approx((197, 71), abs=8)


@pytest.mark.parametrize(
    "rgb",
    [plan(), shaded_ball(), textured(PLAN_PX, PLAN_PX, (150, 110, 70), 40)],
    ids=["plain", "shaded", "textured"],
)
def test_a_ball_has_no_opening(rgb: U8) -> None:
    mask = cv2.circle(np.zeros((PLAN_PX, PLAN_PX), np.uint8), (MIDDLE, MIDDLE), 230, 255, -1)
    assert find_opening(rgb, within(np.asarray(mask, np.uint8))) is None


def test_eyes_are_no_openings() -> None:
    rgb = plan((190, 150, 110))
    for x in (200, 310):
        rgb = np.asarray(cv2.circle(rgb, (x, 220), 24, (40, 90, 40), -1), np.uint8)
    mask = cv2.circle(np.zeros((PLAN_PX, PLAN_PX), np.uint8), (MIDDLE, MIDDLE), 230, 255, -1)
    assert find_opening(rgb, within(np.asarray(mask, np.uint8))) is None
