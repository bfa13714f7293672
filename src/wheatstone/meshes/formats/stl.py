"""Binary STL, for printers: the bare surface in millimetres, z up, without colour."""

from __future__ import annotations

import numpy as np

from wheatstone.errors import BadOptionError
from wheatstone.meshes.mesh import Mesh

SIZE_MM = 100.0
"""Longest side of a print, unless another is asked for."""

_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER = b"Wheatstone, binary STL, millimetres, z up".ljust(80)  # must not begin with "solid"


def encode(mesh: Mesh, *, size_mm: float = SIZE_MM) -> bytes:
    """The mesh as a file, standing on z = 0 in the middle of x and y, its front towards -y.

    Args:
        mesh: what to write.
        size_mm: longest side of its box.

    Raises:
        BadOptionError: the size is not positive.
        BadMeshError: all its vertices are at one place.
    """
    if not 0 < size_mm < 1e6:
        raise BadOptionError(f"A print is more than 0 and less than a million millimetres long, got {size_mm}.")
    z_up = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    upright = mesh.normalized(size_mm).transformed(z_up)
    vertices = upright.vertices - [0, 0, upright.bounds[0, 2]]
    records = np.zeros(len(mesh.faces), _RECORD)
    records["normal"] = upright.face_normals
    records["corners"] = vertices[mesh.faces]
    return _HEADER + np.array([len(records)], "<u4").tobytes() + records.tobytes()
