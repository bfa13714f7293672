"""Disparity of background and foreground from a picture's layout: ground, uprights, contact, roundness.

Disparity runs from 0 (far end of the scene) to 1 (nearest). A ground plane's disparity is linear in the image
row, which is why the ground here is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage
from skimage.segmentation import felzenszwalb

from wheatstone.arrays import F32, U8, Mask
from wheatstone.models.relief.horizon import Horizon, HorizonSource, find_horizon
from wheatstone.models.relief.inflation import inflate
from wheatstone.models.relief.sky import Sky
from wheatstone.pictures.filters import colour_edges, disc, gaussian, guided_filter, pull_push, sharpness

SKY_DISPARITY = 0.02
_WORK_SIDE_PX = 512
_STEEPEST = 1.5
"""Largest rise of the ground's disparity over the whole picture height: keeps low cameras calm."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """The ground's disparity: `wall` down to the horizon, then rising to `near` at the bottom.

    It rises in a line if `bend` is 1. An object stands at a disparity of at least `object_least`.
    """

    wall: float
    near: float
    bend: float
    object_least: float


_GROUNDS = {
    HorizonSource.VANISHING_POINT: _Ground(0.22, 0.92, 1.0, 0.45),
    HorizonSource.SKY: _Ground(0.06, 0.85, 1.0, 0.2),
    HorizonSource.DEFAULT: _Ground(0.25, 0.85, 1.1, 0.45),
}


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """Disparities of the two layers, each complete.

    Attributes:
        background: (H, W) float32, also where the foreground hides it.
        foreground: (H, W) float32, continued beyond the object.
        horizon: the horizon used.
        has_foreground: whether there is an object to cut out.
    """

    background: F32
    foreground: F32
    horizon: Horizon
    has_foreground: bool


def estimate_depth(rgb: U8, matte: F32, sky: Sky | None) -> Depth:
    """Estimate both layers' disparity.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        matte: (H, W) share of the main object in each pixel.
        sky: the sky, if there is one.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, _WORK_SIDE_PX / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    object_ = cv2.resize(matte, size, interpolation=cv2.INTER_AREA) > 0.5
    sky_cover = None if sky is None else cv2.resize(sky.cover, size, interpolation=cv2.INTER_AREA)

    horizon = find_horizon(small, sky_cover)
    background = _background(small, object_, sky_cover, horizon)
    foreground, solid = _foreground(small, object_, background, horizon)
    if solid.any():
        background, foreground = _weld(small, solid, background, foreground)

    def full(disparity: F32) -> F32:
        enlarged: F32 = cv2.resize(disparity, (width, height), interpolation=cv2.INTER_LINEAR)
        return enlarged

    return Depth(full(background), full(foreground), horizon, bool(solid.any()))


def _ground_rows(rows: int, horizon: Horizon) -> F32:
    """(rows,) disparity of the ground, or of what stands at its end, in each image row."""
    ground = _GROUNDS[horizon.source]
    rise = min(ground.near - ground.wall, _STEEPEST * (1 - horizon.row))
    below = np.clip((np.arange(rows) / rows - horizon.row) / max(1 - horizon.row, 1e-3), 0, 1)
    return (ground.wall + rise * below**ground.bend).astype(np.float32)


