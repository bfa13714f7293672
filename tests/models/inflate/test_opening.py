from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.models.photos import textured
from wheatstone.arrays import U8, Mask
from wheatstone.models.inflate.body import raise_heights
from wheatstone.models.inflate.opening import find_opening
from wheatstone.models.inflate.silhouette import PLAN_PX, find_silhouette

MIDDLE = PLAN_PX // 2


def plan(colour: tuple[int, int, int] = (235, 235, 238)) -> U8:
    return np.full((PLAN_PX, PLAN_PX, 3), colour, np.uint8)


def within(mask: U8) -> Mask:
    inside: Mask = mask > 0
    return inside


def plate() -> tuple[U8, Mask]:
    """From above at a slant: a rim around a well."""
    rgb = cv2.ellipse(plan(), (MIDDLE, MIDDLE), (160, 105), 0, 0, 360, (200, 200, 206), -1)
    rgb = cv2.GaussianBlur(rgb, (0, 0), 1.5)
    mask = cv2.ellipse(np.zeros((PLAN_PX, PLAN_PX), np.uint8), (MIDDLE, MIDDLE), (230, 160), 0, 0, 360, 255, -1)
    return np.asarray(rgb, np.uint8), within(np.asarray(mask, np.uint8))


def cup() -> tuple[U8, Mask]:
    """From above at a slant: the far half of the rim is outline, the near half is not."""
    mask = np.zeros((PLAN_PX, PLAN_PX), np.uint8)
    mask = cv2.ellipse(mask, (MIDDLE, 150), (180, 70), 0, 0, 360, 255, -1)
    mask = cv2.fillPoly(mask, [np.array([[76, 150], [436, 150], [360, 470], [152, 470]], np.int32)], 255)
    rgb = cv2.ellipse(plan((190, 80, 60)), (MIDDLE, 150), (176, 66), 0, 0, 360, (70, 40, 30), -1)
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), 1.5), np.uint8), within(np.asarray(mask, np.uint8))


@pytest.mark.parametrize("drawn", [plate(), cup()], ids=["plate", "cup"])
def test_an_opening_is_found_and_hollow(drawn: tuple[U8, Mask]) -> None:
    rgb, inside = drawn
    opening = find_opening(rgb, inside)
    assert opening is not None
    heights = raise_heights(find_silhouette(inside.astype(np.float32), "it.png"), rgb)
    row, column = round(opening.y), round(opening.x)
    rim = heights.front[row, [round(opening.x - opening.semi_x), round(opening.x + opening.semi_x)]].mean()
    assert heights.front[row, column] < rim - 0.03
    assert heights.front[row, column] < heights.smooth[row, column] - 0.1
    assert (heights.front - heights.back)[row, column] > 0.03


def test_an_opening_is_found_where_it_is() -> None:
    opening = find_opening(*cup())
    assert opening is not None
    assert (opening.x, opening.y) == pytest.approx((MIDDLE, 150), abs=6)
    assert (opening.semi_x, opening.semi_y) == pytest.approx((177, 67), abs=8)


def shaded_ball() -> U8:
    rows, columns = (np.mgrid[:PLAN_PX, :PLAN_PX] - MIDDLE) / 230
    light = 0.4 + 0.6 * np.clip(0.7 * np.sqrt(np.maximum(1 - rows**2 - columns**2, 0)) - 0.5 * rows, 0, 1)
    ball: U8 = (np.array([200, 90, 50]) * light[..., None]).astype(np.uint8)
    return ball


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
