from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from tests.meshes.shapes import box, coordinates, meshes, painted, sphere, turned
from wheatstone.errors import BadMeshError, BadOptionError
from wheatstone.meshes.mesh import Mesh

TRIANGLE = Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32))


def test_arrays_become_read_only_of_one_type() -> None:
    loose: list[Any] = [
        np.eye(3),
        np.array([[0, 1, 2]], np.uint64),
        np.zeros((3, 2)),
        np.zeros((2, 2, 3), np.uint8),
    ]
    mesh = Mesh(*loose)
    assert [mesh.vertices.dtype.str, mesh.faces.dtype.str, coordinates(mesh).dtype.str] == ["<f4", "<i4", "<f4"]
    with pytest.raises(ValueError, match="read-only"):
        coordinates(mesh)[0] = 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"vertices": np.zeros((3, 2))}, "vertices has shape"),
        ({"vertices": np.full((3, 3), np.nan)}, "vertices are not finite"),
        ({"vertices": np.full((3, 3), 1e300)}, "vertices are not finite"),
        ({"faces": np.zeros((0, 3), int)}, "no faces"),
        ({"faces": np.zeros((2, 4), int)}, r"\(F, 3\)"),
        ({"faces": np.zeros((2, 3))}, "integers"),
        ({"faces": np.array([[0, 1, 3]])}, "not there"),
        ({"faces": np.array([[0, -1, 2]])}, "not there"),
        ({"faces": np.array([[0, 1, 1 << 32]])}, "not there"),
        ({"uv": np.zeros((2, 2))}, "uv has shape"),
        ({"uv": np.full((3, 2), np.inf)}, "uv are not finite"),
        ({"texture": np.zeros((4, 4, 3), np.uint8)}, "no uv"),
        ({"uv": np.zeros((3, 2)), "texture": np.zeros((4, 4), np.uint8)}, "texture has shape"),
        ({"uv": np.zeros((3, 2)), "texture": np.zeros((0, 4, 3), np.uint8)}, "texture has shape"),
        ({"normals": np.zeros((3, 3))}, "unit length"),
        ({"normals": np.full((3, 3), np.nan)}, "unit length"),
    ],
)
def test_what_makes_no_mesh_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadMeshError, match=said):
        replace(TRIANGLE, **change)


def test_a_closed_surface_is_watertight() -> None:
    assert sphere().is_watertight


def test_seams_of_the_texture_do_not_open_a_surface() -> None:
    mesh = box()
    assert len(mesh.vertices) == 24
    assert mesh.is_watertight


def test_a_hole_opens_a_surface() -> None:
    mesh = sphere()
    assert not replace(mesh, faces=mesh.faces[1:]).is_watertight


def test_a_face_that_looks_the_other_way_opens_a_surface() -> None:
    mesh = sphere()
    faces = mesh.faces.copy()
    faces[5] = faces[5, ::-1]
    assert not replace(mesh, faces=faces).is_watertight


def test_a_surface_that_is_there_twice_is_not_watertight() -> None:
    mesh = sphere()
    assert not replace(mesh, faces=np.concatenate([mesh.faces, mesh.faces])).is_watertight


def test_a_face_without_area_does_not_count() -> None:
    mesh = sphere()
    assert replace(mesh, faces=np.concatenate([mesh.faces, [[3, 3, 4]]])).is_watertight
    assert not Mesh(mesh.vertices, np.array([[3, 3, 4]], np.int32)).is_watertight


def test_normals_look_outwards() -> None:
    mesh = sphere(24)
    assert np.einsum("ij,ij->i", mesh.vertex_normals, mesh.vertices).min() > 0.999
    assert np.linalg.norm(mesh.vertex_normals, axis=1) == pytest.approx(1, abs=1e-6)


def test_normals_at_a_corner_do_not_depend_on_how_sides_are_cut() -> None:
    mesh = box()
    np.testing.assert_allclose(mesh.vertex_normals, np.sign(mesh.vertices) / np.sqrt(3), atol=1e-6)


def test_given_normals_are_kept() -> None:
    up = np.tile(np.array([0, 1, 0], np.float32), (3, 1))
    assert np.array_equal(replace(TRIANGLE, normals=up).vertex_normals, up)


def test_a_vertex_without_faces_has_a_normal() -> None:
    mesh = Mesh(np.vstack([np.eye(3), [[5, 5, 5]]]).astype(np.float32), TRIANGLE.faces)
    assert mesh.vertex_normals[3].tolist() == [0, 0, 1]


