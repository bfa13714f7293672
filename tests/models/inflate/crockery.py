"""Things that turn around an axis, drawn on the plan: colours and where they are."""

from __future__ import annotations

import cv2
import numpy as np

from wheatstone.arrays import F64, U8, Mask
from wheatstone.models.inflate.silhouette import PLAN_PX

MIDDLE = PLAN_PX // 2
RADIUS = 230


def plan(colour: tuple[int, int, int] = (235, 235, 238)) -> U8:
    return np.full((PLAN_PX, PLAN_PX, 3), colour, np.uint8)


def within(mask: U8) -> Mask:
    inside: Mask = mask > 0
    return inside


def empty() -> U8:
    return np.zeros((PLAN_PX, PLAN_PX), np.uint8)


def soft(rgb: np.ndarray) -> U8:
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), 1.5), np.uint8)


def plate() -> tuple[U8, Mask]:
    """From above at a slant: a rim around a well."""
    rgb = cv2.ellipse(plan(), (MIDDLE, MIDDLE), (160, 105), 0, 0, 360, (200, 200, 206), -1)
    mask = cv2.ellipse(empty(), (MIDDLE, MIDDLE), (230, 160), 0, 0, 360, 255, -1)
    return soft(rgb), within(np.asarray(mask, np.uint8))


def cup() -> tuple[U8, Mask]:
    """From above at a slant: the far half of the rim is outline, the near half is not."""
    mask = cv2.ellipse(empty(), (MIDDLE, 100), (200, 74), 0, 0, 360, 255, -1)
    mask = cv2.fillPoly(mask, [np.array([[56, 100], [456, 100], [370, 486], [142, 486]], np.int32)], 255)
    rgb = cv2.ellipse(plan((190, 80, 60)), (MIDDLE, 100), (196, 70), 0, 0, 360, (70, 40, 30), -1)
    return soft(rgb), within(np.asarray(mask, np.uint8))


def cup_on_saucer() -> tuple[U8, Mask]:
    mask = cv2.ellipse(empty(), (MIDDLE, 290), (230, 140), 0, 0, 360, 255, -1)
    mask = cv2.ellipse(mask, (MIDDLE, 150), (105, 64), 0, 0, 360, 255, -1)
    rgb = cv2.fillPoly(
        plan((200, 60, 50)), [np.array([[151, 150], [361, 150], [320, 320], [192, 320]], np.int32)], (60, 90, 160)
    )
    rgb = cv2.ellipse(rgb, (MIDDLE, 150), (101, 60), 0, 0, 360, (70, 40, 30), -1)
    return soft(rgb), within(np.asarray(mask, np.uint8))


def disc() -> Mask:
    return within(np.asarray(cv2.circle(empty(), (MIDDLE, MIDDLE), RADIUS, 255, -1), np.uint8))


def light() -> F64:
    """(PLAN_PX, PLAN_PX, 1) as it falls on a ball from above."""
    rows, columns = (np.mgrid[:PLAN_PX, :PLAN_PX] - MIDDLE) / RADIUS
    towards = np.sqrt(np.maximum(1 - rows**2 - columns**2, 0))
    return np.asarray((0.4 + 0.6 * np.clip(0.7 * towards - 0.5 * rows, 0, 1))[..., None])


def shaded_ball(rgb: U8 | None = None) -> U8:
    ball: U8 = ((plan((200, 90, 50)) if rgb is None else rgb) * light()).astype(np.uint8)
    return ball


def spotted_ball() -> U8:
    """With a circle painted on it."""
    rgb = cv2.circle(plan((230, 120, 40)), (MIDDLE + 40, MIDDLE - 20), 100, (30, 30, 120), -1)
    return shaded_ball(soft(rgb))


def bottle() -> Mask:
    mask = cv2.rectangle(empty(), (MIDDLE - 80, 220), (MIDDLE + 80, 480), 255, -1)
    mask = cv2.fillPoly(mask, [np.array([[176, 220], [336, 220], [281, 130], [231, 130]], np.int32)], 255)
    return within(np.asarray(cv2.rectangle(mask, (231, 30), (281, 130), 255, -1), np.uint8))
