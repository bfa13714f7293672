"""How the command writes sizes."""

from __future__ import annotations


def size_text(size_bytes: int) -> str:
    """A size in decimal units, one digit after the point."""
    for unit, factor, least in (("GB", 1e9, 1e9), ("MB", 1e6, 1e5)):
        if size_bytes >= least:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes / 1e3:.1f} kB"
