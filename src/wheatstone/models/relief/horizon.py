"""The horizon: where the ground's disparity falls to that of what stands at its end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from wheatstone.arrays import F32, F64, U8


class HorizonSource(StrEnum):
    """How a horizon was found."""

    VANISHING_POINT = "vanishing-point"
    SKY = "sky"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Horizon:
    """The horizon of a picture.

    Attributes:
        row: its height as a fraction of the picture's height, 0 at the top.
        source: how it was found.
    """

    row: float
    source: HorizonSource


def find_horizon(rgb: U8, sky_cover: F32 | None) -> Horizon:
    """Find the horizon from converging lines, from the lower end of the sky, or assume one.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        sky_cover: (H, W) share of sky in each pixel, None without a sky.
    """
    height = rgb.shape[0]
    if sky_cover is not None:
        sky = sky_cover > 0.5
        columns = sky.any(axis=0)
        lowest = height - 1 - np.argmax(sky[::-1], axis=0)
        # Ground is never seen through the sky: the horizon lies under most of it.
        row = float(np.percentile(lowest[columns], 85)) / height
        return Horizon(float(np.clip(row, 0.2, 1.0)), HorizonSource.SKY)
    point = _vanishing_point(rgb)
    if point is not None:
        return Horizon(float(np.clip(point[1] / height, 0.05, 0.75)), HorizonSource.VANISHING_POINT)
    return Horizon(0.3, HorizonSource.DEFAULT)


def _vanishing_point(rgb: U8) -> F64 | None:
    """The point most line segments run to, in pixels; None unless they agree."""
    height, width = rgb.shape[:2]
    found = cv2.createLineSegmentDetector().detect(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))[0]
    if found is None:
        return None
    segments = np.asarray(found, np.float64).reshape(-1, 4)
    along = segments[:, 2:] - segments[:, :2]
    length = np.hypot(along[:, 0], along[:, 1])
    slope_deg = np.degrees(np.arctan2(np.abs(along[:, 1]), np.abs(along[:, 0])))
    useful = (length > 0.06 * max(height, width)) & (slope_deg > 6) & (slope_deg < 70)
    segments, along, length = segments[useful], along[useful], length[useful]
    if len(segments) < 10:
        return None
    direction = along / length[:, None]
    normal = np.stack([direction[:, 1], -direction[:, 0]], axis=1)
    offset = (normal * segments[:, :2]).sum(axis=1)
    middle = (segments[:, :2] + segments[:, 2:]) / 2
    random = np.random.default_rng(0)
    best, best_support = None, 0.0
    for _ in range(600):
        pair = random.choice(len(segments), 2, replace=False)
        determinant = float(np.linalg.det(normal[pair]))
        if abs(determinant) < 0.1:
            continue
        point = np.linalg.solve(normal[pair], offset[pair])
        if not (-0.5 * width < point[0] < 1.5 * width and -0.1 * height < point[1] < 0.8 * height):
            continue
        to_point = point - middle
        to_point /= np.linalg.norm(to_point, axis=1, keepdims=True) + 1e-6
        aligned = np.abs((to_point * direction).sum(axis=1)) > np.cos(np.radians(3))
        support = float(length[aligned].sum())
        if support > best_support:
            best, best_support = point, support
    return best if best_support > 0.45 * length.sum() else None
