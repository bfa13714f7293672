"""Binary PLY: positions, normals and, from the texture, a colour a vertex; in our frame (y up)."""

from __future__ import annotations

import numpy as np

from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.textures import vertex_colors

_FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])


def encode(mesh: Mesh) -> bytes:
    """The mesh as a file; colours only if it has a texture, and as fine as its vertices are dense."""
    colors = vertex_colors(mesh)
    names = ["x", "y", "z", "nx", "ny", "nz"]
    kinds = [(name, "<f4") for name in names]
    lines = [f"property float {name}" for name in names]
    if colors is not None:
        kinds += [(name, "u1") for name in ("red", "green", "blue")]
        lines += [f"property uchar {name}" for name in ("red", "green", "blue")]
    vertices = np.empty(len(mesh.vertices), np.dtype(kinds))
    normals = mesh.vertex_normals
    for axis in range(3):
        vertices["xyz"[axis]] = mesh.vertices[:, axis]
        vertices["n" + "xyz"[axis]] = normals[:, axis]
        if colors is not None:
            vertices[("red", "green", "blue")[axis]] = colors[:, axis]
    faces = np.empty(len(mesh.faces), _FACE)
    faces["count"], faces["corners"] = 3, mesh.faces
    header = [
        "ply",
        "format binary_little_endian 1.0",
        "comment Wheatstone",
        f"element vertex {len(vertices)}",
        *lines,
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    return "\n".join(header).encode("ascii") + vertices.tobytes() + faces.tobytes()
