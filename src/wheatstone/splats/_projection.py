"""EWA projection: every 3D Gaussian becomes a 2D Gaussian on the picture plane, with a colour.

After Zwicker et al., "EWA volume splatting" (2001), with the conventions of 3D Gaussian splatting.

A 2D Gaussian with covariance [[a, b], [b, c]] is kept as its marginal along y (variance c) and its
conditional along x (mean shifted by (b / c) dy, variance (ac - bb) / c). The squared distance is then a
sum of two squares, which loses no digits for needles and never turns negative.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wheatstone.arrays import F32, F64, I32
from wheatstone.compiled import kernel, run_chunks
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.sh import fill_basis

MIN_ALPHA = 1 / 255
"""A Gaussian ends where its alpha falls below this."""

U, V, SLOPE, INV_SIGMA_X, INV_SIGMA_Y, LOG_OPACITY, RED, GREEN, BLUE, DEPTH = range(10)
"""Columns of `Projection.splats`."""

_COLUMNS = 10
_CHUNK = 1 << 15
_FRUSTUM_MARGIN = 0.3
"""The Jacobian is taken at most this much of the half picture outside it, as in 3DGS."""


_TINY = 1e-300  # keeps a zero quaternion, read as no turn, from a division by zero

_Vector = tuple[float, float, float]


class _View(NamedTuple):
    """A camera as the kernel reads it; lengths on the picture in pixels."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    rotation: F64
    centre: F64
    near_m: float
    low_pass_px2: float
    antialiased: bool


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """2D Gaussians, 56 bytes each, in the order of the 3D ones.

    Attributes:
        splats: (N, 10) float32: centre u, v in pixels; x shift per y; 1 / sigma of x given y and of y, in
            1/pixel; natural logarithm of the opacity; red, green, blue in sRGB; depth in metres.
        boxes: (N, 4) int32: first and last-plus-one pixel column and row (x0, y0, x1, y1) where alpha may
            reach `MIN_ALPHA`; all zero when the Gaussian does not show.
    """

    splats: F32
    boxes: I32


def project(
    gaussians: Gaussians, camera: Camera, *, near_m: float, low_pass_px2: float, antialiased: bool
) -> Projection:
    """Project Gaussians; those behind `near_m`, outside the picture, too faint or not finite do not show."""
    rotation = np.ascontiguousarray(camera.world_to_camera[:3, :3], np.float64)
    view = _View(
        camera.width_px,
        camera.height_px,
        float(camera.fx_px),
        float(camera.fy_px),
        float(camera.cx_px),
        float(camera.cy_px),
        rotation,
        -rotation.T @ camera.world_to_camera[:3, 3],
        float(near_m),
        float(low_pass_px2),
        antialiased,
    )
    splats = np.empty((len(gaussians), _COLUMNS), np.float32)
    boxes = np.zeros((len(gaussians), 4), np.int32)

    def work(start: int, stop: int) -> None:
        part = slice(start, stop)
        _project(
            gaussians.means[part],
            gaussians.scales[part],
            gaussians.quaternions[part],
            gaussians.opacities[part],
            gaussians.sh[part],
            view,
            splats[part],
            boxes[part],
        )

    run_chunks(work, len(gaussians), _CHUNK)
    return Projection(splats, boxes)


