"""The opening of a cup, bowl or plate seen from above: an ellipse inside the outline, which is then hollow.

Inflation alone makes a pebble of such an object. The rim of an opening is a circle in space and an ellipse in the
picture, mostly level, with an edge nearly all around.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from wheatstone.arrays import F32, F64, U8, AnyArray, Mask
from wheatstone.pictures.filters import gaussian

_LEAST_SHARE, _MOST_SHARE = 0.06, 0.92
"""Area of an opening as a share of the object's."""
_SUPPORT = 0.72
"""Least share of a rim that shows an edge along it."""
_MOST_AT_OUTLINE = 0.7
"""Largest share of a rim that may be the outline itself: a ball has one, too."""
_NEAR_PX = 4.0
_FLATTEST, _TILT_DEG = 0.18, 16.0
_SEEN_FROM_ABOVE = 0.975
"""An opening of this height, as a share of its width, may be seen from straight above."""
_SAMPLES = 240
_DISH_SHARE, _DISH_OFF = 0.25, 0.08


@dataclass(frozen=True, slots=True)
class Opening:
    """An ellipse in the plan.

    Attributes:
        x: of the centre, in plan pixels; so are all lengths.
        y: of the centre.
        semi_x: half of its width.
        semi_y: half of its height.
        angle: in radians, of the first axis against the rows, clockwise.
        share: area as a share of the object's.
    """

    x: float
    y: float
    semi_x: float
    semi_y: float
    angle: float
    share: float

    @property
    def is_slanted(self) -> bool:
        """Whether one looks at it from the side, too."""
        return self.semi_y < _SEEN_FROM_ABOVE * self.semi_x

    def points(self, count: int = _SAMPLES) -> tuple[F64, F64, F64]:
        """Points along the rim, x and y, and the directions in which it faces, in radians."""
        turn = np.linspace(0, 2 * math.pi, count, endpoint=False)
        u, v = self.semi_x * np.cos(turn), self.semi_y * np.sin(turn)
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        facing = np.arctan2(np.sin(turn) / self.semi_y, np.cos(turn) / self.semi_x) + self.angle
        return self.x + u * cos - v * sin, self.y + u * sin + v * cos, facing

    def radius(self, shape: tuple[int, int]) -> F32:
        """(H, W) 0 in the middle, 1 at the rim."""
        rows, columns = np.mgrid[: shape[0], : shape[1]]
        x, y = columns - self.x, rows - self.y
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.asarray(
            np.hypot((x * cos + y * sin) / self.semi_x, (y * cos - x * sin) / self.semi_y), np.float32
        )


def find_opening(rgb: U8, inside: Mask) -> Opening | None:
    """The largest well-supported opening of an object, if it has one.

    Args:
        rgb: (N, N, 3) colours of the object, continued outside.
        inside: (N, N) the object.
    """
    grey = gaussian(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), 1.5)
    edges = cv2.Canny(np.clip(grey, 0, 255).astype(np.uint8), 20, 50)
    outline_distance = cv2.distanceTransform(
        1 - cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)),
        cv2.DIST_L2, cv2.DIST_MASK_5,
    )  # fmt: skip
    edges[~inside] = 0
    along = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    inner_edges = (edges > 0).astype(np.uint8)
    # The upper half of a cup's rim may be the outline: that counts as an edge as well.
    inner_edges[outline_distance < 1.5] = 1
    edge_distance = cv2.distanceTransform(1 - inner_edges, cv2.DIST_L2, cv2.DIST_MASK_5)
    facing = np.arctan2(cv2.Sobel(grey, cv2.CV_32F, 0, 1), cv2.Sobel(grey, cv2.CV_32F, 1, 0))
    best: Opening | None = None
    best_score = 0.0
    for contour in along:
        if len(contour) < 50:
            continue
        opening = _fitted(contour, float(inside.sum()))
        if opening is None:
            continue
        score = _score(opening, inside, edge_distance, outline_distance, facing)
        if score > best_score:
            best, best_score = opening, score
    return best


