"""`wheatstone convert`: one format of splats to another, or one of meshes."""

from __future__ import annotations

import sys
from pathlib import Path

from wheatstone.cli.files import is_mesh
from wheatstone.cli.parameters import Flag, refuse_existing
from wheatstone.cli.text import size_text
from wheatstone.errors import BadOptionError
from wheatstone.splats.formats import check_writable, format_of, read_scene, write_scene


def convert(
    source: Path,
    target: Path,
    /,
    *,
    effort: int | None = None,
    draco: Flag = False,
    size_mm: float | None = None,
    overwrite: Flag = False,
) -> None:
    """Convert a splat or a mesh; the ending of the target's name chooses the format.

    Splats: `.sog` (compressed), `.html` (one page to send, with a viewer inside), `.ply` (lossless, SHARP's
    layout), `.plain.ply` (for viewers that choke on extra elements). Meshes: `.glb`, `.obj`, `.zip` (OBJ in one
    file), `.usdz`, `.ply` (colours at vertices), `.stl`.

    Args:
        source: File to read; PLY splats of other programs too. Meshes are read from `.glb`, `.obj` and `.zip`.
        target: File to write.
        effort: How hard to try for a small `.sog` or `.html`: 0, the default, is fast; 1 takes about eight times
            as long for 4 to 8 % less.
        draco: Compress the surface of a `.glb` about tenfold, and its texture as JPEG; needs
            `pip install 'wheatstone[draco]'`.
        size_mm: Longest side of the mesh in an `.stl`; by default 100.
        overwrite: Replace the target if it exists.
    """
    if is_mesh(source):
        if effort is not None:
            raise BadOptionError(f"--effort is for splats; {source} is a mesh.")
        from wheatstone.cli.mesh_files import convert_mesh  # a splat starts faster without

        faces = convert_mesh(source, target, draco=draco, size_mm=size_mm, overwrite=overwrite)
        _tell(source, target, f"{faces:,} faces")
        return
    if draco or size_mm is not None:
        raise BadOptionError(f"--draco and --size-mm are for meshes; {source} is none by its name.")
    effort = effort or 0
    check_writable([format_of(target)], effort)
    refuse_existing(target, overwrite=overwrite)
    scene = read_scene(source)
    write_scene(scene, target, overwrite=overwrite, effort=effort)
    _tell(source, target, f"{len(scene.gaussians):,} Gaussians")


def _tell(source: Path, target: Path, what: str) -> None:
    sizes = f"{size_text(source.stat().st_size)} → {size_text(target.stat().st_size)}"
    sys.stdout.write(f"{target}: {what}, {sizes}\n")