@kernel
def _project(
    means: F32, scales: F32, quaternions: F32, opacities: F32, sh: F32, view: _View, splats: F32, boxes: I32
) -> None:
    # All arithmetic is float64: as fast as float32 in scalar code, and no input overflows it.
    turn, centre = view.rotation, view.centre
    right = (turn[0, 0], turn[0, 1], turn[0, 2])
    down = (turn[1, 0], turn[1, 1], turn[1, 2])
    ahead = (turn[2, 0], turn[2, 1], turn[2, 2])
    margin_x = _FRUSTUM_MARGIN * 0.5 * view.width / view.fx
    margin_y = _FRUSTUM_MARGIN * 0.5 * view.height / view.fy
    low_x, high_x = -view.cx / view.fx - margin_x, (view.width - view.cx) / view.fx + margin_x
    low_y, high_y = -view.cy / view.fy - margin_y, (view.height - view.cy) / view.fy + margin_y
    basis = np.empty(sh.shape[1], np.float64)
    for i in range(len(means)):
        offset = (means[i, 0] - centre[0], means[i, 1] - centre[1], means[i, 2] - centre[2])
        z = _dot(ahead, offset)
        opacity = np.float64(opacities[i])
        # Comparisons are written so that NaN fails them.
        if not (z > view.near_m and opacity >= MIN_ALPHA):
            continue
        tan_x, tan_y = _dot(right, offset) / z, _dot(down, offset) / z

        # Rows of the projection's Jacobian times the camera's rotation: pixels per metre of scene.
        row_x = _slope_of_pixel(view.fx / z, right, min(max(tan_x, low_x), high_x), ahead)
        row_y = _slope_of_pixel(view.fy / z, down, min(max(tan_y, low_y), high_y), ahead)
        axes_x, axes_y = _project_axes(row_x, row_y, quaternions[i], scales[i])

        # The determinant is a sum of squares (Cauchy-Binet), which keeps its digits for needles.
        blur = view.low_pass_px2
        a, b, c = _dot(axes_x, axes_x), _dot(axes_x, axes_y), _dot(axes_y, axes_y)
        normal = _cross(axes_x, axes_y)
        sharp_det = _dot(normal, normal)
        det = sharp_det + blur * (a + c) + blur * blur
        a, c = a + blur, c + blur
        if not (det > 0 and c > 0):
            continue
        if view.antialiased:
            opacity *= math.sqrt(sharp_det / det)
            if not opacity >= MIN_ALPHA:
                continue

        u, v = view.fx * tan_x + view.cx, view.fy * tan_y + view.cy
        reach = 2 * math.log(opacity / MIN_ALPHA)  # squared, in sigmas
        reach_x, reach_y = math.sqrt(reach * a), math.sqrt(reach * c)
        # NumPy's ceil and floor stay float64: math's would turn a huge number into a wrong integer.
        x0, x1 = max(np.ceil(u - reach_x - 0.5), 0.0), min(np.floor(u + reach_x - 0.5) + 1, view.width)
        y0, y1 = max(np.ceil(v - reach_y - 0.5), 0.0), min(np.floor(v + reach_y - 0.5) + 1, view.height)
        if not (x0 < x1 and y0 < y1):
            continue

        distance = math.sqrt(_dot(offset, offset))
        fill_basis(offset[0] / distance, offset[1] / distance, offset[2] / distance, basis)
        red = green = blue = 0.5
        for k in range(len(basis)):
            red += basis[k] * sh[i, k, 0]
            green += basis[k] * sh[i, k, 1]
            blue += basis[k] * sh[i, k, 2]

        splats[i, U], splats[i, V] = u, v
        splats[i, SLOPE] = b / c
        splats[i, INV_SIGMA_X], splats[i, INV_SIGMA_Y] = math.sqrt(c / det), 1 / math.sqrt(c)
        splats[i, LOG_OPACITY] = math.log(opacity)
        splats[i, RED], splats[i, GREEN], splats[i, BLUE] = max(red, 0.0), max(green, 0.0), max(blue, 0.0)
        splats[i, DEPTH] = z
        finite = True
        for k in range(_COLUMNS):
            finite &= math.isfinite(splats[i, k])
        if finite:
            boxes[i, 0], boxes[i, 1], boxes[i, 2], boxes[i, 3] = int(x0), int(y0), int(x1), int(y1)


@kernel
def _slope_of_pixel(pixels_per_metre: float, axis: _Vector, tangent: float, ahead: _Vector) -> _Vector:
    """Gradient of one pixel coordinate over scene positions: along the picture's axis, less the perspective."""
    return (
        pixels_per_metre * (axis[0] - tangent * ahead[0]),
        pixels_per_metre * (axis[1] - tangent * ahead[1]),
        pixels_per_metre * (axis[2] - tangent * ahead[2]),
    )


@kernel
def _project_axes(row_x: _Vector, row_y: _Vector, quaternion: F32, scales: F32) -> tuple[_Vector, _Vector]:
    """The principal axes, each as long as its sigma, on the picture: their x and their y components."""
    w, x, y, z = (
        np.float64(quaternion[0]),
        np.float64(quaternion[1]),
        np.float64(quaternion[2]),
        np.float64(quaternion[3]),
    )
    h = 2 / max(w * w + x * x + y * y + z * z, _TINY)
    first = (1 - h * (y * y + z * z), h * (x * y + w * z), h * (x * z - w * y))
    second = (h * (x * y - w * z), 1 - h * (x * x + z * z), h * (y * z + w * x))
    third = (h * (x * z + w * y), h * (y * z - w * x), 1 - h * (x * x + y * y))
    return (
        (scales[0] * _dot(row_x, first), scales[1] * _dot(row_x, second), scales[2] * _dot(row_x, third)),
        (scales[0] * _dot(row_y, first), scales[1] * _dot(row_y, second), scales[2] * _dot(row_y, third)),
    )


@kernel
def _dot(p: _Vector, q: _Vector) -> float:
    return p[0] * q[0] + p[1] * q[1] + p[2] * q[2]


@kernel
def _cross(p: _Vector, q: _Vector) -> _Vector:
    return p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]
