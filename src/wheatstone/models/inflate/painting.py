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

_GUIDANCE = 0.9
"""Weight of the colours to expect on the back against the texture beside them."""
_GRAIN = 64
"""What is finer than this part of the texture's side is grain."""
_STRONGEST = 14.0
"""Where grain is stronger, it is an edge."""
_ROUGHNESS = 3.0
"""Weight of how much a texture varies."""
_PATCH = 0.045
"""Side of what is copied at once, as a share of the texture's."""
_ALIKE = 90.0
"""In units of colour."""
_COARSE = 4
"""What changes slowly is looked at in a picture so much smaller."""
_FAR_OFF, _CORRECTIONS = 15.0, 3
"""In units of colour; what is twice as far off is not like it at all."""
_SHARP = 0.4
"""Share of a flank over which the photo fades out, for there it is more and more stretched."""
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


def paint(colours: U8, unrolling: Unrolling, features: Mask, extent: float) -> tuple[U8, U8]:
    """The planes of front and back.

    Args:
        colours: (T, T, 3) from `object_colours`.
        unrolling: what lies where.
        features: (PLAN_PX, PLAN_PX) what neither flanks nor back may show.
        extent: half the side of the square, in halves of the plan's side.

    Returns:
        Two (T, T, 3) uint8 sRGB of the same square.
    """
    side_px = len(colours)
    plane = _Plane(side_px, extent)
    facing = plane.sampled(unrolling.facing.astype(np.float32)) > 0.5
    featured = plane.sampled(np.pad(features, PADDING_PX).astype(np.float32)) > 0.5
    distance = plane.sampled(unrolling.distance_px)  # in plan pixels
    nearest_row, nearest_column = unrolling.nearest
    length = plane.sampled(gaussian(unrolling.length_px[nearest_row, nearest_column], 3))
    rim = plane.sampled(gaussian(unrolling.rim_px[nearest_row, nearest_column], 3))
    away = np.maximum(distance, 0)
    turned = np.clip(away / np.maximum(rim + length, 1e-3), 0, 1)
    outward = plane.sampled(unrolling.outward) * plane.texels_a_pixel
    under = _shifted(colours, outward, away - _seen_at(turned, rim))

    flank = (away > 0) & (away < rim + 1.3 * length + 6) & ~facing
    # What is under the flank says which colours it has, the photo beside it, mirrored, what they are made of.
    blur_px = side_px / _GRAIN
    deep = np.maximum(plane.sampled(gaussian(unrolling.front_px[nearest_row, nearest_column], 3)), 4)
    back_and_forth = away + np.abs((away + deep) % (2 * deep) - deep)
    grain = np.where(featured[..., None], 0, colours - gaussian(colours, blur_px))
    grain = _shifted(_STRONGEST * np.tanh(grain / _STRONGEST), outward, back_and_forth)
    share = np.clip(1 - turned / _SHARP, 0, 1)[..., None]
    front = np.where(facing[..., None], colours, share * under + (1 - share) * (gaussian(under, blur_px) + grain))
    front = np.where((flank | facing)[..., None], front, pull_push(front, flank | facing))
    front_bytes = np.clip(front + 0.5, 0, 255).astype(np.uint8)
    sharp = facing | (flank & (turned < _SHARP))
    return front_bytes, _back(front_bytes, facing | flank, sharp, featured & sharp, blur_px)


def _back(front: U8, body: Mask, sharp: Mask, featured: Mask, calm_px: float) -> U8:
    """The front seen through, so that stripes go on around the outline, but without its features."""
    known = body & ~featured
    guide = _guide(front, body, sharp, featured, calm_px)
    whole = cv2.resize(guide, front.shape[:2], interpolation=cv2.INTER_LINEAR)
    painted = fill_holes(front, featured, known & (sharp | ~_near_patches(known & sharp)), whole).astype(
        np.float32
    )
    # Where the photo has no texture of the colours to expect, such as hair, at least the colours are those.
    coarse, where = _coarse(painted), _coarse(featured)
    added = np.zeros_like(coarse)
    for _ in range(_CORRECTIONS):
        missing = guide[..., :3] / _GUIDANCE - gaussian(coarse + added, calm_px / _COARSE)
        share = np.clip(np.abs(missing).max(axis=2) / _FAR_OFF - 1, 0, 1) * where
        added += gaussian(share, calm_px / _COARSE)[..., None] * missing
    painted += cv2.resize(added, front.shape[:2], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(painted + 0.5, 0, 255), np.uint8)


