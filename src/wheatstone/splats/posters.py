"""Still pictures of a scene: posters for galleries, contact sheets for looking at results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from wheatstone.arrays import U8
from wheatstone.errors import BadOptionError, UnknownFormatError
from wheatstone.files import atomic_write
from wheatstone.splats.scene import Scene
from wheatstone.splats.shots import MAX_SIDE_PX, Shot
from wheatstone.splats.stereo import Stereo
from wheatstone.splats.views import View

_KINDS: dict[str, tuple[str, dict[str, int]]] = {
    ".webp": ("WEBP", {"quality": 90, "method": 4}),
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 92}),
    ".jpeg": ("JPEG", {"quality": 92}),
}
"""Pillow's format and options by the ending of the file's name."""


def poster(scene: Scene, long_side_px: int = 768) -> U8:
    """The scene from its own camera or, without one, from where `frame` looks; (H, W, 3) uint8 sRGB.

    Raises:
        BadOptionError: `long_side_px` is not between 1 and 16383.
    """
    return contact_sheet(scene, [View()], long_side_px)


def contact_sheet(
    scene: Scene, views: Sequence[View], long_side_px: int = 512, *, stereo: Stereo | None = None
) -> U8:
    """Views of a scene, side by side; (H, W, 3) uint8 sRGB.

    Args:
        scene: what to show.
        views: where to look from.
        long_side_px: longer side of one eye's picture of one view, in pixels.
        stereo: how to show it to two eyes; None for one.

    Raises:
        BadOptionError: `long_side_px` is not between 1 and 16383, or no view is asked for.
    """
    if not views:
        raise BadOptionError("A contact sheet needs at least one view.")
    shot = Shot.of(scene, long_side_px, stereo=stereo)
    return np.concatenate([shot.picture(view) for view in views], axis=1)


def write_poster(picture: U8, path: Path, *, overwrite: bool = True) -> Path:
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
