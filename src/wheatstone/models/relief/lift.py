"""Layers become Gaussians: small ones for the texture, coarse ones a little deeper to back them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from wheatstone.arrays import F32, I64, AnyArray, Mask
from wheatstone.compiled import kernel, run_chunks
from wheatstone.models.relief.layers import Layer
from wheatstone.splats.gaussians import Gaussians, merge

Z_NEAR_M = 1.0
_FINE_SPREAD = 0.4
"""Standard deviation of a texture splat in pixels."""
_COARSE_STEP = 2
"""Backing splats stand on every second pixel of every second row."""
_COARSE_SPREAD = 0.62
_COARSE_BEHIND = 1.012
"""Backing splats are this much deeper than the texture they back."""
_THINNESS = 0.15
_OPACITY = 0.97
_STEEPEST = math.tan(math.radians(72))
"""Surfaces are not tilted further than this away from the picture."""
_LONGEST = 2.5
"""A tilted splat grows at most by this factor."""
_CHUNK = 65_536


def depth_of(disparity: AnyArray, strength: float) -> F32:
    """Depth in metres: 1 m at disparity 1, 1 / (1 - 0.75 strength) m at disparity 0."""
    far = 1 - 0.75 * strength
    return (Z_NEAR_M / (far + (1 - far) * np.clip(disparity, 0, 1))).astype(np.float32)


@kernel
def _shape_splats(
    depth: F32, rows: I64, columns: I64, f_px: float, cx_px: float, cy_px: float, spread_px: float,
    means: F32, scales: F32, quaternions: F32,
) -> None:  # fmt: skip
    """Place and orient one splat per chosen pixel along the surface; fills the last three arguments."""
    height, width = depth.shape
    for k in range(len(rows)):
        y, x = rows[k], columns[k]
        z = depth[y, x]
        u, v = (x + 0.5 - cx_px) / f_px, (y + 0.5 - cy_px) / f_px
        pitch = z / f_px
        # The flatter of the two one-sided slopes: no skirts across a jump.
        right = depth[y, x + 1] - z if x + 1 < width else np.inf
        left = z - depth[y, x - 1] if x > 0 else np.inf
        below = depth[y + 1, x] - z if y + 1 < height else np.inf
        above = z - depth[y - 1, x] if y > 0 else np.inf
        limit = _STEEPEST * pitch
        zx = min(max(right if abs(right) < abs(left) else left, -limit), limit)
        zy = min(max(below if abs(below) < abs(above) else above, -limit), limit)
        tx, ty = (pitch + u * zx, v * zx, zx), (u * zy, pitch + v * zy, zy)
        nx, ny, nz = (
            tx[1] * ty[2] - tx[2] * ty[1],
            tx[2] * ty[0] - tx[0] * ty[2],
            tx[0] * ty[1] - tx[1] * ty[0],
        )
        length = math.sqrt(nx * nx + ny * ny + nz * nz)
        nx, ny, nz = nx / length, ny / length, nz / length
        view = math.sqrt(u * u + v * v + 1)
        facing = (nx * u + ny * v + nz) / view
        # Long axis: the view direction laid into the surface, or its first tangent where they meet head-on.
        ax, ay, az = u / view - nx * facing, v / view - ny * facing, 1 / view - nz * facing
        length = math.sqrt(ax * ax + ay * ay + az * az)
        if length < 1e-3:
            ax, ay, az = tx
            length = math.sqrt(ax * ax + ay * ay + az * az)
        ax, ay, az = ax / length, ay / length, az / length
        bx, by, bz = ny * az - nz * ay, nz * ax - nx * az, nx * ay - ny * ax
        means[k, 0], means[k, 1], means[k, 2] = u * z, v * z, z
        scales[k, 0] = spread_px * pitch / max(abs(facing), 1 / _LONGEST)
        scales[k, 1] = spread_px * pitch
        scales[k, 2] = _THINNESS * spread_px * pitch
        # Quaternion of the rotation with columns a, b, n (Shepperd 1978: divide by the largest component).
        w, x_, y_, z_ = 1 + ax + by + nz, 1 + ax - by - nz, 1 - ax + by - nz, 1 - ax - by + nz
        if w >= x_ and w >= y_ and w >= z_:
            q = (w, bz - ny, nx - az, ay - bx)
        elif x_ >= y_ and x_ >= z_:
            q = (bz - ny, x_, ay + bx, nx + az)
        elif y_ >= z_:
            q = (nx - az, ay + bx, y_, bz + ny)
        else:
            q = (ay - bx, nx + az, bz + ny, z_)
        length = math.sqrt(q[0] ** 2 + q[1] ** 2 + q[2] ** 2 + q[3] ** 2)
        for i in range(4):
            quaternions[k, i] = q[i] / length


def lift(layers: Sequence[Layer], f_px: float, strength: float) -> Gaussians:
    """Turn layers, back to front, into Gaussians in the frame of the photo's camera.

    Args:
        layers: all of one canvas size, the picture in the middle.
        f_px: focal length in canvas pixels.
        strength: 0 flat to 1 deepest.
    """
    parts = []
    for layer in layers:
        parts.append(_backing(layer, f_px, strength))
        parts.append(_texture(layer, f_px, strength))
    return merge(parts)


def _texture(layer: Layer, f_px: float, strength: float) -> Gaussians:
    chosen = layer.fine & (layer.alpha > 0.06)
    depth = depth_of(layer.disparity, strength)
    return _splats(
        depth, (layer.colour / np.float32(255)).astype(np.float32), layer.alpha, chosen, f_px, _FINE_SPREAD
    )


def _backing(layer: Layer, f_px: float, strength: float) -> Gaussians:
    height, width = layer.alpha.shape
    size = (width // _COARSE_STEP, height // _COARSE_STEP)
    colour: F32 = cv2.resize(layer.colour, size, interpolation=cv2.INTER_AREA) / np.float32(255)
    disparity = cv2.resize(layer.disparity, size, interpolation=cv2.INTER_AREA)
    # Only where the layer is opaque all around: a backing must not stick out of a silhouette.
    solid = cv2.erode((layer.alpha > 0.9).astype(np.uint8), np.ones((3, 3), np.uint8))
    chosen = cv2.resize(solid.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    depth = depth_of(disparity, strength) * np.float32(_COARSE_BEHIND)
    return _splats(depth, colour, np.ones(chosen.shape, np.float32), chosen, f_px / _COARSE_STEP, _COARSE_SPREAD)


def _splats(depth: F32, colour: F32, alpha: F32, chosen: Mask, f_px: float, spread_px: float) -> Gaussians:
    rows, columns = np.nonzero(chosen)
    count = len(rows)
    means, scales = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
    quaternions = np.empty((count, 4), np.float32)
    cx_px, cy_px = depth.shape[1] / 2, depth.shape[0] / 2

    def shape(start: int, stop: int) -> None:
        part = slice(start, stop)
        _shape_splats(
            depth, rows[part], columns[part], f_px, cx_px, cy_px, spread_px,
            means[part], scales[part], quaternions[part],
        )  # fmt: skip

    run_chunks(shape, count, _CHUNK)
    opacity = np.clip(_OPACITY * alpha[chosen], 0.02, 0.99)
    return Gaussians.from_colors(means, scales, quaternions, opacity, colour[chosen])
