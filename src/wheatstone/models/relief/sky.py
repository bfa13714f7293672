"""The sky as a layer of its own: keyed by colour, so that lattices and branches before it stay crisp."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wheatstone.arrays import F32, U8, AnyArray, Mask
from wheatstone.pictures.filters import colour_edges, disc, gaussian, gradient_magnitude, guided_filter, pull_push

_LEAST_TOP_SHARE = 0.35
"""Sky covers at least this share of the picture's top rows."""
_LEAST_SHARE = 0.03
"""Less sky than this share of the picture is not worth a layer."""
_LEAST_EDGE = 25.0
"""Median Lab gradient (Sobel) that things before a sky show at least."""
_ROUNDS = 5
_LEAST_TOLERANCE = 0.035
"""Colours this close to the sky's own are sky in the cleanest picture: a sky's gradient is guessed, not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Sky:
    """What is known of the sky.

    Attributes:
        cover: (H, W) float32, share of each pixel that is sky, 0 to 1.
        colour: (H, W, 3) float32 sRGB 0..1, the sky as it would look with nothing before it.
    """

    cover: F32
    colour: F32


def find_sky(rgb: U8, foreground: F32) -> Sky | None:
    """Find the sky: smooth, bluish or bright, open to the top; then key it against its own colour.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        foreground: (H, W) matte of the main object, which is never sky.

    Returns:
        The sky, or None when there is none to speak of.
    """
    seed = _open_sky(rgb) & (foreground < 0.05)
    if seed.mean() < _LEAST_SHARE:
        return None
    picture = rgb / np.float32(255)
    height, width = seed.shape
    smooth = _roughness(rgb) < 0.12
    smooth[int(np.nonzero(seed.any(axis=1))[0].max()) + 1 :] = False
    # What has the sky's colour is sky also where nothing connects it, in large smooth pieces above the sky's lower
    # end: gaps between branches, the far side of a tower. Each round knows the sky's colour in more places.
    for _ in range(_ROUNDS):
        sure = cv2.erode(seed.astype(np.uint8), disc(2)).astype(np.float32)
        if not sure.any():
            return None
        colour = gaussian(_continued(picture, sure), max(height, width) / 100)
        distance = np.abs(picture - colour).max(axis=2)
        low = min(max(1.5 * float(np.percentile(distance[sure > 0], 97)), _LEAST_TOLERANCE), 0.08)
        other = np.clip((distance - low) / (low + 0.05), 0, 1)
        seed |= _large_parts((other == 0) & smooth & (foreground < 0.05), height * width // 300)
    near = cv2.dilate(seed.astype(np.uint8), disc(max(3, max(height, width) // 25))) > 0
    followed = guided_filter(picture, np.where(near, 1 - other, 0), 3, 1e-4)
    cover = np.clip((followed - 0.1) / 0.8, 0, 1) * np.clip(1 - 2 * foreground, 0, 1)
    cover = np.maximum(cover, _unsupported(cover, foreground))
    if _edge_before(rgb, cover, foreground) < _LEAST_EDGE:
        return None
    return Sky(cover.astype(np.float32), colour)


def _open_sky(rgb: U8) -> Mask:
    """Pixels that are surely sky: smooth, of a sky's colour, connected to the top of the picture."""
    height, width = rgb.shape[:2]
    picture = rgb / np.float32(255)
    roughness = _roughness(rgb)
    brightest = picture.max(axis=2)
    saturation = (brightest - picture.min(axis=2)) / (brightest + 1e-3)
    blueness = picture[..., 2] - picture[..., 0]
    blue = (blueness > 0.02) & (brightest > 0.35)
    bright = (saturation < 0.15) & (brightest > 0.62)
    deep = (roughness < 0.05) & (blueness > 0.04) & (picture[..., 2] >= picture[..., 1])
    candidate = ((roughness < 0.12) & (blue | bright)) | deep
    opened = cv2.morphologyEx(candidate.astype(np.uint8), cv2.MORPH_OPEN, disc(1))
    _, labels = cv2.connectedComponents(opened)
    at_top = np.unique(labels[: max(2, height // 50)])
    sky: Mask = np.isin(labels, at_top[at_top > 0])
    if sky[: height // 20 + 1].mean() < _LEAST_TOP_SHARE:
        return np.zeros((height, width), np.bool_)
    return sky


def _continued(picture: AnyArray, sure: F32) -> F32:
    """The sky's colour everywhere: that of its row, since skies fade downwards, and what sky nearby differs by."""
    counts = sure.sum(axis=1)
    means = (picture * sure[..., None]).sum(axis=1) / np.maximum(counts, 1)[:, None]
    rows = pull_push(means[:, None], counts[:, None] > 0)
    continued: F32 = np.clip(rows + pull_push(picture - rows, sure), 0, 1)
    return continued


def _roughness(rgb: U8) -> F32:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) / np.float32(255)
    return gaussian(gradient_magnitude(grey), 1.5)


def _large_parts(mask: Mask, least_px: int) -> Mask:
    """The connected parts of at least that many pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    large = stats[:, cv2.CC_STAT_AREA] >= least_px
    large[0] = False
    parts: Mask = large[labels]
    return parts


def _edge_before(rgb: U8, cover: F32, foreground: F32) -> float:
    """Median Lab gradient where other things begin before the sky; infinite when nothing does.

    Things stand out sharply against a real sky. A blurred wall or mist that only looks like one fades into them.
    """
    sky = (cover > 0.5).astype(np.uint8)
    near_object = cv2.dilate((foreground > 0.05).astype(np.uint8), disc(max(2, max(sky.shape) // 128))) > 0
    rim = (cv2.dilate(sky, disc(1)) > sky) & ~near_object
    if not rim.any():
        return float("inf")
    return float(np.median(colour_edges(rgb)[rim]))


def _unsupported(cover: F32, foreground: F32) -> F32:
    """1 where something not sky hangs in the air, touching neither ground, border nor object: a cloud, a star."""
    solid = (cover < 0.5).astype(np.uint8)
    _, labels = cv2.connectedComponents(solid, connectivity=8)
    held = np.unique(
        np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1], labels[foreground > 0.5]])
    )
    floating: F32 = (~np.isin(labels, held) & (labels > 0)).astype(np.float32)
    return floating
