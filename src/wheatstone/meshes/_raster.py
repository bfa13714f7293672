"""Drawing faces into bands of the picture: which is nearest at each sample, then what colour it has there."""

from __future__ import annotations

import math

import numpy as np

from wheatstone.arrays import F32, F64, I32, I64, U8
from wheatstone.compiled import kernel

BAND_PX = 16
"""Rows of pixels in a band."""

GRID = 256.0
"""Steps of the grid of vertices between two samples; samples lie half way between multiples of it."""

_DARKEST = np.float32(0.42)
"""Of a surface that faces away from the light, as a share of its colour."""

_ZERO, _HALF, _ONE, _BYTE = map(np.float32, (0, 0.5, 1, 255))
_NAN, _INFINITY = map(np.float32, (np.nan, np.inf))


@kernel
def draw_bands(
    first: int,
    stop: int,
    starts: I64,
    entries: I64,
    faces: I32,
    places: F64,
    nearness: F64,
    is_perspective: bool,
    samples: int,
    vertices: F32,
    normals: F32,
    uv: F32,
    texture: U8,
    light: F32,
    shading: np.float32,
    background: F32,
    color: F32,
    alpha: F32,
    depth: F32,
    world: F32,
) -> None:
    """Draw bands `first` to before `stop` and write their pixels.

    Args:
        first: number of the first band.
        stop: number of the band after the last.
        starts: (bands + 1,) where each band's list begins in `entries`.
        entries: numbers of faces.
        faces: (F, 3) numbers of vertices.
        places: (V, 2) vertices on the picture, on the grid.
        nearness: (V,) larger is nearer; 1 / depth in perspective, else -depth.
        is_perspective: how to read it.
        samples: along each side of a pixel.
        vertices: (V, 3) where they are in the world.
        normals: (V, 3) unit normals in the camera's frame.
        uv: (V, 2) where they are in the texture.
        texture: (H, W, 3) sRGB.
        light: (3,) unit vector towards it, in the camera's frame.
        shading: 0 to 1.
        background: (3,) sRGB.
        color: (H, W, 3) to fill, as are all the following.
        alpha: (H, W).
        depth: (H, W).
        world: (H, W, 3).
    """
    height, width = alpha.shape
    for band in range(first, stop):
        top = band * BAND_PX
        bottom = min(top + BAND_PX, height)
        nearest = np.full(((bottom - top) * samples, width * samples), -np.inf)
        seen = np.full(nearest.shape, -1, np.int32)
        for k in range(starts[band], starts[band + 1]):
            _draw_face(entries[k], faces, places, nearness, top * samples, nearest, seen)
        _shade(
            top,
            seen,
            nearest,
            faces,
            places,
            nearness,
            is_perspective,
            samples,
            vertices,
            normals,
            uv,
            texture,
            light,
            shading,
            background,
            color,
            alpha,
            depth,
            world,
        )


@kernel
def _draw_face(face: int, faces: I32, places: F64, nearness: F64, first_row: int, nearest: F64, seen: I32) -> None:
    """Note a face at the samples where it is nearer than what was there."""
    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
    ax, ay, bx, by, cx, cy = places[a, 0], places[a, 1], places[b, 0], places[b, 1], places[c, 0], places[c, 1]
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if area == 0:
        return
    if area < 0:
        b, c, bx, by, cx, cy, area = c, b, cx, cy, bx, by, -area
    rows, columns = nearest.shape
    left = int(max(0.0, math.ceil(min(ax, bx, cx) / GRID - 0.5)))
    right = int(min(columns - 1.0, math.floor(max(ax, bx, cx) / GRID - 0.5)))
    top = int(max(float(first_row), math.ceil(min(ay, by, cy) / GRID - 0.5)))
    bottom = int(min(first_row + rows - 1.0, math.floor(max(ay, by, cy) / GRID - 0.5)))
    a_right, b_right, c_right = (by - cy) * GRID, (cy - ay) * GRID, (ay - by) * GRID
    nearer_right = (a_right * nearness[a] + b_right * nearness[b] + c_right * nearness[c]) / area
    x = (left + 0.5) * GRID
    for row in range(top, bottom + 1):
        y = (row + 0.5) * GRID
        a_share = (cx - bx) * (y - by) - (cy - by) * (x - bx)
        b_share = (ax - cx) * (y - cy) - (ay - cy) * (x - cx)
        c_share = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        near = (a_share * nearness[a] + b_share * nearness[b] + c_share * nearness[c]) / area
        for column in range(left, right + 1):
            if a_share >= 0 and b_share >= 0 and c_share >= 0:
                here = near + (column - left) * nearer_right
                if here > nearest[row - first_row, column]:
                    nearest[row - first_row, column] = here
                    seen[row - first_row, column] = face
            a_share += a_right
            b_share += b_right
            c_share += c_right


