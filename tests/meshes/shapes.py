"""Meshes to try things on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from wheatstone.arrays import F32, F64, U8
from wheatstone.meshes.mesh import Mesh


def sphere(rings: int = 16, radius: float = 1.0) -> Mesh:
    """A closed surface around the origin, poles up and down, `rings` times twice as many quads."""
    around, up = 2 * rings, np.linspace(0, np.pi, rings + 1)[1:-1]
    turn = np.arange(around) / around * 2 * np.pi
    belt = np.stack(
        [
            np.outer(np.sin(up), np.sin(turn)),
            np.repeat(np.cos(up)[:, None], around, axis=1),
            np.outer(np.sin(up), np.cos(turn)),
        ],
        axis=2,
    ).reshape(-1, 3)
    vertices = np.concatenate([belt, [[0, 1, 0], [0, -1, 0]]]) * radius
    faces = []
    for ring in range(rings - 2):
        for step in range(around):
            a, b = ring * around + step, ring * around + (step + 1) % around
            faces += [(a, a + around, b), (b, a + around, b + around)]
    top, bottom, last = len(belt), len(belt) + 1, (rings - 2) * around
    for step in range(around):
        following = (step + 1) % around
        faces += [(top, step, following), (bottom, last + following, last + step)]
    return Mesh(vertices.astype(np.float32), np.array(faces, np.int32))


def box(size: tuple[float, float, float] = (1, 1, 1)) -> Mesh:
    """A closed box around the origin, each side with vertices of its own and a sixth of the texture.

    The sides are right, left, top, bottom, front, back; the texture gives each a colour of `SIDES`.
    """
    vertices, faces, uv = [], [], []
    for side, (normal, across, up) in enumerate(
        [
            ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
            ((-1, 0, 0), (0, 0, 1), (0, 1, 0)),
            ((0, 1, 0), (1, 0, 0), (0, 0, -1)),
            ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
            ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
            ((0, 0, -1), (-1, 0, 0), (0, 1, 0)),
        ]
    ):
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            vertices.append(np.array(normal) + a * np.array(across) + b * np.array(up))
            uv.append(((side + 0.5 + 0.3 * a) / 6, 0.5 + 0.3 * b))
        faces += [(4 * side, 4 * side + 1, 4 * side + 2), (4 * side, 4 * side + 2, 4 * side + 3)]
    texture = np.repeat(np.repeat(SIDES[None], 16, axis=0), 16, axis=1)
    return Mesh(
        (np.array(vertices) * np.array(size) / 2).astype(np.float32),
        np.array(faces, np.int32),
        np.array(uv, np.float32),
        texture,
    )


SIDES: U8 = np.array(
    [(220, 40, 40), (40, 200, 40), (240, 240, 240), (60, 60, 60), (40, 80, 230), (230, 200, 30)], np.uint8
)
"""Colours of right, left, top, bottom, front and back of `box`."""


def painted(mesh: Mesh, side_px: int = 64) -> Mesh:
    """The mesh with a random texture laid on from the front."""
    low, high = mesh.bounds
    uv = (mesh.vertices[:, :2] - low[:2]) / (high - low)[:2]
    texture = np.random.default_rng(0).integers(0, 256, (side_px, side_px, 3), np.uint8)
    return replace(mesh, uv=uv, texture=texture)


def pixels(mesh: Mesh) -> U8:
    """The texture of a mesh that has one."""
    assert mesh.texture is not None
    return mesh.texture


def coordinates(mesh: Mesh) -> F32:
    """The texture coordinates of a mesh that has some."""
    assert mesh.uv is not None
    return mesh.uv


def turned(degrees: float, axis: int) -> F64:
    """(4, 4) rotation about an axis."""
    a, b = [k for k in range(3) if k != axis]
    matrix = np.eye(4)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = c, -s, s, c
    return matrix


@st.composite
def meshes(draw: st.DrawFn) -> Mesh:
    """Any small mesh: faces may cross, repeat or have no area; with or without uv, texture and normals."""
    count, triangles = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    numbers = st.floats(-1e6, 1e6, width=32)
    shares = st.floats(0, 1, width=32)
    vertices = draw(npst.arrays(np.float32, (count, 3), elements=numbers))
    faces = draw(npst.arrays(np.int32, (triangles, 3), elements=st.integers(0, count - 1)))
    uv = draw(st.none() | npst.arrays(np.float32, (count, 2), elements=shares))
    sides = st.integers(1, 5)
    texture = None
    if uv is not None:
        texture = draw(st.none() | npst.arrays(np.uint8, st.tuples(sides, sides, st.just(3))))
    normals = None
    if draw(st.booleans()):
        angles = draw(npst.arrays(np.float64, count, elements=st.floats(0, 6.3)))
        normals = np.stack([np.sin(angles), np.cos(angles), 0 * angles], axis=1).astype(np.float32)
    return Mesh(vertices, faces, uv, texture, normals)
