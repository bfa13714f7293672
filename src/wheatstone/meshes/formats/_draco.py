"""Draco compression of the arrays in a GLB, by Google's own library, which is an extra.

It rounds: positions to 14 bits of the longest side, texture coordinates to 12, normals to 10. Vertices and faces
come back in another order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from wheatstone.arrays import F32, I64, AnyArray
from wheatstone.errors import BadMeshError, BadOptionError, reason

NAME = "KHR_draco_mesh_compression"

_TYPES = {0: "POSITION", 1: "NORMAL", 3: "TEXCOORD_0"}
"""glTF's name of each type of attribute in Draco."""

_POSITION_BITS, _UV_BITS, _NORMAL_BITS, _LEVEL = 14, 12, 10, 7


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Compressed arrays.

    Attributes:
        content: what the file holds.
        ids: glTF's name of each attribute to its number within.
        arrays: glTF's names to the arrays as they will be when unpacked.
        corners: (3 F,) indices as they will be.
    """

    content: bytes
    ids: dict[str, int]
    arrays: dict[str, F32]
    corners: I64


def pack(arrays: Mapping[str, F32], corners: AnyArray) -> Packed:
    """Compress positions, normals and, if there, texture coordinates; the same arrays give the same bytes.

    Raises:
        BadOptionError: the library is not installed.
    """
    library = _library()
    if library is None:
        raise BadOptionError("Draco compression needs an extra: pip install 'wheatstone[draco]'.")
    uv = arrays.get("TEXCOORD_0")
    content = library.encode(
        np.array(arrays["POSITION"]),
        corners.reshape(-1, 3).astype(np.uint32),
        quantization_bits=_POSITION_BITS,
        compression_level=_LEVEL,
        tex_coord=None if uv is None else uv.astype(np.float64),
        normals=arrays["NORMAL"].astype(np.float64),
        tex_coord_quantization_bits=None if uv is None else _UV_BITS,
        normal_quantization_bits=_NORMAL_BITS,
    )
    unpacked = library.decode(content)
    names = {_TYPES[item["attribute_type"]]: item for item in unpacked.attributes}
    return Packed(
        content,
        {name: int(names[name]["unique_id"]) for name in arrays},
        {name: np.asarray(names[name]["data"], np.float32) for name in arrays},
        np.asarray(unpacked.faces, np.int64).reshape(-1),
    )


def unpack(content: bytes, ids: Mapping[str, int]) -> tuple[dict[str, F32], I64]:
    """Arrays by glTF's names, and (3 F,) indices.

    Raises:
        BadMeshError: the library is not installed, or the content is damaged.
    """
    library = _library()
    if library is None:
        raise BadMeshError("The GLB is compressed with Draco; reading it needs pip install 'wheatstone[draco]'.")
    try:
        unpacked = library.decode(content)
        found = {int(item["unique_id"]): item["data"] for item in unpacked.attributes}
        corners = np.asarray(unpacked.faces, np.int64).reshape(-1)
        arrays = {name: np.array(found[number], np.float32) for name, number in ids.items()}
    except (ValueError, KeyError, AttributeError, TypeError, MemoryError, library.FileTypeException) as error:
        raise BadMeshError(f"The compressed part of the GLB cannot be read: {reason(error)}.") from error
    return arrays, corners


def _library() -> ModuleType | None:
    """DracoPy, if it is installed."""
    try:
        import DracoPy
    except ModuleNotFoundError:
        return None
    library: ModuleType = DracoPy
    return library