@kernel
def _shade(
    top: int,
    seen: I32,
    nearest: F64,
    faces: I32,
    places: F64,
    nearness: F64,
    is_perspective: bool,
    samples: int,
    vertices: F32,
    normals: F32,
    uv: F32,
    texture: U8,
    light: F32,
    shading: np.float32,
    background: F32,
    color: F32,
    alpha: F32,
    depth: F32,
    world: F32,
) -> None:
    """Average the samples of each pixel of a band, `top` being its first row."""
    rows, columns = texture.shape[0], texture.shape[1]
    count = np.float32(samples * samples)
    for y in range(top, top + len(seen) // samples):
        for x in range(alpha.shape[1]):
            red, green, blue, ahead = _ZERO, _ZERO, _ZERO, _ZERO
            world_x, world_y, world_z = _ZERO, _ZERO, _ZERO
            covered = 0
            for row in range(y * samples, (y + 1) * samples):
                for column in range(x * samples, (x + 1) * samples):
                    face = seen[row - top * samples, column]
                    if face < 0:
                        continue
                    covered += 1
                    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
                    px, py = (column + 0.5) * GRID, (row + 0.5) * GRID
                    bx, by = places[b, 0] - places[a, 0], places[b, 1] - places[a, 1]
                    cx, cy = places[c, 0] - places[a, 0], places[c, 1] - places[a, 1]
                    area = bx * cy - by * cx
                    px -= places[a, 0]
                    py -= places[a, 1]
                    b_share = (px * cy - py * cx) / area
                    c_share = (bx * py - by * px) / area
                    near = nearest[row - top * samples, column]
                    if is_perspective:
                        b_share *= nearness[b] / near
                        c_share *= nearness[c] / near
                        ahead += np.float32(1 / near)
                    else:
                        ahead -= np.float32(near)
                    wb, wc = np.float32(b_share), np.float32(c_share)
                    wa = _ONE - wb - wc
                    world_x += wa * vertices[a, 0] + wb * vertices[b, 0] + wc * vertices[c, 0]
                    world_y += wa * vertices[a, 1] + wb * vertices[b, 1] + wc * vertices[c, 1]
                    world_z += wa * vertices[a, 2] + wb * vertices[b, 2] + wc * vertices[c, 2]

                    # The four texels around, clamped to the edges.
                    tx = (wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]) * np.float32(columns) - _HALF
                    ty = (_ONE - (wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1])) * np.float32(rows) - _HALF
                    tx = min(max(tx, _ZERO), np.float32(columns - 1))
                    ty = min(max(ty, _ZERO), np.float32(rows - 1))
                    left, upper = int(tx), int(ty)
                    right, lower = min(left + 1, columns - 1), min(upper + 1, rows - 1)
                    fx, fy = tx - np.float32(left), ty - np.float32(upper)
                    w00, w01 = (_ONE - fx) * (_ONE - fy), fx * (_ONE - fy)
                    w10, w11 = (_ONE - fx) * fy, fx * fy

                    lit = _ONE
                    if shading > _ZERO:
                        nx = wa * normals[a, 0] + wb * normals[b, 0] + wc * normals[c, 0]
                        ny = wa * normals[a, 1] + wb * normals[b, 1] + wc * normals[c, 1]
                        nz = wa * normals[a, 2] + wb * normals[b, 2] + wc * normals[c, 2]
                        length = max(np.float32(math.sqrt(nx * nx + ny * ny + nz * nz)), np.float32(1e-6))
                        towards = (nx * light[0] + ny * light[1] + nz * light[2]) / length
                        if area > 0:  # clockwise with y up: seen from inside
                            towards = -towards
                        soft = _HALF + _HALF * towards
                        lit = _ONE - shading * (_ONE - _DARKEST) * (_ONE - soft)
                    lit /= _BYTE
                    red += lit * (
                        w00 * np.float32(texture[upper, left, 0])
                        + w01 * np.float32(texture[upper, right, 0])
                        + w10 * np.float32(texture[lower, left, 0])
                        + w11 * np.float32(texture[lower, right, 0])
                    )
                    green += lit * (
                        w00 * np.float32(texture[upper, left, 1])
                        + w01 * np.float32(texture[upper, right, 1])
                        + w10 * np.float32(texture[lower, left, 1])
                        + w11 * np.float32(texture[lower, right, 1])
                    )
                    blue += lit * (
                        w00 * np.float32(texture[upper, left, 2])
                        + w01 * np.float32(texture[upper, right, 2])
                        + w10 * np.float32(texture[lower, left, 2])
                        + w11 * np.float32(texture[lower, right, 2])
                    )
            share = np.float32(covered) / count
            rest = _ONE - share
            alpha[y, x] = share
            color[y, x, 0] = red / count + rest * background[0]
            color[y, x, 1] = green / count + rest * background[1]
            color[y, x, 2] = blue / count + rest * background[2]
            if covered == 0:
                depth[y, x] = _INFINITY
                world[y, x, 0] = world[y, x, 1] = world[y, x, 2] = _NAN
            else:
                drawn = np.float32(covered)
                depth[y, x] = ahead / drawn
                world[y, x, 0] = world_x / drawn
                world[y, x, 1] = world_y / drawn
                world[y, x, 2] = world_z / drawn
