"""What of an object is found only once, such as a face, a label or a window: no other side may show it again.

Near its outline an object shows what its other sides look like as well: fur, cloth, stripes. What in the middle
resembles nothing there is a feature.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from scipy import ndimage

from wheatstone.arrays import F32, U8, AnyArray, Mask
from wheatstone.models.inflate.heights import Heights
from wheatstone.models.inflate.silhouette import PLAN_PX, Silhouette
from wheatstone.models.inflate.solids import Vessel
from wheatstone.pictures.fill import unlikeness

_SIDE_PX = 128
"""Side of the plan on which patches are compared."""
_RING, _LEAST_RING_PX = 0.3, 5.0
"""Width along the outline of what sides and back resemble, as a share of the local radius; at least."""
_DIFFERENT, _VERY_DIFFERENT = 7.0, 11.0
"""Unlikeness in units of Lab from which something belongs to a feature, and from which there is one."""
_COLOUR = 2.0
"""Weight of colour against lightness, which shading changes, too."""
_WIDEST_DEG, _SIDE, _OPEN_SIDE = 80.0, 0.72, 0.5
"""A vessel's wall is compared up to this far from the viewer; its sides begin at this share of that, sooner if it
is seen from above, for then the outline is less exact."""
_ROUNDS = 8
"""Of finding out which height on a vessel's wall a pixel shows."""
_GAP, _MARGIN = 0.05, 0.02
"""Features this near to each other are one; they begin so much farther out: shares of the plan's side."""


def find_features(silhouette: Silhouette, heights: Heights, rgb: U8) -> Mask:
    """Where the front has what only it has.

    Args:
        silhouette: the outline.
        heights: of the body.
        rgb: (PLAN_PX, PLAN_PX, 3) colours of the object, continued outside.

    Returns:
        (PLAN_PX, PLAN_PX) openings included.
    """
    hidden = heights.hollow | heights.apart
    if heights.apart.any():  # a saucer is not like its rim
        return hidden
    first = heights.solids[0] if heights.solids else None
    if isinstance(first, Vessel):
        found = _unlike_sides(first, rgb)
    else:
        found = _unlike_outline(silhouette, heights, hidden, rgb)
    return np.asarray((found | hidden) & silhouette.inside)


def _unlike_outline(silhouette: Silhouette, heights: Heights, hidden: Mask, rgb: U8) -> Mask:
    """(PLAN_PX, PLAN_PX) What in the middle is unlike all along the outline."""
    inside = _reduced(silhouette.shown) > 0.5
    factor = _SIDE_PX / PLAN_PX
    distance = _reduced(ndimage.distance_transform_edt(np.pad(silhouette.inside, 1))[1:-1, 1:-1]) * factor
    height = _reduced(heights.smooth) * _SIDE_PX / 2
    # Of the ball that has this height so far from its outline.
    radius = (height**2 + distance**2) / np.maximum(2 * distance, 1e-3)
    ring = inside & (distance < np.maximum(_RING * radius, _LEAST_RING_PX)) & (_reduced(hidden) < 0.1)
    found = _unlike(cv2.resize(rgb, inside.shape, interpolation=cv2.INTER_AREA), inside & ~ring, ring)
    return _enlarged(found)


def _unlike_sides(vessel: Vessel, rgb: U8) -> Mask:
    """(PLAN_PX, PLAN_PX) What on the front of a vessel is unlike its sides, compared with its wall laid flat."""
    axis, half = vessel.axis, PLAN_PX / 2
    sin, cos = math.sin(axis.elevation), math.cos(axis.elevation)
    # A row for each height, from the rim down, and a column for each direction from the axis.
    middles = (np.arange(_SIDE_PX) + 0.5) / _SIDE_PX
    heights = (vessel.heights[0] * middles)[:, None]
    turned = np.radians(_WIDEST_DEG * (2 * middles - 1))[None, :]
    radii = np.interp(heights, vessel.heights, vessel.radii)
    columns = (axis.x + radii * np.sin(turned) + 1) * half - 0.5
    rows = (1 - (axis.y + heights * cos - radii * np.cos(turned) * sin)) * half - 0.5
    flat = _looked_up(cv2.GaussianBlur(rgb, (0, 0), PLAN_PX / _SIDE_PX / 3), columns, rows)
    is_side = np.broadcast_to(np.abs(2 * middles - 1) > (_OPEN_SIDE if vessel.is_open else _SIDE), flat.shape[:2])
    found = _unlike(np.asarray(flat, np.uint8), ~is_side, is_side).astype(np.float32)
    # Back to where the photo shows it: the height of a pixel depends on how far it lies before the axis.
    places = (np.arange(PLAN_PX) + 0.5) / half - 1
    across, up = places[None, :] - axis.x, -places[:, None] - axis.y
    height = up / cos
    for _ in range(_ROUNDS):
        radius = np.maximum(np.interp(height, vessel.heights, vessel.radii), 0.01)
        sine = np.clip(across / radius, -1, 1)
        height = (up + radius * np.sqrt(1 - sine**2) * sin) / cos
    columns = (np.degrees(np.arcsin(sine)) / _WIDEST_DEG + 1) / 2 * _SIDE_PX - 0.5
    return np.asarray(_looked_up(found, columns, height / vessel.heights[0] * _SIDE_PX - 0.5) > 0.5)


def _looked_up(values: AnyArray, columns: AnyArray, rows: AnyArray) -> AnyArray:
    """The values at these places, bilinear."""
    found: AnyArray = cv2.remap(
        values,
        columns.astype(np.float32),
        rows.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return found


def _unlike(rgb: U8, inner: Mask, ring: Mask) -> Mask:
    """(_SIDE_PX, _SIDE_PX) Groups of patches that nothing in the ring resembles, and a margin around them."""
    lab = cv2.cvtColor(rgb / np.float32(255), cv2.COLOR_RGB2Lab)
    lab *= np.array([1, _COLOUR, _COLOUR], np.float32)
    unlike = unlikeness(lab, inner, ring)
    labels, _ = ndimage.label(unlike > _DIFFERENT)
    strong = np.unique(labels[unlike > _VERY_DIFFERENT])
    found = np.isin(labels, strong[strong > 0]).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, _round(_GAP), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    found = np.asarray(ndimage.binary_fill_holes(found), np.uint8)
    return np.asarray(cv2.dilate(found, _round(_MARGIN)) > 0)


def _enlarged(found: Mask) -> Mask:
    wide: F32 = cv2.resize(found.astype(np.float32), (PLAN_PX, PLAN_PX), interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide > 0.5)


def _reduced(plan: AnyArray) -> F32:
    smaller: F32 = cv2.resize(plan.astype(np.float32), (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    return smaller


def _round(radius: float) -> AnyArray:
    """A disc as a structuring element, its radius as a share of the plan's side."""
    side = 2 * round(radius * _SIDE_PX) + 1
    element: AnyArray = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return element
