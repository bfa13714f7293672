from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.meshes.shapes import box, pixels, sphere
from wheatstone.errors import BadMeshError, BadOptionError, OutputExistsError, UnknownFormatError
from wheatstone.meshes.formats import (
    MESH_FORMATS,
    Export,
    MeshFormat,
    mesh_format_named,
    mesh_format_of,
    read_mesh,
    write_mesh,
)
from wheatstone.meshes.textures import TextureKind

READABLE = [known for known in MESH_FORMATS if known.read]


@pytest.mark.parametrize("known", READABLE, ids=lambda known: known.name)
def test_what_is_written_under_a_name_can_be_read_under_it(known: MeshFormat, tmp_path: Path) -> None:
    path = write_mesh(box(), tmp_path / f"my mesh{known.suffix.upper()}")
    back = read_mesh(path)
    np.testing.assert_allclose(back.vertices[back.faces], box().vertices[box().faces])
    assert np.array_equal(pixels(back), pixels(box()))


@pytest.mark.parametrize("known", MESH_FORMATS, ids=lambda known: known.name)
def test_every_format_writes_a_file_of_its_name(known: MeshFormat, tmp_path: Path) -> None:
    path = tmp_path / f"mesh{known.suffix}"
    assert box().save(path) == path
    assert path.stat().st_size > 0
    assert mesh_format_of(path) is known
    assert mesh_format_named(known.name) is known


def test_an_obj_comes_with_its_material_and_texture(tmp_path: Path) -> None:
    write_mesh(box(), tmp_path / "cube.obj")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cube.mtl", "cube.obj", "cube.png"]


def test_how_it_is_written_can_be_chosen(tmp_path: Path) -> None:
    smooth = Export(texture=TextureKind.JPEG, unlit=True, size_mm=10)
    content = write_mesh(box(), tmp_path / "a.glb", export=smooth).read_bytes()
    assert b"image/jpeg" in content
    assert b"KHR_materials_unlit" in content


@pytest.mark.parametrize("existing", ["cube.obj", "cube.mtl", "cube.png"])
def test_nothing_is_replaced_unless_overwriting(existing: str, tmp_path: Path) -> None:
    (tmp_path / existing).write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match=existing):
        write_mesh(box(), tmp_path / "cube.obj", overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing).read_bytes() == b"mine"


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormatError, match=r"\.glb, \.obj"):
        write_mesh(sphere(), tmp_path / "a.fbx")
    with pytest.raises(UnknownFormatError, match="glb, obj"):
        mesh_format_named("fbx")


def test_formats_that_are_only_written_say_so(tmp_path: Path) -> None:
    path = write_mesh(sphere(), tmp_path / "a.stl")
    with pytest.raises(BadOptionError, match="not read"):
        read_mesh(path)


@pytest.mark.parametrize("name", ["a.glb", "a.obj", "a.zip"])
def test_a_file_that_is_missing_or_broken_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadMeshError, match=f"{name}: no such file"):
        read_mesh(tmp_path / name)
    (tmp_path / name).write_bytes(b"hello")
    with pytest.raises(BadMeshError, match=name):
        read_mesh(tmp_path / name)


def test_a_folder_is_no_mesh(tmp_path: Path) -> None:
    (tmp_path / "a.glb").mkdir()
    with pytest.raises(BadMeshError, match="cannot be read"):
        read_mesh(tmp_path / "a.glb")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BadMeshError, match="bytes"):
        read_mesh(path)


def test_files_outside_the_folder_of_an_obj_are_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    write_mesh(box(), tmp_path / "cube.obj")
    text = (tmp_path / "cube.obj").read_text().replace("mtllib cube.mtl", "mtllib ../cube.mtl")
    (tmp_path / "inner" / "cube.obj").write_text(text)
    assert read_mesh(tmp_path / "inner" / "cube.obj").texture is None
