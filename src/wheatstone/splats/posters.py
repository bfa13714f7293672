"""Still pictures of a scene: posters for galleries, contact sheets for looking at results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from wheatstone.arrays import U8
from wheatstone.errors import BadOptionError, UnknownFormatError
from wheatstone.files import atomic_write
from wheatstone.splats.render import render
from wheatstone.splats.scene import Scene
from wheatstone.splats.views import frame, median_depth_m

BACKGROUND = (0.12, 0.12, 0.13)
"""A dark neutral grey, sRGB."""

_MAX_SIDE_PX = 16383  # WebP's limit
_KINDS: dict[str, tuple[str, dict[str, int]]] = {
    ".webp": ("WEBP", {"quality": 90, "method": 4}),
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 92}),
    ".jpeg": ("JPEG", {"quality": 92}),
}
"""Pillow's format and options by the ending of the file's name."""
_NEAR_SHARE = 0.02  # near plane as a share of the median depth, so that a scene's unit does not matter


def poster(scene: Scene, long_side_px: int = 768) -> U8:
    """The scene from its own camera or, without one, from where `frame` looks; (H, W, 3) uint8 sRGB.

    Raises:
        BadOptionError: `long_side_px` is not between 1 and 16383.
    """
    return contact_sheet(scene, [0.0], long_side_px)


def contact_sheet(scene: Scene, yaws_deg: Sequence[float], long_side_px: int = 512) -> U8:
    """Views from an orbit, side by side; (H, W times views, 3) uint8 sRGB.

    Args:
        scene: what to show.
        yaws_deg: how far right of the scene's own camera each view stands, around the median depth.
        long_side_px: longer side of one view in pixels.

    Raises:
        BadOptionError: `long_side_px` is not between 1 and 16383, or no view is asked for.
    """
    if not 1 <= long_side_px <= _MAX_SIDE_PX:
        raise BadOptionError(f"A picture's longer side must be 1 to {_MAX_SIDE_PX} pixels, got {long_side_px}.")
    if not yaws_deg:
        raise BadOptionError("A contact sheet needs at least one view.")
    camera = frame(scene).resized(long_side_px)
    pivot_m = median_depth_m(scene.gaussians, camera)
    views = [
        render(
            scene.gaussians,
            camera.orbited(yaw_deg, 0, pivot_m),
            background=BACKGROUND,
            near_m=_NEAR_SHARE * pivot_m,
        ).rgb
        for yaw_deg in yaws_deg
    ]
    return np.concatenate(views, axis=1)


def write_poster(picture: U8, path: Path, *, overwrite: bool = True) -> Path:
    """Write an (H, W, 3) uint8 sRGB picture as WebP, PNG or JPEG, whole or not at all; returns `path`.

    The same picture gives the same bytes.

    Raises:
        UnknownFormatError: the name has none of these endings.
        BadOptionError: a side is longer than 16383 pixels, which WebP cannot hold.
        OutputExistsError: the file exists and `overwrite` is false.
    """
    if max(picture.shape[:2]) > _MAX_SIDE_PX:
        raise BadOptionError(f"WebP pictures end at {_MAX_SIDE_PX} pixels a side, got {picture.shape[1::-1]}.")
    if path.suffix.lower() not in _KINDS:
        raise UnknownFormatError(f"{path}: no picture format has this ending; known are {', '.join(_KINDS)}.")
    kind, options = _KINDS[path.suffix.lower()]
    with atomic_write(path, overwrite=overwrite) as file:
        Image.fromarray(picture).save(file, kind, **options)
    return path
