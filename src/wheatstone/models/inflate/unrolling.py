"""Where on the texture a surface point lies: front and back seen straight on, their flanks unrolled outwards.

Where the surface faces the viewer, its texture is what the photo shows. Towards the outline it turns away, and a
texture seen straight on would be stretched without bound: there points move outwards with the depth they have, so
that texels keep about their size. Front and back use one plane each; along the outline both have the same place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from wheatstone.arrays import F32, F64, I64, AnyArray, Mask
from wheatstone.models.inflate.heights import Heights
from wheatstone.models.inflate.silhouette import PLAN_PX, Silhouette
from wheatstone.models.inflate.solids import Dish, Vessel
from wheatstone.models.inflate.wrapping import wrap
from wheatstone.pictures.filters import gaussian

STEEPEST_DEG = 65.0
"""Where the surface is steeper than this towards the outline, its flank begins."""
PADDING_PX = 176
"""The plane extends the plan by this much on each side."""
_ARC = 0.9
"""Length by which a flank is unrolled, per height it falls."""
_STEPS = 32
_COLUMNS = 256
_AT_SURFACE = 0.03
"""What is so near to a vessel's surface is part of it, in halves of the plan's side."""


@dataclass(frozen=True, slots=True, eq=False)
class Unrolling:
    """The plane: the plan with `PADDING_PX` around it.

    Attributes:
        facing: (N, N) where the surface faces the viewer.
        distance_px: (N, N) to `facing`, negative inside.
        nearest: (2, N, N) row and column of the nearest pixel of `facing`.
        outward: (N, N, 2) unit vector away from `facing`, right and down.
        rim_px: (N, N) how wide the flank above each pixel of `facing` is, seen straight on.
        front_px: (N, N) height of the front over the outline's plane.
        back_px: (N, N) the same of the back, downwards.
        middle_px: (N, N) height of the outline's plane.
        solids: what turns around an axis.
    """

    facing: Mask
    distance_px: F32
    nearest: I64
    outward: F32
    rim_px: F32
    front_px: F32
    back_px: F32
    middle_px: F32
    solids: tuple[Vessel | Dish, ...]

    @property
    def vessel(self) -> Vessel | None:
        """What looks the same all around."""
        return next((solid for solid in self.solids if isinstance(solid, Vessel)), None)

    @property
    def length_px(self) -> F32:
        """(N, N) by how much a flank that begins here is unrolled beyond the outline."""
        return np.asarray(_ARC * (self.front_px + self.back_px) / 2, np.float32)


def unroll(silhouette: Silhouette, heights: Heights) -> Unrolling:
    """Lay out the plane of a body."""
    shown = silhouette.shown
    half = PLAN_PX / 2
    down, across = np.gradient(heights.smooth * half)
    steep = np.hypot(across, down) > math.tan(math.radians(STEEPEST_DEG))
    facing = _pad(shown & ~_at_outline(silhouette.inside, steep)).astype(np.bool_)
    inside = _pad(shown).astype(np.bool_)
    labels, count = ndimage.label(inside)
    seen = np.bincount(labels[facing], minlength=count + 1) > 0
    facing |= inside & ~seen[labels]
    within = ndimage.distance_transform_edt(facing)
    without, nearest = ndimage.distance_transform_edt(~facing, return_indices=True)
    distance = gaussian(np.where(facing, 0.5 - within, without - 0.5), 2.0)
    slope_down, slope_across = np.gradient(gaussian(distance, 2.0))
    outward = np.stack([slope_across, slope_down], axis=2)
    outward /= np.maximum(np.linalg.norm(outward, axis=2, keepdims=True), 1e-6)
    rim = ndimage.distance_transform_edt(inside)
    front = np.pad(np.maximum(heights.front - heights.middle, 0) * half, PADDING_PX, mode="edge")
    back = np.pad(np.maximum(heights.middle - heights.back, 0) * half, PADDING_PX, mode="edge")
    return Unrolling(
        facing,
        distance,
        nearest.astype(np.int64),
        outward.astype(np.float32),
        rim.astype(np.float32),
        front.astype(np.float32),
        back.astype(np.float32),
        _continued(heights.middle * half, silhouette.inside),
        heights.solids,
    )


def _continued(plan: AnyArray, inside: Mask) -> F32:
    """(N, N) The plane of a plan; outside the silhouette as at its nearest pixel."""
    within = np.pad(inside, PADDING_PX, mode="edge")
    nearest = ndimage.distance_transform_edt(~within, return_distances=False, return_indices=True)
    return np.asarray(np.pad(plan, PADDING_PX, mode="edge")[nearest[0], nearest[1]], np.float32)


def _pad(plan: AnyArray) -> AnyArray:
    padded: AnyArray = np.pad(plan, PADDING_PX)
    return padded


def _at_outline(inside: Mask, steep: Mask) -> Mask:
    """The steep parts that lie along the outline."""
    labels, _ = ndimage.label(steep & inside)
    rim = inside & ~ndimage.binary_erosion(inside, iterations=3, border_value=1)
    touching = np.unique(labels[rim])
    along: Mask = np.isin(labels, touching[touching > 0])
    return along


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where on the texture vertices lie, if seen as a part of this or that.

    Attributes:
        places: (K, V, 2) right and down from the plan's centre in halves of its side.
        kinds: (V,) which of the K a vertex is.
        on_back: for each of the K whether it is on the texture's back.
    """

    places: F64
    kinds: I64
    on_back: tuple[bool, ...]


