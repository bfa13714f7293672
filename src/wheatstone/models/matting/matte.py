"""The foreground matte of a picture, by the best means at hand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np

from wheatstone.arrays import F32, U8, Mask
from wheatstone.pictures.filters import disc, gaussian, guided_filter

_LARGEST_SHARE = 0.85
"""A matte over more of the picture than this separates nothing and is dropped."""
_CUT_OUT_SHARE = 0.97
"""A picture more opaque than this, a screenshot with round corners say, is no cut-out."""


class MatteSource(StrEnum):
    """How a matte was found."""

    ALPHA = "alpha"
    PLAIN_BACKGROUND = "plain-background"
    U2NET = "u2net"
    CLASSICAL = "classical"


@dataclass(frozen=True, slots=True, eq=False)
class Matte:
    """A foreground matte.

    Attributes:
        alpha: (H, W) float32, share of the foreground in each pixel, 0 to 1.
        source: how it was found.
        confidence: how far to trust it, 0 to 1.
    """

    alpha: F32
    source: MatteSource
    confidence: float


def estimate_matte(rgb: U8, alpha: U8 | None, checkpoint: Path | None) -> Matte:
    """Find the main object: the picture's own alpha, a plain background, U²-Net, or classical cues.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        alpha: (H, W) uint8 or None.
        checkpoint: a U²-Net as ONNX; None takes the classical way.
    """
    if alpha is not None and alpha.mean() < _CUT_OUT_SHARE * 255:
        return Matte((alpha / np.float32(255)).astype(np.float32), MatteSource.ALPHA, 1.0)
    plain = _against_plain_background(rgb)
    if plain is not None:
        matte = Matte(_refined(rgb, plain), MatteSource.PLAIN_BACKGROUND, 1.0)
    elif checkpoint is not None:
        from wheatstone.models.matting import u2net

        probability, certainty = u2net.saliency(rgb, checkpoint)
        matte = Matte(_refined(rgb, _snapped(rgb, probability)), MatteSource.U2NET, min(certainty, 1.0))
    else:
        from wheatstone.models.matting import classical

        matte = Matte(_refined(rgb, _snapped(rgb, classical.saliency(rgb))), MatteSource.CLASSICAL, 0.7)
    if matte.alpha.mean() > _LARGEST_SHARE:
        return Matte(np.zeros_like(matte.alpha), matte.source, 0.0)
    return matte


def _against_plain_background(rgb: U8) -> F32 | None:
    """Probability of foreground when nearly the whole border has one colour, else None."""
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]]).astype(np.int16)
    colour = np.median(border, axis=0)
    if (np.abs(border - colour).max(axis=1) < 14).mean() <= 0.9:
        return None
    close = (np.abs(rgb.astype(np.int16) - colour).max(axis=2) < 18).astype(np.uint8)
    _, labels = cv2.connectedComponents(close)
    outer = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    background = np.isin(labels, outer[outer > 0])
    foreground = gaussian((~background).astype(np.float32), 1.0)
    return foreground if foreground.mean() < _LARGEST_SHARE else None


def _snapped(rgb: U8, probability: F32) -> F32:
    """Move the outline of a mask found on a small picture to strong edges nearby."""
    picture = rgb / np.float32(255)
    long_side = max(probability.shape)
    wide = guided_filter(picture, probability, max(4, long_side // 40), 1e-4)
    snapped = guided_filter(picture, wide > 0.5, max(4, long_side // 60), 1e-4)
    # Averages over a window lose what is thinner than it, a leg of a tripod say: keep that as it was found.
    found = (probability > 0.5).astype(np.uint8)
    thick = cv2.morphologyEx(found, cv2.MORPH_OPEN, disc(max(3, long_side // 80)))
    return np.where(found > thick, np.maximum(snapped, probability), snapped).astype(np.float32)


def _refined(rgb: U8, probability: F32) -> F32:
    """Snap a coarse probability to the picture's edges inside a narrow band."""
    radius = max(4, max(probability.shape) // 120)
    core: Mask = probability > 0.5
    followed = guided_filter(rgb / np.float32(255), core, radius, 1e-5)
    alpha = np.clip((followed - 0.1) / 0.8, 0, 1)
    inside = cv2.erode(core.astype(np.uint8), disc(radius)) > 0
    outside = cv2.dilate(core.astype(np.uint8), disc(radius)) == 0
    return np.where(inside, 1, np.where(outside, 0, alpha)).astype(np.float32)
