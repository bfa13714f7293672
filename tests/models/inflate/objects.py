"""Cut-outs drawn for tests."""

from __future__ import annotations

import cv2
import numpy as np

from tests.models.photos import picture, textured
from wheatstone.arrays import U8
from wheatstone.pictures import Picture

SIDE_PX = 240


def cut_out(mask: U8, rgb: U8 | None = None) -> Picture:
    """An object of this outline, 255 inside."""
    surface = textured(mask.shape[0], mask.shape[1], (180, 120, 70), 30) if rgb is None else rgb
    return picture(surface, mask)


def canvas() -> U8:
    return np.zeros((SIDE_PX, SIDE_PX), np.uint8)


def ball(radius_px: int = 80) -> U8:
    mask: U8 = cv2.circle(canvas(), (120, 120), radius_px, 255, -1)
    return mask


def mug() -> U8:
    mask = cv2.circle(canvas(), (165, 120), 42, 255, 14)
    mask = cv2.rectangle(mask, (50, 50), (160, 200), 255, -1)
    return np.asarray(mask, np.uint8)


def figure() -> U8:
    """A body with a head, arms and legs."""
    mask = cv2.circle(canvas(), (120, 40), 24, 255, -1)
    for start, end, width in (
        ((120, 70), (120, 140), 44), ((110, 80), (60, 130), 14), ((130, 80), (180, 130), 14),
        ((110, 140), (100, 225), 20), ((130, 140), (142, 225), 20),
    ):  # fmt: skip
        mask = cv2.line(mask, start, end, 255, width)
    return np.asarray(mask, np.uint8)
