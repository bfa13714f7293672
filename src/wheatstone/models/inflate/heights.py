"""How far a body reaches before and behind its outline's plane.

Lengths are in halves of the plan's side, x right, y up, z towards the viewer, the plan's centre at the origin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from wheatstone.arrays import F32, U8, Mask
from wheatstone.models.inflate.fields import Cushion, levels_within, signed_distance, solid_field
from wheatstone.models.inflate.opening import carve, find_opening, is_dish
from wheatstone.models.inflate.recognition import find_solids
from wheatstone.models.inflate.silhouette import PLAN_PX, Silhouette
from wheatstone.models.inflate.solids import Dish, Vessel, extent_along_z
from wheatstone.models.relief.inflation import inflate
from wheatstone.pictures.filters import gaussian

_THICKNESS, _THICKEST = 0.8, 0.75
_BACK = 0.75
"""Depth behind the outline, as a share of the height before it."""
_WALL = 0.06
"""Least thickness under a hollow."""
_RECTANGULAR, _BOX, _EDGE = 0.93, 0.25, 0.08
"""Outlines that fill their box so well are boxes; height and rounding as shares of the narrower side."""
_DISH = 0.45
"""Height of a plate as a share of what is blown up."""
_DETAIL = 0.035
"""Largest change of the front by shading."""
_ROOT_PX = 21
"""Twice as far a handle reaches into its cup, in plan pixels."""
_ABOVE_RIM = 1.25
_LEAST_REST = 0.006
"""What stands out from solids by less than this share of the outline is dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class Heights:
    """The body's extent along z over the plan; beyond the window it goes on as at its border.

    Attributes:
        front: (PLAN_PX, PLAN_PX) z of the front where the silhouette is, else 0.
        back: (PLAN_PX, PLAN_PX) z of the back, below `front` inside.
        smooth: (PLAN_PX, PLAN_PX) height of the front without slant, openings and what shading adds.
        hollow: (PLAN_PX, PLAN_PX) where the front is an opening.
        apart: (PLAN_PX, PLAN_PX) where something stands before the rest: a cup on its saucer.
        cushion: what is blown up.
        solids: what turns around an axis; together they are the body.
    """

    front: F32
    back: F32
    smooth: F32
    hollow: Mask
    apart: Mask
    cushion: Cushion
    solids: tuple[Vessel | Dish, ...] = ()

    @property
    def middle(self) -> F32:
        """(PLAN_PX, PLAN_PX) z half way between."""
        return np.asarray((self.front + self.back) / 2, np.float32)


def raise_heights(silhouette: Silhouette, rgb: U8) -> Heights:
    """Find what turns around an axis and inflate the rest; shading moves its front a little.

    Args:
        silhouette: the outline.
        rgb: (PLAN_PX, PLAN_PX, 3) colours of the object, continued outside.
    """
    solids = find_solids(silhouette, rgb)
    return _with_solids(silhouette, solids) if solids else _inflated(silhouette, rgb)


def _inflated(silhouette: Silhouette, rgb: U8) -> Heights:
    left, top, right, bottom = silhouette.window
    within = silhouette.inside[top:bottom, left:right]
    if within.all():  # cut on all sides: nothing tells how thick it is
        within = within.copy()
        within[[0, -1]] = within[:, [0, -1]] = False
    round_ = np.pad(inflate(within), ((top, PLAN_PX - bottom), (left, PLAN_PX - right)), mode="edge")
    half = PLAN_PX / 2
    smooth = (_THICKEST * np.tanh(_THICKNESS * round_ / half / _THICKEST)).astype(np.float32)
    if _is_box(silhouette):
        smooth = _box(silhouette)
    shown = silhouette.shown
    opening = find_opening(rgb, shown)
    if opening is not None and is_dish(opening, shown):
        smooth *= np.float32(_DISH)
    elif opening is not None and not opening.is_slanted:
        opening = None  # a circle is painted more often than seen into from straight above
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) / np.float32(255)
    shading = gaussian(grey, PLAN_PX / 150) - gaussian(grey, PLAN_PX / 20)
    detail = _DETAIL * np.clip(smooth / 0.15, 0, 1) * np.clip(3 * shading, -1, 1)
    front = np.maximum(smooth + detail, 0.6 * smooth)
    back = -_BACK * smooth
    hollow = np.zeros_like(shown)
    if opening is not None:
        # What is left under a hollow is at least a wall.
        front = np.maximum(carve(front, opening, shown), np.minimum(front, back + _WALL))
        hollow = shown & (opening.radius(shown.shape) < 1.05)
    front, back = front.astype(np.float32), back.astype(np.float32)
    apart = np.zeros_like(hollow)
    return Heights(front, back, smooth, hollow, apart, Cushion(silhouette.inside, front, back))


