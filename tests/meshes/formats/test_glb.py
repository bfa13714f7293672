from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from tests.meshes.shapes import SIDES, box, coordinates, meshes, painted, pixels, sphere
from wheatstone.errors import BadMeshError, BadOptionError
from wheatstone.meshes.formats import glb
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.textures import TextureKind
from wheatstone.settings import PictureLimits

CONTENT = glb.encode(box())


def parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The document and the binary chunk of a file that is taken to be right."""
    size = struct.unpack_from("<I", content, 12)[0]
    return json.loads(content[20 : 20 + size]), content[28 + size :]


def joined(document: dict[str, Any], body: bytes) -> bytes:
    return glb._packed(json.dumps(document).encode(), body)


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    document, body = parts(CONTENT)
    change(document)
    return joined(document, body)


@settings(max_examples=150, deadline=None)
@given(mesh=meshes())
def test_a_mesh_comes_back(mesh: Mesh) -> None:
    back = glb.decode(glb.encode(mesh))
    assert np.array_equal(back.vertices, mesh.vertices)
    assert np.array_equal(back.faces, mesh.faces)
    assert np.array_equal(back.vertex_normals, mesh.vertex_normals)
    assert (back.uv is None) == (mesh.uv is None)
    if mesh.uv is not None and back.uv is not None:
        np.testing.assert_allclose(back.uv, mesh.uv, atol=1e-7)
    assert (back.texture is None) == (mesh.texture is None)
    if mesh.texture is not None:
        assert np.array_equal(pixels(back), mesh.texture)


@pytest.mark.parametrize("kind", list(TextureKind))
@pytest.mark.parametrize("unlit", [False, True])
def test_textures_of_all_kinds_come_back(kind: TextureKind, unlit: bool) -> None:
    mesh = box()
    back = glb.decode(glb.encode(mesh, texture=kind, unlit=unlit))
    assert np.abs(pixels(back).astype(int) - pixels(mesh))[:, 5:11].max() < 8


def test_another_program_sees_the_same_surface_and_colours() -> None:
    loaded: Any = trimesh.load_mesh(BytesIO(CONTENT), file_type="glb")
    assert np.array_equal(loaded.vertices, box().vertices)
    assert np.array_equal(loaded.faces, box().faces)
    colors = loaded.visual.to_color().vertex_colors[::4, :3]
    np.testing.assert_allclose(colors, SIDES, atol=1)
    loaded.merge_vertices(merge_tex=True, merge_norm=True)
    assert loaded.is_volume


def test_many_vertices_get_wide_indices() -> None:
    few, many = sphere(60), sphere(200)
    assert len(many.vertices) > 65_535
    widths = {5123: 2, 5125: 4}
    for mesh, width in ((few, 2), (many, 4)):
        content = glb.encode(mesh)
        accessor = parts(content)[0]["accessors"][-1]
        assert widths[accessor["componentType"]] == width
        assert np.array_equal(glb.decode(content).faces, mesh.faces)


def test_the_file_is_built_as_the_standard_says() -> None:
    document, body = parts(glb.encode(painted(sphere())))
    assert len(body) % 4 == 0
    assert document["buffers"] == [{"byteLength": len(body)}]
    ends = 0
    for view in document["bufferViews"]:
        assert view["byteOffset"] % 4 == 0
        assert view["byteOffset"] >= ends
        ends = view["byteOffset"] + view["byteLength"]
    assert ends <= len(body)
    position = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    values = np.frombuffer(body, "<f4", 3 * position["count"]).reshape(-1, 3)
    assert (position["min"], position["max"]) == (values.min(axis=0).tolist(), values.max(axis=0).tolist())


def test_the_texture_of_a_glb_begins_at_the_top() -> None:
    document, body = parts(CONTENT)
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["TEXCOORD_0"]]
    view = document["bufferViews"][accessor["bufferView"]]
    values = np.frombuffer(body, "<f4", 2 * accessor["count"], view["byteOffset"]).reshape(-1, 2)
    np.testing.assert_allclose(values[:, 1], 1 - coordinates(box())[:, 1], atol=1e-7)


def test_extensions_are_named_only_where_they_are_used() -> None:
    assert "extensionsUsed" not in parts(CONTENT)[0]
    document, _ = parts(glb.encode(box(), texture=TextureKind.WEBP, unlit=True))
    assert document["extensionsUsed"] == ["EXT_texture_webp", "KHR_materials_unlit"]
    assert document["extensionsRequired"] == ["EXT_texture_webp"]


def test_a_compressed_mesh_comes_back_rounded() -> None:
    mesh = painted(sphere(40))
    content = glb.encode(mesh, draco=True)
    assert content == glb.encode(mesh, draco=True)
    document, _ = parts(content)
    back = glb.decode(content)
    assert document["extensionsRequired"] == ["KHR_draco_mesh_compression"]
    counts = [accessor["count"] for accessor in document["accessors"]]
    assert counts == [len(back.vertices)] * 3 + [back.faces.size]
    assert document["accessors"][0]["max"] == back.vertices.max(axis=0).tolist()
    assert np.array_equal(pixels(back), pixels(mesh))
    assert back.is_watertight
    assert back.volume == pytest.approx(mesh.volume, rel=1e-3)
    distances, nearest = cKDTree(mesh.vertices).query(back.vertices)
    assert np.max(distances) < 2 / 16_000
    np.testing.assert_allclose(coordinates(back), coordinates(mesh)[nearest], atol=1 / 4000)
    np.testing.assert_allclose(back.vertex_normals, mesh.vertex_normals[nearest], atol=0.005)


def test_compression_makes_a_surface_a_fifth_as_large() -> None:
    assert len(glb.encode(sphere(40), draco=True)) < len(glb.encode(sphere(40))) / 5


def test_damage_to_what_is_compressed_is_refused_or_harmless() -> None:
    content, random = glb.encode(painted(sphere(6), 4), draco=True), np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[random.integers(len(content) // 3, len(content))] ^= int(random.integers(1, 256))
        with suppress(BadMeshError):
            glb.decode(bytes(damaged))


def test_without_its_extra_compression_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    content = glb.encode(sphere(), draco=True)
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    with pytest.raises(BadOptionError, match=r"wheatstone\[draco\]"):
        glb.encode(sphere(), draco=True)
    with pytest.raises(BadMeshError, match=r"wheatstone\[draco\]"):
        glb.decode(content)


def test_the_same_mesh_gives_the_same_bytes() -> None:
    assert glb.encode(box()) == CONTENT


def test_interleaved_attributes_are_read() -> None:
    document, _ = parts(glb.encode(sphere(8)))
    mesh = sphere(8)
    rows = np.concatenate([mesh.vertices, mesh.vertex_normals], axis=1).astype("<f4").tobytes()
    indices = mesh.faces.astype("<u2").tobytes()
    document["bufferViews"] = [
        {"buffer": 0, "byteOffset": 0, "byteLength": len(rows), "byteStride": 24},
        {"buffer": 0, "byteOffset": len(rows), "byteLength": len(indices)},
    ]
    for number, (view, offset) in enumerate([(0, 0), (0, 12), (1, 0)]):
        document["accessors"][number] |= {"bufferView": view, "byteOffset": offset}
    back = glb.decode(joined(document, rows + indices))
    assert np.array_equal(back.vertices, mesh.vertices)
    assert np.array_equal(back.vertex_normals, mesh.vertex_normals)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["meshes"].append(d["meshes"][0]), "2 pieces"),
        (lambda d: d.pop("meshes"), "0 pieces"),
        (lambda d: d["nodes"][0].update(translation=[1, 2, 3]), "translation"),
        (lambda d: d["meshes"][0]["primitives"][0].update(mode=1), "mode"),
        (
            lambda d: d["meshes"][0]["primitives"][0].update(extensions={"KHR_draco_mesh_compression": {}}),
            "draco",
        ),
        (lambda d: d["meshes"][0]["primitives"][0]["attributes"].pop("POSITION"), "no positions"),
        (lambda d: d["meshes"][0]["primitives"][0].update(indices=99), "accessor 99"),
        (lambda d: d["accessors"][0].update(count=1 << 60), "reaches out"),
        (lambda d: d["accessors"][0].update(count=-1), "count"),
        (lambda d: d["accessors"][0].update(byteOffset=1 << 60), "reaches out"),
        (lambda d: d["accessors"][0].update(type="MAT4"), "MAT4"),
        (lambda d: d["accessors"][0].update(componentType=5120), "5120"),
        (lambda d: d["accessors"][0].update(sparse={}), "sparse"),
        (lambda d: d["accessors"][3].update(count=2), "no whole triangles"),
        (lambda d: d["bufferViews"][0].update(byteLength=1 << 40), "out of the file"),
        (lambda d: d["bufferViews"][0].update(byteStride=1), "reaches out"),
        (lambda d: d["bufferViews"][0].update(byteOffset=4 << 30), "out of the file"),
        (lambda d: d["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"].update(index=3), "texture 3"),
        (lambda d: d["textures"][0].update(source=7), "image 7"),
        (lambda d: d["textures"][0].pop("source"), "no picture"),
        (lambda d: d["images"][0].update(bufferView=0), "texture cannot be read"),
        (lambda d: d.update(accessors=[d["accessors"][0]] * 5000), "accessors"),
    ],
)
def test_what_cannot_be_read_is_refused_and_named(change: Callable[[dict[str, Any]], object], said: str) -> None:
    with pytest.raises(BadMeshError, match=said):
        glb.decode(changed(change))


@pytest.mark.parametrize(
    "content", [b"", b"glTF", CONTENT[:40], CONTENT[:-4], b"x" * 100, CONTENT[:4] + b"\1" + CONTENT[5:]]
)
def test_what_is_no_whole_glb_is_refused(content: bytes) -> None:
    with pytest.raises(BadMeshError):
        glb.decode(content)


def test_deep_json_is_refused() -> None:
    with pytest.raises(BadMeshError, match="cannot be read"):
        glb.decode(glb._packed(b'{"nodes":' + b"[" * 100_000, b""))


def test_a_texture_over_the_limits_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(BadMeshError, match="texture"):
        glb.decode(CONTENT, PictureLimits(max_pixels=100))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_anywhere_is_refused_or_harmless(data: st.DataObject) -> None:
    content = bytearray(glb.encode(replace(box(), texture=np.zeros((2, 2, 3), np.uint8))))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(len(content) // 2, len(content)))
    with suppress(BadMeshError):
        glb.decode(bytes(content[:length]))
