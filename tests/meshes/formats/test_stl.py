from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import trimesh

from tests.meshes.shapes import box, sphere
from wheatstone.errors import BadOptionError
from wheatstone.meshes.formats import stl


def test_a_print_stands_upright_on_the_plate_in_millimetres() -> None:
    loaded = trimesh.load_mesh(BytesIO(stl.encode(box((1, 4, 2)))), file_type="stl")
    np.testing.assert_allclose(loaded.bounds, [[-12.5, -25, 0], [12.5, 25, 100]], atol=1e-4)
    assert loaded.is_volume


def test_its_front_looks_towards_minus_y() -> None:
    mesh = box()
    front = replace(mesh, faces=mesh.faces[8:10])  # flat, so of no volume
    loaded = trimesh.load_mesh(BytesIO(stl.encode(front)), file_type="stl")
    np.testing.assert_allclose(loaded.face_normals, [[0, -1, 0]] * 2, atol=1e-6)


def test_the_size_is_that_of_the_longest_side() -> None:
    loaded = trimesh.load_mesh(BytesIO(stl.encode(sphere(), size_mm=30)), file_type="stl")
    assert loaded.extents.max() == pytest.approx(30)


@pytest.mark.parametrize("size_mm", [0, -1, float("nan"), 1e9])
def test_sizes_that_make_no_sense_are_refused(size_mm: float) -> None:
    with pytest.raises(BadOptionError, match="millimetres"):
        stl.encode(sphere(), size_mm=size_mm)
