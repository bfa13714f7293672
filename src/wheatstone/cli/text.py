"""How the command writes sizes and errors."""

from __future__ import annotations

from wheatstone.errors import error_of_system, reason


def size_text(size_bytes: int) -> str:
    """A size in decimal units, one digit after the point."""
    for unit, factor, least in (("GB", 1e9, 1e9), ("MB", 1e6, 1e5)):
        if size_bytes >= least:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes / 1e3:.1f} kB"


def error_text(error: Exception) -> str:
    """What an error says; of one of the system's, which file it is about."""
    if not isinstance(error, OSError):
        return str(error)
    if known := error_of_system(error):
        return str(known)
    path = error.filename2 or error.filename
    return f"{path}: {error.strerror}." if path else f"{reason(error)}."
