"""Which outlines are bodies of revolution: cups, bowls, plates, saucers, bottles, vases, balls."""

from __future__ import annotations

import math

import cv2
import numpy as np
from scipy import ndimage

from wheatstone.arrays import F64, U8, Mask
from wheatstone.models.inflate.opening import Opening, find_opening, is_dish
from wheatstone.models.inflate.silhouette import PLAN_PX, Silhouette
from wheatstone.models.inflate.solids import Axis, Dish, Vessel

_HALF = PLAN_PX / 2
_MIRRORED, _WITH_HANDLE = 0.965, 0.7
"""Share of an outline's area that must be mirrored at its axis; if the rest has a hole, like a handle."""
_RECTANGULAR = 0.93
"""Outlines that fill their box so well are boxes and books rather than cans."""
_ROUND = 0.035
"""An outline that is nowhere so far from a circle, in radii, is one."""
_LIT_SIDEWAYS, _LIT_AHEAD = 0.22, 0.6
"""Fall of the light across a circle and towards its border, as shares of its mean, from which it is a ball."""
_SAUCER = 1.25
"""A saucer is so much wider than the rim of its cup, at least."""
_HIGHEST_DEG = 78.0
_FOOT = 0.62
"""Radius of a cup's foot as a share of its rim's, where a saucer hides it."""


def find_solids(silhouette: Silhouette, rgb: U8) -> tuple[Vessel | Dish, ...]:
    """What turns around an upright axis, from above to below; the rest of the outline is something else.

    Args:
        silhouette: the outline.
        rgb: (PLAN_PX, PLAN_PX, 3) colours of the object, continued outside.
    """
    inside = silhouette.inside
    if silhouette.window != (0, 0, PLAN_PX, PLAN_PX):
        return ()
    rim = _fitted_rim(inside)
    opening = None if _is_ball(inside, rgb) else find_opening(rgb, inside)
    if rim is not None and opening is not None and is_dish(opening, inside):
        axis = Axis(_x(rim.x), _y(rim.y), 0.0, _elevation(rim))
        return (Dish(axis, rim.semi_x / _HALF),)
    if opening is not None and opening.is_slanted:
        if rim is not None and rim.semi_x > _SAUCER * opening.semi_x and rim.y > opening.y:
            return _on_saucer(opening, rim)
        vessel = _vessel(inside, opening)
        return () if vessel is None else (vessel,)
    upright = _upright(inside, rgb)
    return () if upright is None else (upright,)


def _x(column: float) -> float:
    return (column + 0.5) / _HALF - 1


def _y(row: float) -> float:
    return 1 - (row + 0.5) / _HALF


def _elevation(rim: Opening) -> float:
    return min(math.asin(min(rim.semi_y / rim.semi_x, 1.0)), math.radians(_HIGHEST_DEG))


def _fitted_rim(inside: Mask) -> Opening | None:
    """The level ellipse that the lower part of the outline follows, if it does and is as wide as the outline."""
    contours, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = max(contours, key=len)[:, 0].astype(np.float32)
    left, right = points[:, 0].min(), points[:, 0].max()
    widest = float(points[(points[:, 0] < left + 3) | (points[:, 0] > right - 3), 1].mean())
    lower = points[points[:, 1] > widest]
    if len(lower) < 50:
        return None
    (x, y), (width, height), angle_deg = cv2.fitEllipseDirect(lower)
    if not all(math.isfinite(value) for value in (x, y, width, height)) or min(width, height) < 8:
        return None
    if abs((angle_deg + 45) % 180 - 45) > 45:
        width, height, angle_deg = height, width, angle_deg - 90
    angle_deg = (angle_deg + 90) % 180 - 90
    rim = Opening(x, y, width / 2, height / 2, 0.0, math.pi / 4 * width * height / float(inside.sum()))
    off = np.abs(np.hypot((lower[:, 0] - x) / rim.semi_x, (lower[:, 1] - y) / rim.semi_y) - 1)
    is_level = abs(angle_deg) < 8 or height / width > 0.93
    is_whole = abs(width - (right - left)) < 0.04 * width and abs(y - widest) < 0.15 * width
    # Its far half is seen or hidden, but nothing of it is missing.
    is_covered = float(inside[rim.radius(inside.shape) < 0.97].mean()) > 0.99
    is_followed = float(np.percentile(off, 90)) < _ROUND
    return rim if is_level and is_whole and is_covered and is_followed and height <= 1.02 * width else None


def _on_saucer(opening: Opening, rim: Opening) -> tuple[Vessel | Dish, ...]:
    """A cup whose foot stands in the middle of a saucer."""
    elevation = _elevation(rim)
    radius = opening.semi_x / _HALF
    height = (_y(opening.y) - _y(rim.y)) / math.cos(elevation)
    saucer = Dish(Axis(_x(rim.x), _y(rim.y), 0.0, elevation), rim.semi_x / _HALF)
    axis = Axis(_x(opening.x), _y(opening.y), height * math.sin(elevation), elevation)
    heights = np.linspace(-(height + saucer.drop), 0, 16)
    share = (heights - heights[0]) / -heights[0]
    radii = radius * (_FOOT + (1 - _FOOT) * np.sin(share * math.pi / 2))
    return Vessel(axis, heights, radii, is_open=True), saucer