def _guide(front: U8, body: Mask, sharp: Mask, featured: Mask, calm_px: float) -> F32:
    """(t, t, 4) Colours and roughness to expect on the back, which change slowly: coarsely is enough."""
    known, sigma = body & ~featured, calm_px / _COARSE
    weight = gaussian(_coarse(known), sigma)[..., None]
    calm = gaussian(_coarse(front * known[..., None]), sigma) / np.maximum(weight, 1e-3)
    # How much a texture varies, in units of colour: what goes on should be as rough, not smooth.
    smooth = cv2.resize(gaussian(_coarse(front), sigma), front.shape[:2], interpolation=cv2.INTER_LINEAR)
    rough = _ROUGHNESS * gaussian(_coarse(np.abs(front - smooth).mean(axis=2)), 2 * sigma)
    usual = pull_push(rough, _coarse(known & sharp) > 0.5)
    expected, given = np.dstack([_GUIDANCE * calm, usual]), np.dstack([_GUIDANCE * calm, rough])
    hole = _coarse(featured) > 0
    beside = _beside(expected, hole, _coarse(body) > 0.5)
    return gaussian(np.where(hole[..., None], beside, given).astype(np.float32), sigma)


def _coarse(values: AnyArray) -> F32:
    """(t, t, …) Means over squares of `_COARSE` texels."""
    size = (max(1, len(values) // _COARSE),) * 2
    return np.asarray(cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)


def _near_patches(source: Mask) -> Mask:
    """Where there is something to copy nearby; thin parts, such as heads, have nothing that is large enough."""
    side_px = round(_PATCH * len(source))
    whole = cv2.erode(source.astype(np.uint8), np.ones((side_px, side_px), np.uint8), borderValue=0)
    return np.asarray(cv2.dilate(whole, np.ones((2 * side_px, 2 * side_px), np.uint8)) > 0)


def _beside(values: F32, hole: Mask, body: Mask) -> F32:
    """(T, T, 3) In a hole what stands left and right of it: a body is more alike at one height than along it."""
    columns = np.arange(hole.shape[1], dtype=np.int64)
    usable = body & ~hole
    left = np.maximum.accumulate(np.where(usable, columns, -1), axis=1)
    right = np.minimum.accumulate(np.where(usable, columns, hole.shape[1])[:, ::-1], axis=1)[:, ::-1]
    rows = np.arange(hole.shape[0])[:, None]
    lefts, rights = values[rows, np.maximum(left, 0)], values[rows, np.minimum(right, hole.shape[1] - 1)]
    share = np.where(
        left < 0, 1.0, np.where(right >= hole.shape[1], 0.0, (columns - left) / np.maximum(right - left, 1))
    )
    # What is alike passes over into another, what is not meets in the middle: a mixture would be neither.
    unlike = np.abs(lefts - rights).max(axis=2)
    share = np.clip(0.5 + (share - 0.5) * (1 + np.maximum(unlike - _ALIKE, 0)), 0, 1)[..., None]
    neither = (left < 0) & (right >= hole.shape[1])
    return np.where(neither[..., None], values, lefts + share * (rights - lefts)).astype(np.float32)


def _seen_at(turned: F32, rim: F32) -> F32:
    """(T, T) How far from where a flank begins the photo shows what has turned by so much, in plan pixels."""
    steepest = math.radians(STEEPEST_DEG)
    angle = steepest + (math.pi / 2 - steepest) * turned
    return np.asarray(rim * (np.sin(angle) - math.sin(steepest)) / (1 - math.sin(steepest)), np.float32)


def _shifted(values: AnyArray, outward: F32, by: F32) -> F32:
    """(T, T, 3) What lies so many plan pixels farther inwards."""
    rows, columns = np.mgrid[: len(values), : len(values)].astype(np.float32)
    at_column, at_row = columns - by * outward[..., 0], rows - by * outward[..., 1]
    shifted = cv2.remap(values, at_column, at_row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(shifted, np.float32)


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
