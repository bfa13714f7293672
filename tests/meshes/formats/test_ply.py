from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import plyfile
import trimesh

from tests.meshes.shapes import SIDES, box, sphere
from wheatstone.meshes.formats import ply


def test_another_program_reads_positions_normals_faces_and_colours() -> None:
    mesh = box()
    read = plyfile.PlyData.read(BytesIO(ply.encode(mesh)))
    vertices = read["vertex"]
    assert np.array_equal(np.stack([vertices[name] for name in "xyz"], axis=1), mesh.vertices)
    assert np.array_equal(np.stack([vertices["n" + name] for name in "xyz"], axis=1), mesh.vertex_normals)
    colors = np.stack([vertices[name] for name in ("red", "green", "blue")], axis=1)
    assert np.array_equal(colors, np.repeat(SIDES, 4, axis=0))
    assert np.array_equal(np.stack(read["face"]["vertex_indices"]), mesh.faces)


def test_a_mesh_without_texture_has_no_colours() -> None:
    loaded: Any = trimesh.load_mesh(BytesIO(ply.encode(sphere())), file_type="ply")
    assert loaded.visual.kind is None
    assert loaded.is_volume


def test_the_same_mesh_gives_the_same_bytes() -> None:
    assert ply.encode(box()) == ply.encode(box())