def test_volume_is_inside_and_negative_inside_out() -> None:
    mesh = box((1, 2, 3))
    assert mesh.volume == pytest.approx(6)
    assert replace(mesh, faces=mesh.faces[:, ::-1]).volume == pytest.approx(-6)


def test_volume_does_not_depend_on_the_place() -> None:
    away = np.eye(4)
    away[:3, 3] = 1000
    assert box().transformed(away).volume == pytest.approx(1, rel=1e-3)


def test_bounds_are_those_of_the_vertices() -> None:
    assert box((2, 4, 6)).bounds.tolist() == [[-1, -2, -3], [1, 2, 3]]


def test_a_welded_mesh_has_one_vertex_a_place() -> None:
    bare = box().welded()
    assert (len(bare.vertices), len(bare.faces), bare.uv, bare.texture) == (8, 12, None, None)
    assert bare.is_watertight
    assert bare.volume == pytest.approx(1)


def test_places_are_numbered_by_their_first_vertex() -> None:
    points = np.array([[1, 0, 0], [0, 0, 0], [1, 0, 0], [-0.0, 0, 0]], np.float32)
    place, first = Mesh(points, np.array([[0, 1, 2]], np.int32)).places()
    assert place.tolist() == [0, 1, 0, 1]
    assert first.tolist() == [0, 1]


def test_normals_turn_with_the_mesh_whatever_its_stretch() -> None:
    mesh = box()
    sides = np.repeat(np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]), 4, axis=0)
    flat = replace(mesh, normals=sides.astype(np.float32))
    stretched = flat.transformed(turned(30, 1) @ np.diag([1.0, 2, 3, 1]))
    assert stretched.normals is not None
    a, b, c = np.moveaxis(stretched.vertices[stretched.faces], 1, 0)
    of_faces = np.cross(b - a, c - a)
    of_faces /= np.linalg.norm(of_faces, axis=1, keepdims=True)
    np.testing.assert_allclose(stretched.normals[stretched.faces[:, 0]], of_faces, atol=1e-6)


@pytest.mark.parametrize(
    "matrix",
    [np.diag([-1.0, 1, 1, 1]), np.diag([0.0, 1, 1, 1]), np.eye(3), np.full((4, 4), np.nan), np.ones((4, 4))],
    ids=["mirrors", "flattens", "small", "nan", "projects"],
)
def test_a_transform_that_is_none_is_refused(matrix: Any) -> None:
    with pytest.raises(BadOptionError):
        TRIANGLE.transformed(matrix)


def test_a_normalized_mesh_is_centred_and_of_that_size() -> None:
    away = turned(90, 0) @ np.diag([3.0, 3, 3, 1])
    away[:3, 3] = 7, 8, 9
    bounds = box((1, 2, 4)).transformed(away).normalized(2).bounds
    np.testing.assert_allclose(bounds, [[-0.25, -1, -0.5], [0.25, 1, 0.5]], atol=1e-6)


def test_a_point_cannot_be_normalized() -> None:
    with pytest.raises(BadMeshError, match="at one place"):
        Mesh(np.zeros((3, 3), np.float32), TRIANGLE.faces).normalized()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_decimated_mesh_stays_closed_and_in_shape(scale: float) -> None:
    mesh = sphere(40, scale)
    smaller = mesh.decimated(800)
    assert 700 <= len(smaller.faces) <= 800
    assert smaller.is_watertight
    assert smaller.volume == pytest.approx(mesh.volume, rel=0.02)


def test_decimation_repeats() -> None:
    first, second = sphere(30).decimated(500), sphere(30).decimated(500)
    assert np.array_equal(first.vertices, second.vertices)
    assert np.array_equal(first.faces, second.faces)


def test_a_mesh_of_few_faces_is_not_decimated() -> None:
    mesh = sphere(8)
    assert np.array_equal(mesh.decimated(10_000).faces, mesh.welded().faces)


def test_a_textured_mesh_is_not_decimated() -> None:
    with pytest.raises(BadMeshError, match="before it is textured"):
        painted(sphere()).decimated(100)


def test_a_target_of_no_surface_is_refused() -> None:
    with pytest.raises(BadOptionError, match="at least 4"):
        sphere().decimated(3)


@settings(max_examples=100, deadline=None)
@given(mesh=meshes())
def test_every_mesh_has_unit_normals_and_finite_bounds(mesh: Mesh) -> None:
    np.testing.assert_allclose(np.linalg.norm(mesh.vertex_normals, axis=1), 1, atol=1e-3)
    assert np.isfinite(mesh.bounds).all()
    assert isinstance(mesh.is_watertight, bool)
