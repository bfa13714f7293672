"""The closed surface of a body.

Lengths are in halves of the plan's side, x right, y up, z towards the viewer, the plan's centre at the origin.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix, diags
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from wheatstone.arrays import F32, F64, I32
from wheatstone.models.inflate.fields import SAMPLES, cushion_field, levels_within, solid_field
from wheatstone.models.inflate.heights import Heights
from wheatstone.models.inflate.silhouette import PLAN_PX, Silhouette

_SMOOTHING = 0.6
_SMOOTHING_ROUNDS, _SHRINK, _SWELL = 8, 0.5, -0.53
_LEAST_BODY = 0.002
"""Separate bodies with less than this share of the faces are dropped."""


def closed_surface(silhouette: Silhouette, heights: Heights) -> tuple[F32, I32]:
    """Vertices and faces of the body's surface, each edge shared by two faces, smoothed, seen counter-clockwise.

    What the window cuts ends in a flat face.
    """
    field, levels = _field(silhouette, heights)
    corners, faces = _surface(field)
    step = 2 / SAMPLES
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
    """(SAMPLES, SAMPLES, Z) values, positive in the body; and z of the Z levels."""
    cushion = heights.cushion
    reach = max(heights.front.max(), -heights.back.min(), cushion.front.max(), -cushion.back.min())
    levels = levels_within(float(reach))
    if not heights.solids:
        field = cushion_field(cushion, levels)
    else:
        field = solid_field(silhouette, heights.solids, levels)
        if cushion.inside.any():
            field = np.maximum(field, cushion_field(cushion, levels))
    centres = (np.arange(SAMPLES) + 0.5) * PLAN_PX / SAMPLES
    left, top, right, bottom = silhouette.window
    across, down = np.minimum(centres - left, right - centres), np.minimum(centres - top, bottom - centres)
    for first, last, along in ((left, right, across[None, :, None]), (top, bottom, down[:, None, None])):
        if first > 0 or last < PLAN_PX:
            field = np.minimum(field, 0.5 * along.astype(np.float32) / np.float32(PLAN_PX / 2))
    field = ndimage.gaussian_filter(field.astype(np.float32), _SMOOTHING)
    for axis in range(3):
        for end in (0, -1):
            np.moveaxis(field, axis, 0)[end] = -1
    # A value of nearly zero makes faces without area.
    return np.where(np.abs(field) < 1e-5, np.float32(-1e-5), field), levels


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
