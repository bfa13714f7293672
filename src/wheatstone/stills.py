"""Still pictures as files."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from wheatstone.arrays import U8
from wheatstone.errors import BadOptionError, UnknownFormatError
from wheatstone.files import atomic_write

MAX_SIDE_PX = 16383
"""Longest side of a picture that every format can hold; WebP's limit."""

_KINDS: dict[str, tuple[str, dict[str, int]]] = {
    ".webp": ("WEBP", {"quality": 90, "method": 4}),
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 92}),
    ".jpeg": ("JPEG", {"quality": 92}),
}
"""Pillow's format and options by the ending of the file's name."""


def write_still(picture: U8, path: Path, *, overwrite: bool = True) -> Path:
    """Write an (H, W, 3) uint8 sRGB picture as WebP, PNG or JPEG, whole or not at all; returns `path`.

    The same picture gives the same bytes.

    Raises:
        UnknownFormatError: the name has none of these endings.
        BadOptionError: a side is longer than 16383 pixels, which WebP cannot hold.
        OutputExistsError: the file exists and `overwrite` is false.
    """
    if max(picture.shape[:2]) > MAX_SIDE_PX:
        raise BadOptionError(f"WebP pictures end at {MAX_SIDE_PX} pixels a side, got {picture.shape[1::-1]}.")
    if path.suffix.lower() not in _KINDS:
        raise UnknownFormatError(f"{path}: no picture format has this ending; known are {', '.join(_KINDS)}.")
    kind, options = _KINDS[path.suffix.lower()]
    with atomic_write(path, overwrite=overwrite) as file:
        Image.fromarray(picture).save(file, kind, **options)
    return path
