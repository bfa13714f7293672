"""Fewer faces, same shape: edge collapses in the order of their quadric error (Garland, Heckbert 1997).

An edge is collapsed only if the surface stays a manifold (link condition) and no face turns over, so that a
closed mesh stays closed. Sequential, hence the same on every machine and thread count.
"""

from __future__ import annotations

import heapq

import numpy as np

from wheatstone.arrays import F32, F64, I32, I64, AnyArray
from wheatstone.compiled import kernel

_LEAST_FACES = 4
_LENGTH_WEIGHT = 1e-5
"""Share of an edge's squared length in its cost: evenly long edges where the surface is flat."""
_MOST_TURN = 0.2
"""Cosine of the largest angle by which a face may turn in one collapse."""


def decimate(vertices: F32, faces: I32, target: int) -> tuple[F32, I32]:
    """Reduce a closed mesh to about `target` faces, or to as few as its topology allows.

    Args:
        vertices: (V, 3).
        faces: (F, 3), every edge shared by exactly two.
        target: faces to keep, at least.

    Returns:
        Vertices and faces; every edge is still shared by exactly two faces.
    """
    if len(faces) <= max(target, _LEAST_FACES):
        return vertices, faces
    moved, joined = vertices.astype(np.float64), faces.astype(np.int64)
    alive = _collapse(moved, joined, _quadrics(moved, joined), max(target, _LEAST_FACES)) > 0
    kept = joined[alive]
    used, inverse = np.unique(kept, return_inverse=True)
    return moved[used].astype(np.float32), inverse.reshape(-1, 3).astype(np.int32)


def _quadrics(vertices: F64, faces: I64) -> F64:
    """(V, 10) upper triangles of each vertex's sum of squared distances to its faces' planes, by area."""
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    double_area = np.sqrt((cross**2).sum(axis=1))
    normal = cross / np.maximum(double_area, 1e-30)[:, None]
    plane = np.concatenate([normal, -(normal * corners[:, 0]).sum(axis=1, keepdims=True)], axis=1)
    row, column = np.triu_indices(4)
    own = plane[:, row] * plane[:, column] * double_area[:, None]
    return np.stack(
        [
            sum((np.bincount(faces[:, k], own[:, i], len(vertices)) for k in range(3)), np.zeros(len(vertices)))
            for i in range(10)
        ],
        axis=1,
    )


@kernel
def _error(q: F64, x: float, y: float, z: float) -> float:
    """The quadric at a point."""
    value: float = (
        q[0] * x * x + 2 * q[1] * x * y + 2 * q[2] * x * z + 2 * q[3] * x
        + q[4] * y * y + 2 * q[5] * y * z + 2 * q[6] * y
        + q[7] * z * z + 2 * q[8] * z + q[9]
    )  # fmt: skip
    return value


@kernel
def _meeting(vertices: F64, quadrics: F64, a: int, b: int) -> tuple[float, float, float, float]:
    """Cost and place of the best point to which the edge from a to b may shrink."""
    q = quadrics[a] + quadrics[b]
    ax, ay, az = vertices[a, 0], vertices[a, 1], vertices[a, 2]
    bx, by, bz = vertices[b, 0], vertices[b, 1], vertices[b, 2]
    squared = (ax - bx) ** 2 + (ay - by) ** 2 + (az - bz) ** 2
    x, y, z = (ax + bx) / 2, (ay + by) / 2, (az + bz) / 2
    best = _error(q, x, y, z)
    for cx, cy, cz in ((ax, ay, az), (bx, by, bz)):
        cost = _error(q, cx, cy, cz)
        if cost < best:
            best, x, y, z = cost, cx, cy, cz
    # The minimum, by Cramer's rule, unless it is ill-defined or far away.
    m00, m01, m02, m11, m12, m22 = q[0], q[1], q[2], q[4], q[5], q[7]
    c00, c01, c02 = m11 * m22 - m12 * m12, m02 * m12 - m01 * m22, m01 * m12 - m02 * m11
    determinant = m00 * c00 + m01 * c01 + m02 * c02
    trace = m00 + m11 + m22
    if determinant > 1e-4 * trace * trace * trace:
        c11, c12, c22 = m00 * m22 - m02 * m02, m01 * m02 - m00 * m12, m00 * m11 - m01 * m01
        cx = -(c00 * q[3] + c01 * q[6] + c02 * q[8]) / determinant
        cy = -(c01 * q[3] + c11 * q[6] + c12 * q[8]) / determinant
        cz = -(c02 * q[3] + c12 * q[6] + c22 * q[8]) / determinant
        away = (cx - (ax + bx) / 2) ** 2 + (cy - (ay + by) / 2) ** 2 + (cz - (az + bz) / 2) ** 2
        cost = _error(q, cx, cy, cz)
        if away < squared and cost < best:
            best, x, y, z = cost, cx, cy, cz
    return max(best, 0.0) + _LENGTH_WEIGHT * squared * squared, x, y, z


