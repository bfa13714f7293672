"""A silhouette becomes a body: heights in front and behind, an implicit field between, its closed surface.

Lengths are in halves of the plan's side, x right, y up, z towards the viewer, the plan's centre at the origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix, diags
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from wheatstone.arrays import F32, F64, I32, U8, AnyArray, Mask
from wheatstone.models.inflate.opening import carve, find_opening, is_dish
from wheatstone.models.inflate.silhouette import PLAN_PX, Silhouette
from wheatstone.models.relief.inflation import inflate
from wheatstone.pictures.filters import gaussian

_SAMPLES = 152
"""Samples of the field along the plan's side."""
_THICKNESS, _THICKEST = 0.8, 0.75
_BACK = 0.75
"""Depth behind the outline, as a share of the height before it."""
_WALL = 0.06
"""Least thickness under a hollow."""
_DISH = 0.45
"""Height of a plate as a share of what is blown up."""
_DETAIL = 0.05
"""Largest change of the front by shading."""
_STEEPNESS_OUTSIDE = 0.35
"""Fall of the field outside the outline."""
_SMOOTHING = 0.6
_SMOOTHING_ROUNDS, _SHRINK, _SWELL = 8, 0.5, -0.53
_LEAST_BODY = 0.002
"""Separate bodies with less than this share of the faces are dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class Heights:
    """The body's extent along z over the plan; beyond the window it goes on as at its border.

    Attributes:
        front: (PLAN_PX, PLAN_PX) z of the front where the silhouette is, else 0.
        back: (PLAN_PX, PLAN_PX) z of the back, below `front` inside.
        smooth: (PLAN_PX, PLAN_PX) `front` without what shading adds and openings take.
        hollow: (PLAN_PX, PLAN_PX) where the front is an opening.
    """

    front: F32
    back: F32
    smooth: F32
    hollow: Mask

    @property
    def middle(self) -> F32:
        """(PLAN_PX, PLAN_PX) z half way between."""
        return np.asarray((self.front + self.back) / 2, np.float32)


def raise_heights(silhouette: Silhouette, rgb: U8) -> Heights:
    """Inflate the silhouette; shading moves the front a little, an opening becomes hollow.

    Args:
        silhouette: the outline.
        rgb: (PLAN_PX, PLAN_PX, 3) colours of the object, continued outside.
    """
    left, top, right, bottom = silhouette.window
    within = silhouette.inside[top:bottom, left:right]
    if within.all():  # cut on all sides: nothing tells how thick it is
        within = within.copy()
        within[[0, -1]] = within[:, [0, -1]] = False
    round_ = np.pad(inflate(within), ((top, PLAN_PX - bottom), (left, PLAN_PX - right)), mode="edge")
    half = PLAN_PX / 2
    smooth = (_THICKEST * np.tanh(_THICKNESS * round_ / half / _THICKEST)).astype(np.float32)
    shown = silhouette.shown
    opening = find_opening(rgb, shown)
    if opening is not None and is_dish(opening, shown):
        smooth *= np.float32(_DISH)
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
    return Heights(front.astype(np.float32), back.astype(np.float32), smooth, hollow)


def closed_surface(silhouette: Silhouette, heights: Heights) -> tuple[F32, I32]:
    """Vertices and faces of the body's surface, each edge shared by two faces, smoothed, seen counter-clockwise.

    What the window cuts ends in a flat face.
    """
    field, levels = _field(silhouette, heights)
    corners, faces = _surface(field)
    step = 2 / _SAMPLES
    vertices = np.stack(
        [
            (corners[:, 1] + 0.5) * step - 1,
            1 - (corners[:, 0] + 0.5) * step,
            np.interp(corners[:, 2], np.arange(len(levels)), levels),
        ],
        axis=1,
    )
    vertices = _taubin(vertices, faces)
    if _volume(vertices, faces) < 0:
        faces = np.ascontiguousarray(faces[:, ::-1])
    return vertices.astype(np.float32), faces


def _field(silhouette: Silhouette, heights: Heights) -> tuple[F32, F32]:
    """(_SAMPLES, _SAMPLES, Z) values, positive in the body; and z of the Z levels."""
    size = (_SAMPLES, _SAMPLES)

    def sampled(plan: AnyArray) -> F32:
        smaller: F32 = cv2.resize(plan.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        return smaller

    half = PLAN_PX / 2
    inside = silhouette.inside
    distance = sampled(_signed_distance(inside)) / half
    middle = sampled(heights.middle)
    squared = sampled(((heights.front - heights.back) / 2) ** 2)
    step = 2 / _SAMPLES
    reach = float(max(heights.front.max(), -heights.back.min())) + 4 * step
    count = max(4, int(np.ceil(2 * reach / step)))
    levels = ((np.arange(count) + 0.5) * step - count * step / 2).astype(np.float32)
    base = squared + _STEEPNESS_OUTSIDE * np.minimum(distance, 0)
    field = base[..., None] - (levels - middle[..., None]) ** 2
    centres = (np.arange(_SAMPLES) + 0.5) * PLAN_PX / _SAMPLES
    left, top, right, bottom = silhouette.window
    across, down = np.minimum(centres - left, right - centres), np.minimum(centres - top, bottom - centres)
    for first, last, along in ((left, right, across[None, :, None]), (top, bottom, down[:, None, None])):
        if first > 0 or last < PLAN_PX:
            field = np.minimum(field, 0.5 * along.astype(np.float32) / np.float32(half))
    field = ndimage.gaussian_filter(field.astype(np.float32), _SMOOTHING)
    for axis in range(3):
        for end in (0, -1):
            np.moveaxis(field, axis, 0)[end] = -1
    # A value of nearly zero makes faces without area.
    return np.where(np.abs(field) < 1e-5, np.float32(-1e-5), field), levels


def _signed_distance(inside: Mask) -> F32:
    """Pixels to the outline, positive inside."""
    # Not OpenCV's: the last bits of its exact distances depend on the number of threads.
    within = ndimage.distance_transform_edt(inside)
    without = ndimage.distance_transform_edt(~inside)
    return np.where(inside, within - 0.5, 0.5 - without).astype(np.float32)


def _surface(field: F32) -> tuple[F64, I32]:
    """The zero level without crumbs, in samples."""
    if field.max() <= 0:  # thinner than a sample everywhere: at least its thickest spot is there
        field = field.copy()
        field[np.unravel_index(int(np.argmax(field)), field.shape)] = 0.01
    corners, faces, _, _ = marching_cubes(field, 0.0)
    links = coo_matrix(
        (np.ones(2 * len(faces), np.int8), (np.tile(faces[:, 0], 2), faces[:, 1:].T.ravel())),
        shape=(len(corners), len(corners)),
    )
    _, body = connected_components(links, directed=False)
    sizes = np.bincount(body[faces[:, 0]])
    kept = faces[(sizes >= _LEAST_BODY * sizes.max())[body[faces[:, 0]]]]
    used, inverse = np.unique(kept, return_inverse=True)
    return corners[used].astype(np.float64), inverse.reshape(-1, 3).astype(np.int32)


def _taubin(vertices: F64, faces: I32) -> F64:
    """Smooth without shrinking (Taubin 1995)."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    count = len(vertices)
    links = coo_matrix((np.ones(len(start)), (start, end)), shape=(count, count)).tocsr()
    mean = diags(1 / np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1)) @ links
    for _ in range(_SMOOTHING_ROUNDS):
        for factor in (_SHRINK, _SWELL):
            vertices = vertices + factor * (mean @ vertices - vertices)
    return vertices


def _volume(vertices: F64, faces: I32) -> float:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)
