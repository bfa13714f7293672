"""Which kind of thing a file that is named holds; meshes are imported only for what is no splat."""

from __future__ import annotations

from pathlib import Path

from wheatstone.errors import UnknownFormatError
from wheatstone.splats.formats import FORMATS


def is_mesh(file: Path) -> bool:
    """Whether the name is that of a mesh that can be read; else it is that of a splat.

    Raises:
        UnknownFormatError: it is neither.
    """
    splats = [known.suffix for known in FORMATS]
    if file.name.lower().endswith(tuple(splats)):
        return False
    from wheatstone.meshes.formats import MESH_FORMATS

    meshes = [known.suffix for known in MESH_FORMATS if known.read]
    if file.suffix.lower() in meshes:
        return True
    raise UnknownFormatError(
        f"{file}: neither the name of a splat ({', '.join(splats)}) nor that of a mesh that can be read "
        f"({', '.join(meshes)})."
    )
