"""Still pictures of a scene: posters for galleries, contact sheets for looking at results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wheatstone.arrays import U8
from wheatstone.errors import BadOptionError
from wheatstone.splats.scene import Scene
from wheatstone.splats.shots import Shot
from wheatstone.splats.stereo import Stereo
from wheatstone.splats.views import View


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
