"""Front-to-back alpha blending of the Gaussians in each tile's list.

A tile keeps five planes that fit the first-level cache: the light still passing, red, green, blue and
depth. Every row a Gaussian touches is done at full tile width without branches, which the compiler turns
into vector instructions; each pixel's arithmetic is the same whatever their width.
"""

from __future__ import annotations

import math

import numpy as np

from wheatstone.arrays import F32, I32, I64
from wheatstone.compiled import kernel
from wheatstone.splats._projection import (
    BLUE,
    DEPTH,
    GREEN,
    INV_SIGMA_X,
    INV_SIGMA_Y,
    LOG_OPACITY,
    MIN_ALPHA,
    RED,
    SLOPE,
    U,
    V,
)
from wheatstone.splats._tiles import TILE_PX

_MAX_ALPHA = np.float32(0.99)
_MIN_LOG_ALPHA = np.float32(math.log(MIN_ALPHA))

_MIN_PASSING = np.float32(1e-4)
"""A pixel is finished when less light than this passes through what was drawn."""

_CHECK_EVERY = 16
"""Gaussians between two looks at whether all pixels of a tile are finished."""

_PIXELS = TILE_PX * TILE_PX

# In kernels a Python float is float64 and would widen float32 arithmetic.
_ZERO, _EIGHTH, _HALF, _ONE, _INFINITY = map(np.float32, (0, 0.125, 0.5, 1, np.inf))

# exp(x / 8) for x from log(1/255) to 0, least squares in relative error: 8e-8. Its eighth power serves as
# exp(x): it becomes vector code and gives the same bits everywhere; the libraries' exp does neither.
_E0, _E1, _E2, _E3, _E4, _E5 = map(
    np.float32, (0.99999992354, 0.99999279791, 0.49988600506, 0.16598946744, 0.03980081889, 0.00586460495)
)


@kernel
def blend_tiles(
    first: int,
    starts: I64,
    entries: I32,
    splats: F32,
    boxes: I32,
    tiles_across: int,
    background: F32,
    color: F32,
    alpha: F32,
    depth: F32,
) -> None:
    """Blend consecutive tiles and write their pixels.

    Args:
        first: number of the first tile.
        starts: (tiles + 1,) where each tile's list begins in `entries`.
        entries: indices of Gaussians, nearest first in each list.
        splats: (N, 10); see `Projection`.
        boxes: (N, 4); see `Projection`.
        tiles_across: tiles in a row of the picture.
        background: (3,) colour behind everything.
        color: (H, W, 3) output.
        alpha: (H, W) output.
        depth: (H, W) output.
    """
    height, width = alpha.shape
    planes = np.empty(5 * _PIXELS, np.float32)
    for tile in range(len(starts) - 1):
        left = (first + tile) % tiles_across * TILE_PX
        top = (first + tile) // tiles_across * TILE_PX
        planes[:_PIXELS] = _ONE
        planes[_PIXELS:] = _ZERO
        for n in range(starts[tile], starts[tile + 1]):
            if n % _CHECK_EVERY == 0:
                unfinished = 0
                for k in range(_PIXELS):
                    unfinished += planes[k] >= _MIN_PASSING
                if unfinished == 0:
                    break
            _blend(splats[entries[n]], boxes[entries[n]], left, top, planes)
        for y in range(min(TILE_PX, height - top)):
            for x in range(min(TILE_PX, width - left)):
                k = y * TILE_PX + x
                passing = planes[k]
                for channel in range(3):
                    color[top + y, left + x, channel] = (
                        planes[k + (1 + channel) * _PIXELS] + passing * background[channel]
                    )
                covered = _ONE - passing
                alpha[top + y, left + x] = covered
                depth[top + y, left + x] = planes[k + 4 * _PIXELS] / covered if covered > _ZERO else _INFINITY


@kernel
def _blend(splat: F32, box: I32, left: int, top: int, planes: F32) -> None:
    """Blend one Gaussian behind what `planes`, the tile at `left` and `top`, already hold."""
    to_left = np.float32(left) + _HALF - splat[U]
    for y in range(max(box[1] - top, 0), min(box[3] - top, TILE_PX)):
        dy = np.float32(top + y) + _HALF - splat[V]
        down = dy * splat[INV_SIGMA_Y]
        log_peak = splat[LOG_OPACITY] - _HALF * (down * down)
        across_left = (to_left - splat[SLOPE] * dy) * splat[INV_SIGMA_X]
        across_right = across_left + np.float32(TILE_PX - 1) * splat[INV_SIGMA_X]
        nearest = max(across_left, -across_right, _ZERO)
        if log_peak - _HALF * (nearest * nearest) < _MIN_LOG_ALPHA:
            continue
        row = np.uintp(y * TILE_PX)  # unsigned: a signed index could wrap, which costs the vector code
        for x in range(TILE_PX):
            k = row + np.uintp(x)
            across = across_left + np.float32(x) * splat[INV_SIGMA_X]
            log_alpha = log_peak - _HALF * (across * across)
            e = log_alpha * _EIGHTH
            power = ((((_E5 * e + _E4) * e + _E3) * e + _E2) * e + _E1) * e + _E0
            power *= power
            power *= power
            power *= power
            passing = planes[k]
            drawn = (log_alpha >= _MIN_LOG_ALPHA) & (passing >= _MIN_PASSING)
            weight = min(power, _MAX_ALPHA) * passing if drawn else _ZERO
            planes[k] = passing - weight
            planes[k + np.uintp(_PIXELS)] += weight * splat[RED]
            planes[k + np.uintp(2 * _PIXELS)] += weight * splat[GREEN]
            planes[k + np.uintp(3 * _PIXELS)] += weight * splat[BLUE]
            planes[k + np.uintp(4 * _PIXELS)] += weight * splat[DEPTH]
