"""USDZ, which Apple's devices show in the room: a stored zip of a text scene and its texture.

The content of each file begins at a multiple of 64 bytes, so that programs can map it; the scene comes first. A
unit is a metre, y is up, and the object stands on the ground: its lowest point is at y = 0, the middle of its box
above the origin.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from io import BytesIO

import numpy as np

from wheatstone.arrays import AnyArray
from wheatstone.errors import BadOptionError
from wheatstone.meshes.formats._text import rows
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.textures import TextureKind, encode_texture

SCENE_FILE = "object.usda"
ALIGNMENT = 64

_LOCAL_HEADER_BYTES = 30
_PADDING_ID = 0x1986  # of the field that Pixar's own tools pad with


def encode(mesh: Mesh, *, texture: TextureKind = TextureKind.PNG) -> bytes:
    """The mesh as a file.

    Raises:
        BadOptionError: the texture is asked for as WebP, which USDZ does not allow.
    """
    if texture is TextureKind.WEBP:
        raise BadOptionError("USDZ holds textures as PNG or JPEG, not as WebP.")
    low, high = mesh.bounds
    onto_ground = np.eye(4)
    onto_ground[:3, 3] = -(low[0] + high[0]) / 2, -low[1], -(low[2] + high[2]) / 2
    standing = mesh.transformed(onto_ground)
    picture = f"textures/object{texture.suffix}" if mesh.texture is not None else None
    files = [(SCENE_FILE, _scene(standing, picture).encode("ascii"))]
    if picture is not None and mesh.texture is not None:
        files.append((picture, encode_texture(mesh.texture, texture)))
    return _aligned_zip(files)


def _aligned_zip(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Entries stored, dated 1980, each padded in its header so that its content is aligned."""
    package = BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # Unix, on every platform
            begin = package.tell() + _LOCAL_HEADER_BYTES + len(name) + 4
            padding = -begin % ALIGNMENT
            entry.extra = struct.pack("<HH", _PADDING_ID, padding) + bytes(padding)
            archive.writestr(entry, content)
    return package.getvalue()


def _scene(mesh: Mesh, picture: str | None) -> str:
    """The scene in USD's text form."""
    colour = "inputs:diffuseColor = (0.49, 0.49, 0.51)"
    shaders = ""
    if picture is not None:
        colour = "inputs:diffuseColor.connect = </Object/Look/Texture.outputs:rgb>"
        shaders = _TEXTURE_SHADERS.replace("{{picture}}", picture)
    slots = {
        "{{extent}}": _tuples(mesh.bounds),
        "{{counts}}": ", ".join(["3"] * len(mesh.faces)),
        "{{corners}}": ", ".join(map(str, mesh.faces.ravel().tolist())),
        "{{points}}": _tuples(mesh.vertices),
        "{{normals}}": _tuples(mesh.vertex_normals),
        "{{uv}}": "" if mesh.uv is None else _UV.replace("{{uv}}", _tuples(mesh.uv)),
        "{{colour}}": colour,
        "{{shaders}}": shaders,
    }
    text = _SCENE
    for slot, content in slots.items():
        text = text.replace(slot, content)
    return text


def _tuples(values: AnyArray) -> str:
    """Rows in round brackets, a comma between them."""
    return rows("(" + ", ".join(["%.7g"] * values.shape[1]) + ")", values, ", ")


_SCENE = """#usda 1.0
(
    customLayerData = {
        string creator = "Wheatstone"
    }
    defaultPrim = "Object"
    metersPerUnit = 1
    upAxis = "Y"
)

def Xform "Object" (
    kind = "component"
)
{
    def Mesh "Surface" (
        prepend apiSchemas = ["MaterialBindingAPI"]
    )
    {
        float3[] extent = [{{extent}}]
        int[] faceVertexCounts = [{{counts}}]
        int[] faceVertexIndices = [{{corners}}]
        rel material:binding = </Object/Look>
        normal3f[] normals = [{{normals}}] (
            interpolation = "vertex"
        )
        point3f[] points = [{{points}}]
{{uv}}        uniform token subdivisionScheme = "none"
    }

    def Material "Look"
    {
        token outputs:surface.connect = </Object/Look/Surface.outputs:surface>

        def Shader "Surface"
        {
            uniform token info:id = "UsdPreviewSurface"
            color3f {{colour}}
            float inputs:metallic = 0
            float inputs:roughness = 0.9
            token outputs:surface
        }
{{shaders}}    }
}
"""

_UV = """        texCoord2f[] primvars:st = [{{uv}}] (
            interpolation = "vertex"
        )
"""

_TEXTURE_SHADERS = """
        def Shader "Texture"
        {
            uniform token info:id = "UsdUVTexture"
            asset inputs:file = @{{picture}}@
            token inputs:sourceColorSpace = "sRGB"
            float2 inputs:st.connect = </Object/Look/Coordinates.outputs:result>
            token inputs:wrapS = "clamp"
            token inputs:wrapT = "clamp"
            float3 outputs:rgb
        }

        def Shader "Coordinates"
        {
            uniform token info:id = "UsdPrimvarReader_float2"
            string inputs:varname = "st"
            float2 outputs:result
        }
"""
