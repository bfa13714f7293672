"""The texture: the front as the photo shows it, flanks and back painted in from what is beside them."""

from __future__ import annotations

import math

import cv2
import numpy as np

from wheatstone.arrays import F32, U8, AnyArray, Mask
from wheatstone.models.inflate.silhouette import PLAN_PX, Silhouette
from wheatstone.models.inflate.unrolling import PADDING_PX, STEEPEST_DEG, Unrolling
from wheatstone.pictures import Picture
from wheatstone.pictures.fill import fill_holes
from wheatstone.pictures.filters import gaussian, pull_push

_RING = 0.05
"""Width along the outline that the back takes from the front, as a share of the plan's side."""
_RING_OF_RADIUS = 0.45
"""Its largest width as a share of the radius of a thin part, such as a head."""
_SOLID = 0.95
"""A pixel that shows less of the object than this has the background's colour, too."""


def object_colours(picture: Picture, alpha: F32, silhouette: Silhouette, extent: float, side_px: int) -> U8:
    """The object's own colours, spread beyond its outline.

    Args:
        picture: the photo at any size.
        alpha: (h, w) its matte, at any size.
        silhouette: the outline.
        extent: half the side of the square to show, in halves of the plan's side.
        side_px: pixels along that square.

    Returns:
        (side_px, side_px, 3) sRGB, the plan's centre in the middle.
    """
    height, width = picture.rgb.shape[:2]
    square_px = silhouette.side * max(height, width) * extent
    factor = side_px / square_px
    centre_x, centre_y = silhouette.centre[0] * width, silhouette.centre[1] * height
    left, top = max(0, math.floor(centre_x - square_px / 2)), max(0, math.floor(centre_y - square_px / 2))
    right, bottom = math.ceil(centre_x + square_px / 2), math.ceil(centre_y + square_px / 2)
    rgb = picture.rgb[top:bottom, left:right]
    seen = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR)[top:bottom, left:right]
    across = down = 1.0
    if factor < 1:
        size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
        across, down = size[0] / rgb.shape[1], size[1] / rgb.shape[0]
        # Colours count by how much of them is the object's.
        weighed = cv2.resize(rgb * seen[..., None], size, interpolation=cv2.INTER_AREA)
        seen = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
        rgb = weighed / np.maximum(seen, 1e-6)[..., None]
    own = seen > min(_SOLID, 0.999 * float(seen.max()))
    rgb = np.where(own[..., None], rgb, pull_push(rgb, own)).astype(np.float32)
    to_square = np.array(
        [
            [factor / across, 0, side_px / 2 - 0.5 - factor * (centre_x - left) + 0.5 * factor / across],
            [0, factor / down, side_px / 2 - 0.5 - factor * (centre_y - top) + 0.5 * factor / down],
        ]
    )
    size = (side_px, side_px)
    square = cv2.warpAffine(rgb, to_square, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    solid = cv2.warpAffine(
        seen.astype(np.float32), to_square, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    core = cv2.erode((solid > _SOLID).astype(np.uint8), np.ones((3, 3), np.uint8))
    if not core.any():
        return np.asarray(np.clip(square + 0.5, 0, 255), np.uint8)
    spread = pull_push(square, core)
    colours = np.where(core[..., None] > 0, square, spread)
    return np.asarray(np.clip(colours + 0.5, 0, 255), np.uint8)


def paint(colours: U8, unrolling: Unrolling, extent: float) -> tuple[U8, U8]:
    """The planes of front and back.

    Args:
        colours: (T, T, 3) from `object_colours`.
        unrolling: what lies where.
        extent: half the side of the square, in halves of the plan's side.

    Returns:
        Two (T, T, 3) uint8 sRGB of the same square.
    """
    side_px = len(colours)
    plane = _Plane(side_px, extent)
    facing = plane.sampled(unrolling.facing.astype(np.float32)) > 0.5
    distance = plane.sampled(unrolling.distance_px)  # in plan pixels
    nearest_row, nearest_column = unrolling.nearest
    length = plane.sampled(gaussian(unrolling.length_px[nearest_row, nearest_column], 3))
    rim = plane.sampled(gaussian(unrolling.rim_px[nearest_row, nearest_column], 3))
    outward = plane.sampled(unrolling.outward)
    away = np.maximum(distance, 0)
    turned = np.clip(away / np.maximum(rim + length, 1e-3), 0, 1)

    # Each texel of a flank lies under this pixel of the photo.
    steepest = math.radians(STEEPEST_DEG)
    angle = steepest + (math.pi / 2 - steepest) * turned
    seen_at = rim * (np.sin(angle) - math.sin(steepest)) / (1 - math.sin(steepest))
    inwards = ((away - seen_at) * plane.texels_a_pixel)[..., None] * outward
    rows, columns = np.mgrid[:side_px, :side_px].astype(np.float32)
    under = cv2.remap(
        colours,
        columns - inwards[..., 0],
        rows - inwards[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32)

    reach = (away > 0) & (away < rim + 1.3 * length + 6)
    flank = reach & ~facing
    sources = facing & (distance < -1)
    painted = fill_holes(colours, flank, sources).astype(np.float32)
    blur_px = max(1.5, side_px / 110)
    grain = painted - gaussian(painted, blur_px)
    share = np.clip(1 - turned / 0.5, 0, 1)[..., None]
    outer = share * under + (1 - share) * (gaussian(under, blur_px) + grain)
    front = np.where(facing[..., None], colours, outer)
    front = np.where((flank | facing)[..., None], front, pull_push(front, flank | facing))
    front_bytes = np.clip(front + 0.5, 0, 255).astype(np.uint8)
    return front_bytes, _back(front_bytes, distance, flank, unrolling, plane)


def _back(front: U8, distance: F32, flank: Mask, unrolling: Unrolling, plane: _Plane) -> U8:
    """Like the front along the outline; inside, its grain and colours go on, so that no face looks out of it."""
    depth = np.maximum(-distance, 0)
    height = plane.sampled(unrolling.front_px)
    radius = (height**2 + depth**2) / np.maximum(2 * depth, 1e-3)
    whole = np.clip(plane.sampled(unrolling.cut_px) / (0.1 * PLAN_PX), 0, 1)
    ring = np.minimum(_RING * PLAN_PX, _RING_OF_RADIUS * radius) * whole
    hidden = (depth > ring) | ((distance < 0) & (plane.sampled(unrolling.hollow.astype(np.float32)) > 0))
    beside = flank | ((distance <= 0) & ~hidden)
    if not hidden.any() or not beside.any():
        return front
    painted = fill_holes(front, hidden, beside).astype(np.float32)
    blur_px = max(1.5, len(front) / 60)
    calm = gaussian(pull_push(front, beside), blur_px) + painted - gaussian(painted, blur_px)
    within = cv2.distanceTransform(hidden.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) / plane.texels_a_pixel
    share = np.clip(within / (0.06 * PLAN_PX), 0, 1)[..., None]
    return np.asarray(np.clip(painted + share * (calm - painted) + 0.5, 0, 255), np.uint8)


class _Plane:
    """The square of the texture on the plane of an unrolling."""

    def __init__(self, side_px: int, extent: float) -> None:
        self.texels_a_pixel = side_px / (extent * PLAN_PX)
        middle_px = PLAN_PX / 2 + PADDING_PX
        places = (np.arange(side_px, dtype=np.float32) + 0.5) / self.texels_a_pixel
        places = (places - extent * PLAN_PX / 2 + middle_px - 0.5).astype(np.float32)
        self._columns, self._rows = np.meshgrid(places, places)

    def sampled(self, plane: AnyArray) -> F32:
        """Values of the plane at each texel."""
        values: F32 = cv2.remap(
            plane.astype(np.float32), self._columns, self._rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return values
