from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import marching_cubes

from wheatstone.arrays import F32, I32
from wheatstone.meshes.mesh import Mesh
from wheatstone.models.inflate.decimation import decimate


def ball(radius: float = 10.0, side: int = 32) -> tuple[F32, I32]:
    """A closed ball around the middle of a cube, in samples."""
    z, y, x = np.mgrid[:side, :side, :side] - (side - 1) / 2
    vertices, faces, _, _ = marching_cubes((radius - np.sqrt(x * x + y * y + z * z)).astype(np.float32), 0.0)
    return (vertices - (side - 1) / 2).astype(np.float32), faces.astype(np.int32)[:, ::-1]


@pytest.mark.parametrize("target", [2000, 500, 100, 20])
def test_a_ball_keeps_its_size_and_stays_closed(target: int) -> None:
    vertices, faces = ball()
    whole, fewer = Mesh(vertices, faces), Mesh(*decimate(vertices, faces, target))
    assert len(fewer.faces) <= target
    assert fewer.is_watertight
    assert fewer.volume == pytest.approx(whole.volume, rel=0.02 + 6 / target)


def test_no_face_turns_over() -> None:
    fewer = Mesh(*decimate(*ball(), 300))
    outwards = fewer.vertices[fewer.faces].mean(axis=1)
    assert (fewer.face_normals * outwards).sum(axis=1).min() > 0


def test_what_has_few_faces_already_stays_as_it_is() -> None:
    vertices, faces = ball()
    same_vertices, same_faces = decimate(vertices, faces, len(faces))
    assert np.array_equal(vertices, same_vertices)
    assert np.array_equal(faces, same_faces)


def test_no_body_ends_with_less_than_a_tetrahedron() -> None:
    vertices, faces = ball(6, 20)
    apart = np.concatenate([vertices, vertices + np.float32(40)])
    both = np.concatenate([faces, faces + len(vertices)]).astype(np.int32)
    fewer = Mesh(*decimate(apart, both, 4))
    assert fewer.is_watertight
    assert len(fewer.faces) >= 8
    assert fewer.volume > 0


def test_a_ring_stays_a_ring() -> None:
    z, y, x = np.mgrid[:24, :48, :48] - np.array([11.5, 23.5, 23.5])[:, None, None, None]
    field = 5 - np.sqrt((np.hypot(x, y) - 15) ** 2 + z * z)
    vertices, faces, _, _ = marching_cubes(field.astype(np.float32), 0.0)
    fewer = Mesh(*decimate(vertices.astype(np.float32), faces.astype(np.int32), 60))
    assert fewer.is_watertight
    edges = len(fewer.faces) * 3 // 2
    assert len(fewer.vertices) - edges + len(fewer.faces) == 0  # Euler's number of a torus


def test_the_same_surface_gives_the_same_result() -> None:
    first, second = (decimate(*ball(), 400) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
