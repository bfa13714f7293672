"""GLB, binary glTF 2.0: one mesh with one primitive, its texture inside.

The frame is ours (x right, y up, z towards the viewer); only textures have their origin at the upper left there.
Accessors, then the picture, follow each other in the binary chunk. The same mesh gives the same bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import numpy as np

from wheatstone.arrays import F32, AnyArray
from wheatstone.errors import BadMeshError
from wheatstone.meshes.formats import _draco
from wheatstone.meshes.formats._gltf import FLOAT, U16, U32, read_document
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.textures import TextureKind, decode_texture, encode_texture
from wheatstone.settings import PictureLimits

MAGIC, JSON_CHUNK, BIN_CHUNK = b"glTF", b"JSON", b"BIN\0"
NAME = "object"

_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_LINEAR, _LINEAR_MIPMAP_LINEAR, _CLAMP_TO_EDGE = 9729, 9987, 33071
_SAMPLER = {
    "magFilter": _LINEAR,
    "minFilter": _LINEAR_MIPMAP_LINEAR,
    "wrapS": _CLAMP_TO_EDGE,
    "wrapT": _CLAMP_TO_EDGE,
}
_PLAIN = [0.49, 0.49, 0.51, 1.0]  # linear; of meshes without a texture
_WEBP, _UNLIT = "EXT_texture_webp", "KHR_materials_unlit"
_MAX_JSON_BYTES = 16 << 20


def encode(
    mesh: Mesh, *, texture: TextureKind = TextureKind.PNG, unlit: bool = False, draco: bool = False
) -> bytes:
    """The mesh as a file.

    Args:
        mesh: what to write.
        texture: how to keep its texture; WebP needs a viewer that knows `EXT_texture_webp`.
        unlit: ask viewers to show the texture as it is, without lights (`KHR_materials_unlit`).
        draco: compress the surface about tenfold, rounding it (`KHR_draco_mesh_compression`).

    Raises:
        BadOptionError: compression is asked for, but not installed.
    """
    arrays = {"POSITION": mesh.vertices, "NORMAL": mesh.vertex_normals}
    if mesh.uv is not None:
        arrays["TEXCOORD_0"] = np.stack([mesh.uv[:, 0], 1 - mesh.uv[:, 1]], axis=1)
    body = _Body()
    primitive = _compressed(body, arrays, mesh) if draco else _plain(body, arrays, mesh)
    surface: dict[str, object] = {"metallicFactor": 0, "roughnessFactor": 0.9}
    material: dict[str, object] = {"name": NAME, "pbrMetallicRoughness": surface}
    document: dict[str, object] = {
        "asset": {"version": "2.0", "generator": "Wheatstone"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": NAME, "mesh": 0}],
        "meshes": [{"name": NAME, "primitives": [primitive | {"material": 0}]}],
        "materials": [material],
    }
    needed = [_draco.NAME] if draco else []
    if mesh.texture is None:
        surface["baseColorFactor"] = _PLAIN
    else:
        surface["baseColorTexture"] = {"index": 0}
        needed += [_WEBP] if texture is TextureKind.WEBP else []
        source = {"extensions": {_WEBP: {"source": 0}}} if texture is TextureKind.WEBP else {"source": 0}
        document["textures"] = [{"sampler": 0, **source}]
        document["samplers"] = [_SAMPLER]
        picture = body.add_view(encode_texture(mesh.texture, texture))
        document["images"] = [{"bufferView": picture, "mimeType": texture.media_type}]
    if unlit:
        material["extensions"] = {_UNLIT: {}}
    used = needed + ([_UNLIT] if unlit else [])
    document |= {"extensionsUsed": used} if used else {}
    document |= {"extensionsRequired": needed} if needed else {}
    document |= {
        "accessors": body.accessors,
        "bufferViews": body.views,
        "buffers": [{"byteLength": len(body.bytes)}],
    }
    return _packed(json.dumps(document, separators=(",", ":")).encode("ascii"), bytes(body.bytes))


def decode(data: bytes, limits: PictureLimits | None = None) -> Mesh:
    """Read a GLB of one mesh with one primitive of triangles that stands where it is, as `encode` writes.

    Other attributes and materials are passed over; without normals the mesh computes its own.

    Args:
        data: the whole file.
        limits: of the texture; by default those of `PictureLimits`.

    Raises:
        BadMeshError: it is no GLB, damaged, or holds anything else.
    """
    text, body = _unpacked(data)
    document = read_document(text, body)
    primitive = document.only_primitive()
    arrays, corners = document.compressed(primitive) or document.plain(primitive)
    vertices, normals, uv = (arrays.get(name) for name in ("POSITION", "NORMAL", "TEXCOORD_0"))
    if vertices is None:
        raise BadMeshError("The mesh in the GLB has no positions.")
    if uv is not None:
        uv = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)
    if len(corners) % 3:
        raise BadMeshError(f"The GLB has {len(corners):,} indices, which make no whole triangles.")
    picture = None if uv is None else document.picture(primitive)
    texture = None if picture is None else decode_texture(picture, "its picture", limits or PictureLimits())
    return Mesh(vertices, corners.reshape(-1, 3).astype(np.int32), uv, texture, normals)


def _plain(body: _Body, arrays: Mapping[str, F32], mesh: Mesh) -> dict[str, object]:
    """The primitive of a surface whose arrays are put into the body as they are."""
    attributes = {
        name: body.add_accessor(array, body.add_view(array.astype("<f4").tobytes(), _ARRAY_BUFFER))
        for name, array in arrays.items()
    }
    index = np.dtype("<u2") if len(mesh.vertices) < 0xFFFF else np.dtype("<u4")  # the last value is not for use
    corners = mesh.faces.reshape(-1).astype(index)
    indices = body.add_accessor(corners, body.add_view(corners.tobytes(), _ELEMENT_ARRAY_BUFFER))
    return {"attributes": attributes, "indices": indices}


def _compressed(body: _Body, arrays: Mapping[str, F32], mesh: Mesh) -> dict[str, object]:
    """The primitive of a surface that is put into the body compressed; accessors tell what it will be."""
    packed = _draco.pack(arrays, mesh.faces)
    view = body.add_view(packed.content)
    attributes = {name: body.add_accessor(array) for name, array in packed.arrays.items()}
    indices = body.add_accessor(packed.corners.astype("<u4"))
    extension = {"bufferView": view, "attributes": packed.ids}
    return {"attributes": attributes, "indices": indices, "extensions": {_draco.NAME: extension}}


class _Body:
    """The binary chunk as it grows, and what describes it."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, object]] = []

    def add_view(self, content: bytes, target: int | None = None) -> int:
        """Append bytes; their number among the views."""
        view = {"buffer": 0, "byteOffset": len(self.bytes), "byteLength": len(content)}
        self.views.append(view if target is None else view | {"target": target})
        self.bytes += content + bytes(-len(content) % 4)
        return len(self.views) - 1

    def add_accessor(self, array: AnyArray, view: int | None = None) -> int:
        """Describe an array of float32 rows, or of indices, that is in a view; its number among the accessors."""
        accessor: dict[str, object] = {
            "componentType": {"f4": FLOAT, "u2": U16, "u4": U32}[array.dtype.str[1:]],
            "count": len(array),
            "type": "SCALAR" if array.ndim == 1 else f"VEC{array.shape[1]}",
        }
        if view is not None:
            accessor["bufferView"] = view
        if array.ndim == 2 and array.shape[1] == 3:  # positions must have them; normals may
            accessor |= {"min": array.min(axis=0).tolist(), "max": array.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def _packed(text: bytes, body: bytes) -> bytes:
    """Header and the two chunks, each padded to four bytes."""
    text += b" " * (-len(text) % 4)
    parts = [MAGIC + struct.pack("<II", 2, 28 + len(text) + len(body))]
    parts += [struct.pack("<I", len(text)), JSON_CHUNK, text, struct.pack("<I", len(body)), BIN_CHUNK, body]
    return b"".join(parts)


def _unpacked(data: bytes) -> tuple[bytes, bytes]:
    """The JSON and the binary chunk; the latter is empty if there is none."""
    if len(data) < 20 or data[:4] != MAGIC:
        raise BadMeshError("This is no GLB file.")
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2 or length > len(data):
        raise BadMeshError(f"The GLB is of version {version} or cut short; version 2 can be read.")
    size = struct.unpack_from("<I", data, 12)[0]
    if data[16:20] != JSON_CHUNK or size > min(length - 20, _MAX_JSON_BYTES):
        raise BadMeshError("The GLB does not begin with a chunk of JSON that fits into it.")
    text, rest = data[20 : 20 + size], data[20 + size : length]
    if len(rest) < 8 or rest[4:8] != BIN_CHUNK:
        return text, b""
    size = struct.unpack_from("<I", rest, 0)[0]
    if size > len(rest) - 8:
        raise BadMeshError("The binary chunk of the GLB is cut short.")
    return text, rest[8 : 8 + size]
