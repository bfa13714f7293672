"""The plan: an object's silhouette in a square that it nearly fills, and where the picture's border cut it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wheatstone.arrays import F32, Mask
from wheatstone.errors import BadPictureError
from wheatstone.pictures.filters import gaussian

PLAN_PX = 512
"""Side of the plan."""
_FILL = 0.9
"""The object's longer side as a share of the plan's."""
_LEAST_PIECE = 0.03
"""Pieces below this share of the largest are dropped."""
_LARGEST_DROPPED_HOLE = 0.003
"""Holes below this share of the plan are filled."""
_LEAST_SIDE_PX = 4
"""An object smaller than this in the picture has no shape to speak of."""


@dataclass(frozen=True, slots=True, eq=False)
class Silhouette:
    """An object's outline.

    Attributes:
        inside: (PLAN_PX, PLAN_PX) the object, continued straight on beyond the window where it is cut.
        window: left, top, right, bottom of what the picture shows, in plan pixels; a side at which the object
            is whole lies at the plan's border.
        centre: x and y of the plan's centre, as shares of the picture's width and height.
        side_px: the plan's side in pixels of a picture whose longer side has one pixel.
    """

    inside: Mask
    window: tuple[int, int, int, int]
    centre: tuple[float, float]
    side: float

    @property
    def shown(self) -> Mask:
        """(PLAN_PX, PLAN_PX) what of the object the picture shows."""
        left, top, right, bottom = self.window
        shown = np.zeros_like(self.inside)
        shown[top:bottom, left:right] = self.inside[top:bottom, left:right]
        return shown


def find_silhouette(alpha: F32, name: str) -> Silhouette:
    """The outline of what the matte shows.

    Args:
        alpha: (H, W) share of the object in each pixel.
        name: of the picture, for messages.

    Raises:
        BadPictureError: no object, or only a speck.
    """
    solid = _pieces((alpha > 0.5).astype(np.uint8))
    rows, columns = np.nonzero(solid.any(axis=1))[0], np.nonzero(solid.any(axis=0))[0]
    if len(rows) == 0:
        raise BadPictureError(
            f"{name} shows no object that stands out from its background: crop the photo to the object, take it "
            "before a plain background, or cut it out (a PNG with transparency)."
        )
    height, width = alpha.shape
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    longer = max(bottom - top, right - left)
    if longer < _LEAST_SIDE_PX:
        raise BadPictureError(f"{name} shows an object of only {longer} pixels: crop the photo to it.")
    side_px = longer / _FILL
    centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
    # Each plan pixel looks up the matte; beyond the picture it finds what stands at the border.
    factor = PLAN_PX / side_px
    blurred = (
        gaussian(np.where(solid, alpha, 0), max(0.3, 0.5 / factor)) if factor < 1 else np.where(solid, alpha, 0)
    )
    to_plan = np.array(
        [
            [factor, 0, PLAN_PX / 2 - 0.5 - factor * (centre_x - 0.5)],
            [0, factor, PLAN_PX / 2 - 0.5 - factor * (centre_y - 0.5)],
        ]
    )
    plan = cv2.warpAffine(
        blurred.astype(np.float32), to_plan, (PLAN_PX, PLAN_PX), flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    inside = gaussian(plan, PLAN_PX / 200) > 0.5
    if not inside.any():  # thinner than the blur
        inside = plan > min(0.5, float(plan.max()) / 2)
    inside = _without_specks(inside)

    def cut(position_px: float, centre_px: float) -> int:
        return round(PLAN_PX / 2 + factor * (position_px - centre_px))

    first, upper = cut(0, centre_x) if left == 0 else 0, cut(0, centre_y) if top == 0 else 0
    last = max(first + 1, cut(width, centre_x)) if right == width else PLAN_PX
    lower = max(upper + 1, cut(height, centre_y)) if bottom == height else PLAN_PX
    return Silhouette(
        inside, (first, upper, last, lower), (centre_x / width, centre_y / height), side_px / max(height, width)
    )


def _pieces(solid: Mask) -> Mask:
    """All pieces but crumbs."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid.astype(np.uint8))
    if count == 1:
        return np.zeros(solid.shape, np.bool_)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept: Mask = (areas >= _LEAST_PIECE * areas.max())[labels]
    return kept


def _without_specks(inside: Mask) -> Mask:
    """No crumbs and no pinholes."""
    inside = _pieces(inside)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~inside).astype(np.uint8), connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < _LARGEST_DROPPED_HOLE * inside.size
    small[0] = False
    filled: Mask = inside | small[labels]
    return filled