def _background(rgb: U8, object_: Mask, sky_cover: F32 | None, horizon: Horizon) -> F32:
    height, width = object_.shape
    picture = rgb / np.float32(255)
    covered = object_ if sky_cover is None else object_ | (sky_cover > 0.5)
    known = (cv2.erode((~covered).astype(np.uint8), disc(2)) > 0).astype(np.float32)
    if known.sum() < 50:
        known = np.ones_like(known)
    layout = np.repeat(_ground_rows(height, horizon)[:, None], width, axis=1)
    if horizon.source is not HorizonSource.DEFAULT:
        layout = _with_uprights(rgb, layout, ~covered, horizon)
    disparity = layout * (1 + 0.3 * np.clip(_nearness_cue(rgb, known > 0), -0.8, 0.8))
    guide = pull_push(picture, known)
    filled = pull_push(disparity, known)
    smooth = guided_filter(guide, filled, max(8, width // 24), 2e-3)
    smooth = guided_filter(guide, smooth, max(6, width // 48), 1e-3)
    return np.clip(smooth, 0.01, 0.95)


def _with_uprights(rgb: U8, layout: F32, visible: Mask, horizon: Horizon) -> F32:
    """Vertical support: what crosses the horizon stands, at the disparity of the ground below it."""
    height, width = layout.shape
    regions = felzenszwalb(rgb, scale=200, sigma=0.8, min_size=height * width // 400)
    row = horizon.row * height
    ground = layout[:, 0]
    rows = np.repeat(np.arange(height)[:, None], width, axis=1)
    upright = layout.copy()
    for label, (along_rows, along_columns) in enumerate(ndimage.find_objects(regions + 1)):
        if along_rows.start > row - 0.04 * height or along_rows.stop < row + 0.02 * height:
            continue
        inside = (regions[along_rows, along_columns] == label) & visible[along_rows, along_columns]
        # The lowest row of the region in each column, smoothed, is where it stands.
        used = inside.any(axis=0)
        if not used.any():
            continue
        contact = np.where(inside, rows[along_rows, along_columns], 0).max(axis=0)
        contact = np.where(used, contact, np.median(contact[used]))
        contact = ndimage.median_filter(contact, size=max(3, width // 20), mode="nearest")
        # A region down to the border may be ground as well: its foot stays at most a third of the way.
        foot = np.minimum(contact, row + (height - row) / 3).astype(np.int64)
        stood = np.maximum(layout[along_rows, along_columns], ground[np.clip(foot, 0, height - 1)][None, :])
        upright[along_rows, along_columns][inside] = stood[inside]
    return upright


def _nearness_cue(rgb: U8, known: Mask) -> F32:
    """Haze, focus and saturation: positive where the background looks nearer than its average."""
    picture = rgb / np.float32(255)
    darkest = cv2.erode(picture.min(axis=2), disc(4))
    airlight = max(float(np.percentile(darkest, 99.5)), 0.3)
    clearness = cv2.blur((1 - 0.95 * darkest / airlight).astype(np.float32), (15, 15))
    saturation = picture.max(axis=2) - picture.min(axis=2)
    saturation = saturation / (float(np.percentile(saturation, 98)) + 1e-3)
    focus = sharpness(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) / np.float32(255))
    cue = 0.45 * clearness + 0.35 * focus + 0.2 * saturation
    return np.asarray(cue - cue[known].mean(), np.float32)


def _foreground(rgb: U8, object_: Mask, background: F32, horizon: Horizon) -> tuple[F32, Mask]:
    """Disparity of the object's parts, continued outside, and where they are."""
    height, width = object_.shape
    area = height * width
    ground = _ground_rows(height, horizon)
    least = _GROUNDS[horizon.source].object_least
    count, labels, stats, _ = cv2.connectedComponentsWithStats(object_.astype(np.uint8))
    standing = np.zeros_like(background)
    solid = np.zeros_like(object_)
    for label in range(1, count):
        share = stats[label, cv2.CC_STAT_AREA] / area
        if share < 0.001:
            continue
        part = labels == label
        foot = int(np.percentile(np.nonzero(part)[0], 99))
        behind = background[part]
        disparity = max(float(ground[min(foot, height - 1)]), float(np.percentile(behind, 70)) + 0.12, least)
        if foot > 0.97 * height:
            disparity = max(disparity, 0.72)
        if share < 0.02:  # A small thing that pops out looks broken.
            disparity = min(disparity, float(np.percentile(behind, 90)) + 0.08)
        standing[part] = min(disparity, 0.92)
        solid |= part
    if not solid.any():
        return background.copy(), solid
    rounded = standing + 0.6 * inflate(solid) / max(height, width)
    rounded = np.where(rounded > 0.7, 0.7 + 0.28 * np.tanh((rounded - 0.7) / 0.28), rounded)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) / np.float32(255)
    shading = gaussian(grey, width / 170) - gaussian(grey, width / 28)
    rounded = rounded + 0.03 * np.clip(3 * shading, -1, 1)
    continued = np.where(solid, rounded, pull_push(rounded, solid.astype(np.float32)))
    smooth = guided_filter(rgb / np.float32(255), continued, max(4, width // 90), 4e-3)
    return np.clip(smooth, background + 0.03, 1), solid


def _weld(rgb: U8, solid: Mask, background: F32, foreground: F32) -> tuple[F32, F32]:
    """Join the layers along the contour where the picture shows no edge between them."""
    width = solid.shape[1]
    contour = solid & ~(cv2.erode(solid.astype(np.uint8), disc(1)) > 0)
    edge = colour_edges(rgb)
    strong = float(np.percentile(edge, 85)) + 1e-3
    seamless = np.clip(1 - 2 * edge / strong, 0, 1) * contour
    weight = gaussian(contour.astype(np.float32), width / 100) + 1e-4
    joined = np.where(contour, gaussian(seamless, width / 100) / weight, 0)
    distance, nearest = ndimage.distance_transform_edt(~contour, return_indices=True)
    gap = joined * np.maximum(foreground - background, 0)
    lift = gap[nearest[0], nearest[1]] * np.exp(-((distance / (0.05 * width)) ** 2))
    lift = gaussian(lift, width / 150)
    lifted = np.minimum(background + 0.5 * lift, 0.97)
    return lifted, np.maximum(foreground - 0.5 * lift, lifted + 0.004)