def place(unrolling: Unrolling, vertices: AnyArray) -> Placement:
    """Where on the plane vertices lie: on the front, on the back, or as parts of a vessel, of each `Kind`.

    Args:
        unrolling: the plane.
        vertices: (V, 3) in halves of the plan's side.
    """
    points = vertices.astype(np.float64)
    straight, is_front = _place(unrolling, points)
    kinds = np.where(is_front, 0, 1)
    vessel = unrolling.vessel
    if vessel is None:
        return Placement(np.stack([straight, straight]), kinds, (False, True))
    others = [solid for solid in unrolling.solids if solid is not vessel]
    off = np.abs(vessel.field(*points.T))
    is_its = off < _AT_SURFACE
    for other in others:
        is_its &= off < np.abs(other.field(*points.T))
    wrapped, wrapped_kinds = wrap(vessel, points)
    # A cup's back is not on the back of the texture if that shows its saucer.
    on_back = (False, True, False, not others, False)
    kinds = np.where(is_its, 2 + wrapped_kinds, kinds)
    return Placement(np.concatenate([[straight, straight], wrapped * [1, -1]]), kinds, on_back)


def _place(unrolling: Unrolling, vertices: F64) -> tuple[F64, Mask]:
    """(V, 2) as in `Placement`, and (V,) whether in front."""
    half = PLAN_PX / 2
    middle_px = half + PADDING_PX
    side = unrolling.facing.shape[0]
    x = vertices[:, 0] * half + middle_px - 0.5
    y = -vertices[:, 1] * half + middle_px - 0.5
    z = vertices[:, 2] * half
    column, row = (np.clip(np.rint(value), 0, side - 1).astype(np.int64) for value in (x, y))
    start_row, start_column = unrolling.nearest[0][row, column], unrolling.nearest[1][row, column]
    outward = _sampled(unrolling.outward, x, y)
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-6)
    height = z - _sampled(unrolling.middle_px, x, y)
    is_front = height >= 0
    from_px = np.where(
        is_front, unrolling.front_px[start_row, start_column], unrolling.back_px[start_row, start_column]
    )
    fallen = 1 - np.clip(np.abs(height) / np.maximum(from_px, 1e-3), 0, 1)
    # Well inside, what lies below the surface's height does so by smoothing.
    distance_px = _sampled(unrolling.distance_px, x, y)
    fallen = np.clip((fallen - 0.06) / 0.94, 0, 1) * np.clip(1 + distance_px / 8, 0, 1)
    length_px = unrolling.length_px[start_row, start_column]
    length_px = np.minimum(length_px, _free_px(unrolling, x, y, start_row, start_column, outward, length_px))
    placed = np.stack([x, y], axis=1) + outward * (length_px * fallen)[:, None]
    return (placed + 0.5 - middle_px) / half, is_front


def _free_px(
    unrolling: Unrolling, x: F64, y: F64, start_row: I64, start_column: I64, outward: F64, longest_px: F32
) -> F64:
    """How far points can go outwards before they come nearer to another part."""
    side = unrolling.facing.shape[0]
    step_px = max(float(longest_px.max()), 1.0) / _STEPS
    free_px = np.zeros(len(x))
    going = np.ones(len(x), np.bool_)
    for step in range(1, _STEPS + 1):
        away = step * step_px
        at_x, at_y = x + outward[:, 0] * away, y + outward[:, 1] * away
        column, row = (np.rint(value).astype(np.int64) for value in (at_x, at_y))
        going &= (column >= 0) & (row >= 0) & (column < side) & (row < side)
        row, column = np.clip(row, 0, side - 1), np.clip(column, 0, side - 1)
        strayed = np.hypot(
            unrolling.nearest[0][row, column] - start_row, unrolling.nearest[1][row, column] - start_column
        )
        going &= strayed < 6 + 0.7 * away
        free_px[going] = away
    return 0.9 * free_px


def _sampled(plane: F32, x: F64, y: F64) -> F64:
    """Values of a plane at points, bilinear."""
    # OpenCV takes a table of at most 32,767 rows.
    at_x, at_y = (np.resize(value.astype(np.float32), (-(-len(x) // _COLUMNS), _COLUMNS)) for value in (x, y))
    values = cv2.remap(plane, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values, np.float64).reshape(-1, *plane.shape[2:])[: len(x)]
