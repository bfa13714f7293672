"""Fields that are positive inside a body, sampled over the plan and along z.

Lengths are in halves of the plan's side, x right, y up, z towards the viewer, the plan's centre at the origin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from wheatstone.arrays import F32, AnyArray, Mask
from wheatstone.models.inflate.silhouette import PLAN_PX, Silhouette
from wheatstone.models.inflate.solids import Dish, Vessel

SAMPLES = 152
"""Of the field along the plan's side."""
_MARGIN = 8 / SAMPLES
_STEEPNESS_OUTSIDE = 0.35
"""Fall of the field outside the outline."""


@dataclass(frozen=True, slots=True, eq=False)
class Cushion:
    """What is blown up, for nothing is known of its shape.

    Attributes:
        inside: (PLAN_PX, PLAN_PX) its outline.
        front: (PLAN_PX, PLAN_PX) z of its front, 0 outside.
        back: (PLAN_PX, PLAN_PX) z of its back, below `front` inside.
    """

    inside: Mask
    front: F32
    back: F32


def levels_within(reach: float) -> F32:
    """(Z,) z of the field's samples, beyond both ends of what reaches so far from the origin."""
    step = 2 / SAMPLES
    count = max(4, math.ceil(2 * (reach + 4 * step) / step))
    return ((np.arange(count) + 0.5) * step - count * step / 2).astype(np.float32)


def cushion_field(cushion: Cushion, levels: F32) -> F32:
    """(SAMPLES, SAMPLES, Z) The square of half its thickness less that of how far z is from its middle."""
    middle = _sampled((cushion.front + cushion.back) / 2)
    squared = _sampled(((cushion.front - cushion.back) / 2) ** 2)
    distance = _sampled(signed_distance(cushion.inside)) * np.float32(2 / PLAN_PX)
    base = squared + _STEEPNESS_OUTSIDE * np.minimum(distance, 0)
    return np.asarray(base[..., None] - (levels - middle[..., None]) ** 2, np.float32)


def solid_field(silhouette: Silhouette, solids: tuple[Vessel | Dish, ...], levels: F32) -> F32:
    """(SAMPLES, SAMPLES, Z) Solids within the outline, about the distance to their surface."""
    distance = _sampled(signed_distance(silhouette.inside)) * np.float32(2 / PLAN_PX)
    places = ((np.arange(SAMPLES, dtype=np.float32) + 0.5) * 2 / SAMPLES - 1).astype(np.float32)
    # Far outside the outline it does not matter by how much.
    rows, columns = np.nonzero(distance > -_MARGIN)
    x, y = places[columns][:, None], -places[rows][:, None]
    field = np.repeat(distance[..., None], len(levels), axis=2)
    within = np.maximum.reduce([solid.field(x, y, levels) for solid in solids])
    field[rows, columns] = np.minimum(within, field[rows, columns])
    return field


def _sampled(plan: AnyArray) -> F32:
    smaller: F32 = cv2.resize(plan.astype(np.float32), (SAMPLES, SAMPLES), interpolation=cv2.INTER_AREA)
    return smaller


def signed_distance(inside: Mask) -> F32:
    """Pixels to the outline, positive inside."""
    # Not OpenCV's: the last bits of its exact distances depend on the number of threads.
    within = ndimage.distance_transform_edt(inside)
    without = ndimage.distance_transform_edt(~inside)
    return np.where(inside, within - 0.5, 0.5 - without).astype(np.float32)
