"""An exact renderer of 3D Gaussians for CPUs: sorted, tiled, alpha-blended front to back.

Project every Gaussian, sort by depth, list the Gaussians of each tile, blend tile by tile. The picture is
the same to the last bit whatever the number of threads. Beside the scene and the picture it needs about
110 bytes a Gaussian and at most max(64 MiB, 4 bytes a Gaussian) for the lists of tiles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wheatstone.arrays import F32, U8
from wheatstone.compiled import run_chunks
from wheatstone.errors import BadOptionError
from wheatstone.splats._blending import blend_tiles
from wheatstone.splats._projection import DEPTH, project
from wheatstone.splats._tiles import MAX_ENTRIES, TILE_PX, Batch, batches, depth_order
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians

_TILES_PER_CHUNK = 16


@dataclass(frozen=True, slots=True, eq=False)
class RenderedImage:
    """What a camera sees of a scene.

    Attributes:
        color: (H, W, 3) float32 display-referred sRGB over the background; values over 1 are kept.
        alpha: (H, W) float32, 0 (nothing drawn) to 1 (opaque).
        depth: (H, W) float32, mean camera z in metres of what was drawn, weighted by its share of the
            pixel; infinite where nothing was drawn.
    """

    color: F32
    alpha: F32
    depth: F32

    @property
    def rgb(self) -> U8:
        """(H, W, 3) uint8 sRGB, clipped and rounded."""
        rgb: U8 = np.rint(self.color.clip(0, 1) * 255).astype(np.uint8)
        return rgb


def render(
    gaussians: Gaussians,
    camera: Camera,
    *,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    near_m: float = 0.1,
    low_pass_px2: float = 0.3,
    antialiased: bool = False,
) -> RenderedImage:
    """Render as 3D Gaussian splatting does, blending sRGB values as they are.

    Alpha is at most 0.99 and ignored under 1/255; a pixel is finished when less than 1e-4 of the light
    passes. Of Gaussians at equal depth the earlier one is in front. Gaussians whose values are not finite
    are not drawn.

    Args:
        gaussians: the scene.
        camera: where it is seen from.
        background: red, green, blue behind the scene, sRGB, 0 to 1.
        near_m: Gaussians with centres nearer than this, along the view axis, are not drawn.
        low_pass_px2: added to the variances of each Gaussian on the picture, so that none falls between
            pixels; 0.3 as in 3DGS.
        antialiased: lower the opacity by what the low-pass widens, as Mip-Splatting does; for scenes
            trained that way.

    Raises:
        BadOptionError: an option is negative or not finite, or `near_m` is zero.
    """
    if not (0 < near_m < math.inf):
        raise BadOptionError(f"The near plane must be at a positive number of metres, got {near_m}.")
    if not (0 <= low_pass_px2 < math.inf):
        raise BadOptionError(f"The low-pass must be a variance in square pixels, 0 or more, got {low_pass_px2}.")
    behind = np.asarray(background, np.float32)
    if behind.shape != (3,) or not np.isfinite(behind).all():
        raise BadOptionError(f"The background must be red, green and blue, 0 to 1, got {background}.")

    projection = project(gaussians, camera, near_m=near_m, low_pass_px2=low_pass_px2, antialiased=antialiased)
    visible = np.flatnonzero(projection.boxes[:, 2])
    order = visible[depth_order(projection.splats[visible, DEPTH])]

    height, width = camera.height_px, camera.width_px
    color = np.empty((height, width, 3), np.float32)
    alpha, depth = np.empty((2, height, width), np.float32)
    across, down = math.ceil(width / TILE_PX), math.ceil(height / TILE_PX)
    for batch in batches(projection.boxes, order, across, down, MAX_ENTRIES):

        def work(start: int, stop: int, batch: Batch = batch) -> None:
            blend_tiles(
                batch.first + start,
                batch.starts[start : stop + 1],
                batch.entries,
                projection.splats,
                projection.boxes,
                across,
                behind,
                color,
                alpha,
                depth,
            )

        run_chunks(work, len(batch.starts) - 1, _TILES_PER_CHUNK)
    return RenderedImage(color, alpha, depth)
