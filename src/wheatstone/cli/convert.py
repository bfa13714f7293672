"""`wheatstone convert`: one splat format to another."""

from __future__ import annotations

import sys
from pathlib import Path

from wheatstone.cli.parameters import Flag, refuse_existing
from wheatstone.cli.text import size_text
from wheatstone.splats.formats import check_writable, format_of, read_scene, write_scene


def convert(source: Path, target: Path, /, *, effort: int = 0, overwrite: Flag = False) -> None:
    """Convert a splat file; the ending of the target's name chooses the format.

    Endings: `.sog` (compressed), `.html` (one page to send, with a viewer inside), `.ply` (lossless, SHARP's
    layout), `.plain.ply` (for viewers that choke on extra elements).

    Args:
        source: Splat file to read; PLY files of other programs too.
        target: Splat file to write.
        effort: How hard to try for a small `.sog` or `.html`: 0 is fast; 1 takes about eight times as long for
            4 to 8 % less.
        overwrite: Replace the target if it exists.
    """
    check_writable([format_of(target)], effort)
    refuse_existing(target, overwrite=overwrite)
    scene = read_scene(source)
    write_scene(scene, target, overwrite=overwrite, effort=effort)
    sizes = f"{size_text(source.stat().st_size)} → {size_text(target.stat().st_size)}"
    sys.stdout.write(f"{target}: {len(scene.gaussians):,} Gaussians, {sizes}\n")
