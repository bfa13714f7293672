"""Mesh file formats: one module a format, each with functions that turn a mesh into bytes, some also back."""

from wheatstone.meshes.formats.registry import (
    MESH_FORMATS,
    Export,
    MeshFormat,
    mesh_format_named,
    mesh_format_of,
    read_mesh,
    write_mesh,
)

__all__ = [
    "MESH_FORMATS",
    "Export",
    "MeshFormat",
    "mesh_format_named",
    "mesh_format_of",
    "read_mesh",
    "write_mesh",
]
