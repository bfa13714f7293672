from __future__ import annotations

import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.meshes.shapes import SIDES, box, meshes, painted, pixels, sphere
from wheatstone.errors import BadMeshError
from wheatstone.meshes.formats import obj
from wheatstone.meshes.mesh import Mesh

CONTENT = obj.encode_zip(box())


def nothing(_name: str) -> None:
    """No other file is there."""


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    package = BytesIO()
    with zipfile.ZipFile(package, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return package.getvalue()


@settings(max_examples=100, deadline=None)
@given(mesh=meshes())
def test_a_mesh_comes_back_corner_by_corner(mesh: Mesh) -> None:
    back = obj.decode_zip(obj.encode_zip(mesh))
    np.testing.assert_allclose(back.vertices[back.faces], mesh.vertices[mesh.faces], rtol=1e-6, atol=1e-37)
    np.testing.assert_allclose(back.vertex_normals[back.faces], mesh.vertex_normals[mesh.faces], atol=2e-5)
    assert (back.uv is None) == (mesh.uv is None)
    if mesh.uv is not None and back.uv is not None:
        np.testing.assert_allclose(back.uv[back.faces], mesh.uv[mesh.faces], rtol=1e-6, atol=1e-37)
    assert (back.texture is None) == (mesh.texture is None)
    if mesh.texture is not None:
        assert np.array_equal(pixels(back), mesh.texture)


def test_the_zip_holds_three_files_of_one_stem() -> None:
    with zipfile.ZipFile(BytesIO(CONTENT)) as archive:
        assert archive.namelist() == ["output3d.obj", "output3d.mtl", "output3d.png"]
        assert archive.testzip() is None
        assert b"mtllib output3d.mtl\n" in archive.read("output3d.obj")
        assert b"map_Kd output3d.png\n" in archive.read("output3d.mtl")


def test_the_same_mesh_gives_the_same_bytes() -> None:
    assert obj.encode_zip(box()) == CONTENT


def test_another_program_sees_a_closed_surface_in_its_colours(tmp_path: Path) -> None:
    for name, content in obj.files(box(), "cube").items():
        (tmp_path / name).write_bytes(content)
    loaded: Any = trimesh.load_mesh(tmp_path / "cube.obj")
    assert loaded.visual.kind == "texture"
    assert sorted(map(tuple, loaded.visual.to_color().vertex_colors[:, :3].tolist())) == sorted(
        tuple(side) for side in SIDES.tolist() for _ in range(4)
    )
    loaded.merge_vertices(merge_tex=True, merge_norm=True)
    assert loaded.is_volume
    assert loaded.volume == pytest.approx(1)


def test_places_are_written_once_so_that_the_surface_stays_closed() -> None:
    lines = obj.files(box())["output3d.obj"].decode().splitlines()
    assert sum(line.startswith("v ") for line in lines) == 8
    assert sum(line.startswith("vt ") for line in lines) == 24


def test_a_mesh_without_texture_has_two_files() -> None:
    assert list(obj.files(sphere(), "ball")) == ["ball.obj", "ball.mtl"]


def test_polygons_relative_numbers_and_other_lines_are_read() -> None:
    text = b"""# a square
g group
v 0 0 0
v 1 0 0 1.0
v 1 1 0
v 0 1 0
s off
l 1 2
f -4 -3 -2 -1
"""
    mesh = obj.decode(text, nothing)
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.uv is None


def test_a_vertex_that_is_used_with_two_coordinates_becomes_two() -> None:
    text = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nvt 0 0\nvt 1 1\nf 1/1 2/1 3/1\nf 2/2 4/2 3/2\n"
    mesh = obj.decode(text, nothing)
    assert len(mesh.vertices) == 6
    assert mesh.uv is not None


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "folder/secret.png"])
def test_a_material_names_files_beside_it_only(name: str, tmp_path: Path) -> None:
    asked = []

    def beside(file: str) -> bytes | None:
        asked.append(file)
        return f"map_Kd {name}".encode() if file == "a.mtl" else None

    mesh = obj.decode(b"mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1\n", beside)
    assert mesh.texture is None
    assert asked == ["a.mtl", name]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no faces"),
        (b"v 0 0\n", "Line 1"),
        (b"v 0 0 zero\n", "Line 1"),
        (b"v 0 0 0\nf 1 2 3\n", "Line 2"),
        (b"v 0 0 0\nf 0 0 0\n", "Line 2"),
        (b"v 0 0 0\nf 1 1\n", "Line 2"),
        (b"v 0 0 0\nf -2 1 1\n", "Line 2"),
        (b"v 0 0 0\nf 1/1 1/1 1/1\n", "Line 2"),
        (b"v 0 0 nan\nf 1 1 1\n", "not finite"),
        (b"v 0 0 1e999\nf 1 1 1\n", "not finite"),
    ],
)
def test_malformed_text_is_refused_with_its_line(text: bytes, said: str) -> None:
    with pytest.raises(BadMeshError, match=said):
        obj.decode(text, nothing)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "zip cannot be read"),
        (CONTENT[: len(CONTENT) // 2], "zip cannot be read"),
        (CONTENT[:40] + CONTENT[50:], "zip cannot be read"),
        (zipped({"a.txt": b""}), "one .obj"),
        (zipped({"a.txt": b""}).replace(b"a.txt", b"\0.txt"), "one .obj"),  # which is read as no name at all
        (zipped({"a.obj": b"", "b.obj": b""}), "one .obj"),
        (zipped({f"{n}.txt": b"" for n in range(17)}), "more than 16"),
        (zipped({"a.obj": b""}, zipfile.ZIP_LZMA), "packed in a way"),
    ],
)
def test_a_zip_that_holds_no_mesh_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(BadMeshError, match=said):
        obj.decode_zip(content)


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obj, "MAX_BYTES", 1000)
    with pytest.raises(BadMeshError, match="more than"):
        obj.decode_zip(zipped({"a.obj": bytes(2000)}))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damage_anywhere_is_refused_or_harmless(data: st.DataObject) -> None:
    content = bytearray(obj.encode_zip(painted(sphere(4), 4)))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadMeshError):
        obj.decode_zip(bytes(content))