def _vessel(inside: Mask, opening: Opening) -> Vessel | None:
    """A cup or bowl: as wide at each height as the outline left or right of it."""
    elevation = _elevation(opening)
    sin, cos = math.sin(elevation), math.cos(elevation)
    first = round(opening.y)
    radii = _half_widths(inside, opening.x)[first:]
    radii = np.minimum(radii, 1.35 * opening.semi_x)
    lowest = np.nonzero(inside[:, round(opening.x)])[0]
    if len(lowest) == 0:
        return None
    rows = np.arange(len(radii))
    # The lowest point of the outline is the nearest of the foot.
    is_foot = rows + radii * sin >= lowest[-1] - first
    count = int(np.argmax(is_foot)) if is_foot.any() else 0
    if count < 0.15 * opening.semi_x:
        return None
    radii = ndimage.gaussian_filter1d(radii[: count + 1], 3, mode="nearest")
    heights = -rows[: count + 1] / _HALF / cos
    z = -heights[-1] * sin / 2
    axis = Axis(_x(opening.x), _y(opening.y), z, elevation)
    return Vessel(axis, heights[::-1].copy(), radii[::-1] / _HALF, is_open=True)


def _half_widths(inside: Mask, column: float) -> F64:
    """(PLAN_PX,) How far each row goes on from a column to both sides."""
    middle = int(np.clip(round(column), 1, PLAN_PX - 2))
    outside = ~inside
    right = np.where(outside[:, middle:].any(axis=1), outside[:, middle:].argmax(axis=1), PLAN_PX - middle)
    left = np.where(outside[:, middle::-1].any(axis=1), outside[:, middle::-1].argmax(axis=1), middle + 1)
    return np.asarray(np.minimum(left, right), np.float64)


def _upright(inside: Mask, rgb: U8) -> Vessel | None:
    """What is the same left and right of an axis, but for a handle."""
    rows, columns = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    area = float(inside.sum())
    low, high = np.percentile(np.nonzero(inside)[1], [25, 75]).astype(int)
    axis_column = max(range(low, high + 1), key=lambda column: float(_half_widths(inside, column).sum()))
    radii = _half_widths(inside, axis_column)
    explained = 2 * float(radii.sum()) / area
    handle = _has_handle(inside, axis_column, radii)
    if explained < (_WITH_HANDLE if handle else _MIRRORED):
        return None
    box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    if not handle and area > _RECTANGULAR * box:
        return None
    is_ball = _is_ball(inside, rgb)
    if _is_circle(inside) and not is_ball:
        return None
    used = np.nonzero(radii > 0)[0]
    first, last = int(used[0]), int(used[-1])
    profile = np.maximum(ndimage.gaussian_filter1d(radii[first : last + 1], 1.5, mode="nearest"), 0.5)
    heights = -np.arange(last - first + 1) / _HALF
    axis = Axis(_x(axis_column), _y(first), 0.0, 0.0)
    return Vessel(axis, heights[::-1].copy(), profile[::-1] / _HALF, is_ball=is_ball)


def _has_handle(inside: Mask, column: int, radii: F64) -> bool:
    """Whether what stands out on one side goes around a hole."""
    holes = ndimage.binary_fill_holes(inside) & ~inside
    if holes.sum() < 0.004 * inside.size:
        return False
    across = np.abs(np.arange(PLAN_PX)[None, :] - column)
    beside: Mask = holes & (across > radii[:, None])
    sides = np.sign(np.nonzero(holes)[1] - column)
    return bool(beside.sum() > 0.95 * holes.sum() and abs(sides.mean()) > 0.95)


def _circle(inside: Mask) -> tuple[float, float, float]:
    """Middle and radius of the circle of the same area."""
    rows, columns = np.nonzero(inside)
    return float(rows.mean()), float(columns.mean()), math.sqrt(len(rows) / math.pi)


def _is_circle(inside: Mask) -> bool:
    row, column, radius = _circle(inside)
    rows, columns = np.nonzero(inside & ~ndimage.binary_erosion(inside))
    off: F64 = np.abs(np.hypot(rows - row, columns - column) / radius - 1)
    return float(np.percentile(off, 90)) < _ROUND


def _is_ball(inside: Mask, rgb: U8) -> bool:
    """Whether the light falls off over a circle as it does over a ball."""
    if not _is_circle(inside):
        return False
    row, column, radius = _circle(inside)
    rows, columns = np.nonzero(ndimage.binary_erosion(inside, iterations=4))
    down, across = (rows - row) / radius, (columns - column) / radius
    towards = np.sqrt(np.maximum(1 - down**2 - across**2, 0))
    grey = rgb[rows, columns].mean(axis=1)
    system = np.stack([np.ones_like(down), down, across, towards], axis=1)
    _, by_down, by_across, by_towards = np.linalg.lstsq(system, grey, rcond=None)[0] / max(
        float(grey.mean()), 1e-3
    )
    return math.hypot(by_down, by_across) > _LIT_SIDEWAYS or by_towards > _LIT_AHEAD
