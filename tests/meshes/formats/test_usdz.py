from __future__ import annotations

import struct
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pxr import Usd, UsdGeom, UsdShade, UsdValidation

from tests.meshes.shapes import box, coordinates, pixels, sphere
from wheatstone.errors import BadOptionError
from wheatstone.meshes.formats import usdz
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.textures import TextureKind


def opened(mesh: Mesh, folder: Path, kind: TextureKind = TextureKind.PNG) -> Usd.Stage:
    path = folder / "object.usdz"
    path.write_bytes(usdz.encode(mesh, texture=kind))
    return Usd.Stage.Open(str(path))


def complaints(stage: Usd.Stage) -> list[str]:
    registry = UsdValidation.ValidationRegistry()
    names = [metadata.name for metadata in registry.GetAllValidatorMetadata()]
    context = UsdValidation.ValidationContext([registry.GetOrLoadValidatorByName(name) for name in names])
    return [error.GetMessage() for error in context.Validate(stage)]


@pytest.mark.parametrize("kind", [TextureKind.PNG, TextureKind.JPEG])
def test_usds_own_validators_have_nothing_to_say(kind: TextureKind, tmp_path: Path) -> None:
    assert complaints(opened(box(), tmp_path, kind)) == []


def test_usd_sees_the_surface_standing_on_the_ground(tmp_path: Path) -> None:
    stage = opened(box((1, 2, 3)), tmp_path)
    surface = UsdGeom.Mesh(stage.GetPrimAtPath("/Object/Surface"))
    points = np.array(surface.GetPointsAttr().Get())
    np.testing.assert_allclose(points, box((1, 2, 3)).vertices + np.array([0, 1, 0]), atol=1e-6)
    assert np.array_equal(np.array(surface.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3), box().faces)
    np.testing.assert_allclose(np.array(surface.GetNormalsAttr().Get()), box((1, 2, 3)).vertex_normals, atol=1e-6)
    np.testing.assert_allclose(np.array(surface.GetExtentAttr().Get()), [[-0.5, 0, -1.5], [0.5, 2, 1.5]])
    uv = UsdGeom.PrimvarsAPI(surface).GetPrimvar("st")
    np.testing.assert_allclose(np.array(uv.Get()), coordinates(box()), atol=1e-6)
    assert (UsdGeom.GetStageUpAxis(stage), UsdGeom.GetStageMetersPerUnit(stage)) == ("Y", 1)
    assert stage.GetDefaultPrim().GetPath() == "/Object"


def test_its_material_is_bound_and_finds_its_texture(tmp_path: Path) -> None:
    stage = opened(box(), tmp_path)
    surface = stage.GetPrimAtPath("/Object/Surface")
    material, _ = UsdShade.MaterialBindingAPI(surface).ComputeBoundMaterial()
    assert material.ComputeSurfaceSource()[0].GetIdAttr().Get() == "UsdPreviewSurface"
    asset = UsdShade.Shader(stage.GetPrimAtPath("/Object/Look/Texture")).GetInput("file").Get()
    assert asset.resolvedPath.endswith("object.usdz[textures/object.png]")


def test_a_mesh_without_texture_is_one_file(tmp_path: Path) -> None:
    assert complaints(opened(sphere(), tmp_path)) == []
    with zipfile.ZipFile(tmp_path / "object.usdz") as archive:
        assert archive.namelist() == ["object.usda"]


@pytest.mark.parametrize("rings", range(4, 12))
def test_contents_are_stored_and_aligned(rings: int) -> None:
    base = box()
    mesh = Mesh(sphere(rings).vertices, sphere(rings).faces, sphere(rings).vertices[:, :2], base.texture)
    content = usdz.encode(mesh)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert archive.namelist()[0] == "object.usda"
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            name, extra = struct.unpack_from("<HH", content, entry.header_offset + 26)
            begin = entry.header_offset + 30 + name + extra
            assert begin % 64 == 0
            assert content[begin : begin + entry.file_size] == archive.read(entry)
        with Image.open(archive.open("textures/object.png")) as picture:
            assert np.array_equal(np.asarray(picture), pixels(base))


def test_the_same_mesh_gives_the_same_bytes() -> None:
    assert usdz.encode(box()) == usdz.encode(box())


def test_webp_is_refused() -> None:
    with pytest.raises(BadOptionError, match="WebP"):
        usdz.encode(box(), texture=TextureKind.WEBP)
