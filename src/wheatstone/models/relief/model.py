"""The embedded splat model `relief`: works on any machine, at once, without learned depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wheatstone.arrays import U8
from wheatstone.errors import BadPictureError
from wheatstone.models.matting import Matte, MatteSource, estimate_matte
from wheatstone.models.relief.depth import Depth, estimate_depth
from wheatstone.models.relief.horizon import HorizonSource
from wheatstone.models.relief.layers import build_layers
from wheatstone.models.relief.lift import lift
from wheatstone.models.relief.sky import Sky, find_sky
from wheatstone.models.roles import ModelInfo
from wheatstone.pictures import Picture
from wheatstone.pictures.filters import pull_push
from wheatstone.splats.cameras import Camera
from wheatstone.splats.scene import Run, Scene
from wheatstone.stages import Stages

RELIEF = ModelInfo(
    name="relief",
    summary="two-layer relief from the picture's layout; seconds on any machine, no weights needed",
    label="relief: procedural estimate, no learned depth",
    licence="MIT; optional matte by U²-Net (Apache-2.0)",
    checkpoints=("u2net", "u2netp"),
)

_LONG_SIDE_PX = 768
"""Splats are made for at most this many pixels along the longer side."""


class Relief:
    """Photo to layered splats by classical vision.

    Attributes:
        info: name, label and licence.
    """

    info = RELIEF

    def __init__(self, matte_checkpoint: Path | None) -> None:
        """Take `matte_checkpoint`, a U²-Net as ONNX, for the matte; None means classical cues."""
        self._matte_checkpoint = matte_checkpoint

    def predict(self, picture: Picture, stages: Stages) -> Scene:
        """Predict the scene; the same picture gives the same bytes, whatever the thread count.

        Raises:
            BadPictureError: the picture is transparent but for specks.
        """
        small = picture.resized(_LONG_SIDE_PX)
        with stages.stage("matte"):
            matte = estimate_matte(small.rgb, small.alpha, self._matte_checkpoint)
        cut_out = matte.source is MatteSource.ALPHA
        rgb = _without_hidden_colours(small)
        with stages.stage("depth"):
            sky = None if cut_out else find_sky(rgb, matte.alpha)
            depth = estimate_depth(rgb, matte.alpha, sky)
        with stages.stage("layers"):
            layers = build_layers(rgb, matte.alpha, sky, depth, cut_out=cut_out)
        if not layers:
            raise BadPictureError(
                f"{picture.name} shows nothing: no part of it that is at least half opaque is larger than a "
                "thousandth of the picture. Crop it to its object, or give it a background."
            )
        with stages.stage("lift"):
            gaussians = lift(layers, small.f_px, _strength(matte, sky, depth))
        height, width = picture.rgb.shape[:2]
        camera = Camera.of_photo(width, height, picture.f_px)
        run = Run(RELIEF.name, side_px=max(small.rgb.shape[:2]))
        return Scene(gaussians, camera, RELIEF.label, RELIEF.licence, run)


def _without_hidden_colours(picture: Picture) -> U8:
    """Transparent pixels may hold any colour: they take those around them."""
    if picture.alpha is None:
        return picture.rgb
    shown = pull_push(picture.rgb, picture.alpha > 5)
    return np.where(picture.alpha[..., None] > 5, picture.rgb, shown + 0.5).astype(np.uint8)


def _strength(matte: Matte, sky: Sky | None, depth: Depth) -> float:
    """How much depth the evidence supports, 0 to 1: weak evidence gives a flatter, calmer scene."""
    strength = 0.7 if depth.horizon.source is HorizonSource.DEFAULT else 0.85
    if not depth.has_foreground and sky is None:
        strength = 0.5
    return strength * (0.6 + 0.4 * matte.confidence)