def _is_box(silhouette: Silhouette) -> bool:
    """Whether an outline is an upright rectangle."""
    rows, columns = np.nonzero(silhouette.inside)
    is_whole = silhouette.window == (0, 0, PLAN_PX, PLAN_PX)
    return is_whole and len(rows) > _RECTANGULAR * float((np.ptp(rows) + 1) * (np.ptp(columns) + 1))


def _box(silhouette: Silhouette) -> F32:
    """(PLAN_PX, PLAN_PX) Height of a box with rounded edges: nothing tells how deep it is."""
    rows, columns = np.nonzero(silhouette.inside)
    narrower = (min(np.ptp(rows), np.ptp(columns)) + 1) * 2 / PLAN_PX
    # The middle of a pixel at the outline is half a pixel inside.
    inwards = np.maximum(signed_distance(silhouette.inside), 0) * 2 / PLAN_PX
    fallen = np.clip(1 - inwards / (_EDGE * narrower), 0, 1)
    return np.asarray(_BOX * narrower * np.sqrt(1 - fallen**2), np.float32)


def _with_solids(silhouette: Silhouette, solids: tuple[Vessel | Dish, ...]) -> Heights:
    """Solids, and a cushion where the outline shows more than them, such as a handle."""
    inside = silhouette.inside
    middle, thick = _extents(silhouette, solids)
    covered = thick > 0
    rest = inside & ~cv2.dilate(covered.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.bool_)
    # Above the opening it is a rim that was not quite met.
    rest = ndimage.binary_opening(rest, iterations=3) & ~_opening_of(solids, _ABOVE_RIM)
    labels, count = ndimage.label(rest)
    sizes = ndimage.sum_labels(rest, labels, np.arange(count + 1))
    rest = (sizes > _LEAST_REST * inside.sum())[labels]
    # It reaches into what it is fixed to.
    added = inside & cv2.dilate(rest.astype(np.uint8), np.ones((_ROOT_PX, _ROOT_PX), np.uint8)).astype(np.bool_)
    round_ = (inflate(added) / (PLAN_PX / 2)).astype(np.float32)
    # It stands where the first solid has its outline.
    axis = solids[0].axis
    y = 1 - (np.arange(PLAN_PX, dtype=np.float32)[:, None] + 0.5) * 2 / PLAN_PX
    plane = np.where(added, axis.z + (y - axis.y) * math.tan(axis.elevation), 0).astype(np.float32)
    cushion = Cushion(added, plane + round_, plane - round_)
    only = added & ~covered
    front, back = np.where(only, cushion.front, middle + thick), np.where(only, cushion.back, middle - thick)
    filled = tuple(solid.filled() if isinstance(solid, Vessel) else solid for solid in solids)
    smooth = np.where(only, round_, _extents(silhouette, filled)[1])
    front, back, smooth = (np.where(inside, plan, 0).astype(np.float32) for plan in (front, back, smooth))
    apart = inside & (_extents(silhouette, solids[:1])[1] > 0) & (len(solids) > 1)
    return Heights(front, back, smooth, inside & _opening_of(solids, 1.0), apart, cushion, solids)


def _extents(silhouette: Silhouette, solids: tuple[Vessel | Dish, ...]) -> tuple[F32, F32]:
    """(PLAN_PX, PLAN_PX) Where solids have their middle along z, and half of how thick they are."""
    levels = levels_within(max(abs(z) for solid in solids for z in solid.z_range()))
    field = solid_field(silhouette, solids, levels)
    low, high = extent_along_z(field, levels)
    empty: Mask = np.asarray((field <= 0).all(axis=2))
    nearest = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    middle = ((low + high) / 2)[nearest[0], nearest[1]]
    size = (PLAN_PX, PLAN_PX)
    # What is round falls to its outline as a root does.
    squared = cv2.resize(((high - low) / 2) ** 2, size, interpolation=cv2.INTER_LINEAR)
    thick: F32 = np.sqrt(squared)
    return np.asarray(cv2.resize(middle, size, interpolation=cv2.INTER_LINEAR), np.float32), thick


def _opening_of(solids: tuple[Vessel | Dish, ...], size: float) -> Mask:
    """(PLAN_PX, PLAN_PX) Where one looks into a vessel, enlarged upwards and downwards."""
    places = (np.arange(PLAN_PX) + 0.5) * 2 / PLAN_PX - 1
    seen = np.zeros((PLAN_PX, PLAN_PX), np.bool_)
    for solid in solids:
        if isinstance(solid, Vessel) and solid.is_open:
            across, up = places[None, :] - solid.axis.x, -places[:, None] - solid.axis.y
            seen |= np.hypot(across, up / (size * math.sin(solid.axis.elevation))) < solid.radii[-1]
    return seen