def _fitted(contour: AnyArray, area: float) -> Opening | None:
    """The ellipse along an edge, if it may be an opening."""
    (x, y), (width, height), angle_deg = cv2.fitEllipseDirect(contour)
    if not (math.isfinite(width) and math.isfinite(height) and min(width, height) > 4):
        return None
    if abs((angle_deg + 45) % 180 - 45) > 45:
        width, height, angle_deg = height, width, angle_deg - 90
    angle_deg = (angle_deg + 90) % 180 - 90
    share = math.pi / 4 * width * height / area
    is_round = min(width, height) / max(width, height) > 0.85
    is_level = width > height and abs(angle_deg) < _TILT_DEG
    if not (_LEAST_SHARE < share < _MOST_SHARE and height / width > _FLATTEST and (is_round or is_level)):
        return None
    return Opening(x, y, width / 2, height / 2, math.radians(angle_deg), share)


def _score(opening: Opening, inside: Mask, edge_distance: F32, outline_distance: F32, facing: F32) -> float:
    """How well the picture supports an opening; 0 if not well enough."""
    x, y, direction = opening.points()
    columns, rows = np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)
    height, width = inside.shape
    if columns.min() < 0 or rows.min() < 0 or columns.max() >= width or rows.max() >= height:
        return 0.0
    at_outline = outline_distance[rows, columns] < _NEAR_PX
    if not (inside[rows, columns] | at_outline).all() or at_outline.mean() > _MOST_AT_OUTLINE:
        return 0.0
    along = np.abs(np.cos(facing[rows, columns] - direction)) > math.cos(math.radians(35))
    support = float(((edge_distance[rows, columns] < _NEAR_PX) & (along | at_outline)).mean())
    return support * math.sqrt(opening.share) if support > _SUPPORT else 0.0


def is_dish(opening: Opening, inside: Mask) -> bool:
    """Whether an opening is so wide and so much in the middle that the object is a plate or shallow dish."""
    rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    off_x = abs(opening.x - (columns[0] + columns[-1]) / 2) / (np.ptp(columns) + 1)
    off_y = abs(opening.y - (rows[0] + rows[-1]) / 2) / (np.ptp(rows) + 1)
    return opening.share > _DISH_SHARE and bool(max(off_x, off_y) < _DISH_OFF)


def carve(height: F32, opening: Opening, inside: Mask) -> F32:
    """Hollow out an opening.

    Args:
        height: (N, N) of the front, in halves of the plan's side.
        opening: where.
        inside: (N, N) the object.

    Returns:
        (N, N) the new height: within the rim a bowl that hangs from the rim, never higher than before.
    """
    half = len(inside) / 2
    x, y, _ = opening.points()
    rim = height[np.rint(y).astype(np.int64), np.rint(x).astype(np.int64)]
    # A rim lies in a plane.
    system = np.stack([x - opening.x, y - opening.y, np.ones_like(x)], axis=1)
    slope_x, slope_y, level = np.linalg.lstsq(system, rim, rcond=None)[0]
    rows, columns = np.mgrid[: len(inside), : len(inside)]
    plane = level + slope_x * (columns - opening.x) + slope_y * (rows - opening.y)
    below_px = float(np.nonzero(inside.any(axis=1))[0][-1]) - (opening.y + opening.semi_y)
    depth = 0.25 * opening.semi_y / half + 0.6 * max(below_px, 0.0) / half
    radius = opening.radius(inside.shape)
    bowl = plane - min(depth, 1.1 * opening.semi_x / half) * np.clip(1 - radius**2.5, 0, 1)
    carved = np.minimum(height, bowl)
    inner = np.clip((1.02 - radius) / 0.1, 0, 1)
    return np.asarray(height + inner * (carved - height), np.float32)
