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
_WIDEST_DEG, _SIDE = 80.0, 0.72
"""A vessel's wall is compared up to this far from the viewer; its sides begin at this share of that."""
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
    if isinstance(first, Vessel) and not first.is_open:
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
    places = (np.arange(PLAN_PX, dtype=np.float32) + 0.5) * 2 / PLAN_PX - 1
    radii = np.interp(-places - vessel.axis.y, vessel.heights, vessel.radii, left=0.01, right=0.01)
    # A column for each direction from the axis.
    turned = (np.arange(_SIDE_PX, dtype=np.float32) + 0.5) * 2 / _SIDE_PX - 1
    rows = np.arange(_SIDE_PX, dtype=np.float32) * PLAN_PX / _SIDE_PX + (PLAN_PX / _SIDE_PX - 1) / 2
    radii_there = radii[np.rint(rows).astype(np.int64)][:, None]
    across = vessel.axis.x + radii_there * np.sin(turned * math.radians(_WIDEST_DEG))[None, :]
    columns = ((across + 1) * PLAN_PX / 2 - 0.5).astype(np.float32)
    flat = cv2.remap(
        cv2.GaussianBlur(rgb, (0, 0), PLAN_PX / _SIDE_PX / 3), columns,
        np.broadcast_to(rows[:, None], columns.shape).astype(np.float32), cv2.INTER_LINEAR,
    )  # fmt: skip
    wall = np.broadcast_to(radii_there > 0.02, columns.shape)
    is_side = np.broadcast_to(np.abs(turned) > _SIDE, columns.shape)
    found = _enlarged(_unlike(np.asarray(flat, np.uint8), wall & ~is_side, wall & is_side)).astype(np.float32)
    sine = np.clip((places[None, :] - vessel.axis.x) / radii[:, None], -1, 1)
    angle = np.degrees(np.arcsin(sine)) / _WIDEST_DEG
    back_columns = ((angle + 1) * PLAN_PX / 2 - 0.5).astype(np.float32)
    back_rows = np.broadcast_to(np.arange(PLAN_PX, dtype=np.float32)[:, None], back_columns.shape)
    return np.asarray(cv2.remap(found, back_columns, np.ascontiguousarray(back_rows), cv2.INTER_LINEAR) > 0.5)


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