@kernel
def _turns_over(
    vertices: F64,
    faces: I64,
    head: I64,
    following: I64,
    alive: AnyArray,
    a: int,
    b: int,
    x: float,
    y: float,
    z: float,
) -> bool:
    """Whether a face of a that is not one of b would turn too far if a moved to the point."""
    corner = head[a]
    while corner >= 0:
        f = corner // 3
        if alive[f] and faces[f, 0] != b and faces[f, 1] != b and faces[f, 2] != b:
            k = corner % 3
            u, v = faces[f, (k + 1) % 3], faces[f, (k + 2) % 3]
            ex, ey, ez = (
                vertices[v, 0] - vertices[u, 0],
                vertices[v, 1] - vertices[u, 1],
                vertices[v, 2] - vertices[u, 2],
            )
            ox, oy, oz = (
                vertices[a, 0] - vertices[u, 0],
                vertices[a, 1] - vertices[u, 1],
                vertices[a, 2] - vertices[u, 2],
            )
            nx, ny, nz = x - vertices[u, 0], y - vertices[u, 1], z - vertices[u, 2]
            px, py, pz = ey * oz - ez * oy, ez * ox - ex * oz, ex * oy - ey * ox
            qx, qy, qz = ey * nz - ez * ny, ez * nx - ex * nz, ex * ny - ey * nx
            before, after = px * px + py * py + pz * pz, qx * qx + qy * qy + qz * qz
            if after < 1e-18 or px * qx + py * qy + pz * qz < _MOST_TURN * np.sqrt(before * after):
                return True
        corner = following[corner]
    return False


@kernel
def _valence(head: I64, following: I64, alive: AnyArray, v: int) -> int:
    count = 0
    corner = head[v]
    while corner >= 0:
        if alive[corner // 3]:
            count += 1
        corner = following[corner]
    return count


@kernel
def _may_join(
    faces: I64, head: I64, following: I64, alive: AnyArray, mark: I64, tick: int, a: int, b: int
) -> bool:
    """The link condition: a and b share two faces and just the two vertices opposite, which keep three faces."""
    corner = head[a]
    shared = 0
    while corner >= 0:
        f = corner // 3
        if alive[f]:
            for k in range(3):
                v = faces[f, k]
                mark[v] = 2 * tick
                if v == b:
                    shared += 1
                    opposite = faces[f, 0] + faces[f, 1] + faces[f, 2] - a - b
                    if _valence(head, following, alive, opposite) <= 3:
                        return False
        corner = following[corner]
    if shared != 2:
        return False
    common = 0
    corner = head[b]
    while corner >= 0:
        f = corner // 3
        if alive[f]:
            for k in range(3):
                v = faces[f, k]
                if v != a and v != b and mark[v] == 2 * tick:
                    mark[v] = 2 * tick + 1
                    common += 1
        corner = following[corner]
    return common == 2


@kernel
def _collapse(vertices: F64, faces: I64, quadrics: F64, target: int) -> AnyArray:
    """Collapse edges in place until `target` faces are left; returns which are, 1 or 0."""
    count, total = len(vertices), len(faces)
    alive, gone = np.ones(total, np.uint8), np.zeros(count, np.uint8)
    head, tail = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
    following = np.full(3 * total, -1, np.int64)
    stamp, mark = np.zeros(count, np.int64), np.full(count, -1, np.int64)
    for corner in range(3 * total):
        v = faces[corner // 3, corner % 3]
        if head[v] < 0:
            head[v] = corner
        else:
            following[tail[v]] = corner
        tail[v] = corner
    heap = [(0.0, 0, 0, 0, 0)]
    heap.pop()
    for f in range(total):
        for k in range(3):
            a, b = faces[f, k], faces[f, (k + 1) % 3]
            if a < b:
                cost, _, _, _ = _meeting(vertices, quadrics, a, b)
                heap.append((cost, a, b, 0, 0))
    heapq.heapify(heap)
    left, tick = total, 0
    while left > target and len(heap) > 0:
        _, a, b, at_a, at_b = heapq.heappop(heap)
        if gone[a] or gone[b] or stamp[a] != at_a or stamp[b] != at_b:
            continue
        tick += 1
        if not _may_join(faces, head, following, alive, mark, tick, a, b):
            continue
        _, x, y, z = _meeting(vertices, quadrics, a, b)
        if _turns_over(vertices, faces, head, following, alive, a, b, x, y, z):
            continue
        if _turns_over(vertices, faces, head, following, alive, b, a, x, y, z):
            continue
        vertices[a, 0], vertices[a, 1], vertices[a, 2] = x, y, z
        for i in range(quadrics.shape[1]):
            quadrics[a, i] += quadrics[b, i]
        gone[b] = 1
        stamp[a] += 1
        corner = head[b]
        while corner >= 0:
            f = corner // 3
            if alive[f]:
                if faces[f, 0] == a or faces[f, 1] == a or faces[f, 2] == a:
                    alive[f] = 0
                    left -= 1
                else:
                    faces[f, corner % 3] = a
            corner = following[corner]
        following[tail[a]] = head[b]
        tail[a] = tail[b]
        tick += 1
        corner = head[a]
        while corner >= 0:
            f = corner // 3
            if alive[f]:
                for k in range(3):
                    v = faces[f, k]
                    if v != a and mark[v] != 2 * tick:
                        mark[v] = 2 * tick
                        low, high = min(a, v), max(a, v)
                        cost, _, _, _ = _meeting(vertices, quadrics, low, high)
                        heapq.heappush(heap, (cost, low, high, stamp[low], stamp[high]))
            corner = following[corner]
    return alive
