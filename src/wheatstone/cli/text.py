"""How the command writes sizes and times."""

from __future__ import annotations


def megabytes(size_bytes: int) -> str:
    """A size in decimal megabytes, or in kilobytes when it is small."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1e3:.1f} kB"
