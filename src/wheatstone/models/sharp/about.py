"""What to know about SHARP before running it; imports nothing heavy."""

from __future__ import annotations

import logging

from wheatstone.models.roles import ModelInfo

_log = logging.getLogger(__name__)

SHARP = ModelInfo(
    name="sharp",
    summary="two layers of splats in metres by Apple's learned network; needs PyTorch and 2.8 GB of weights",
    label="SHARP: learned from photos, one view; what the photo does not show is guessed",
    licence="MIT; SHARP weights: Apple's research-only licence",
    checkpoints=("sharp",),
)

NATIVE_SIDE_PX = 1536
"""Side of the square the network was trained on; whatever shape a photo has, it is stretched to it."""

DRAFT_SIDES_PX = (512, 1024)
"""Smaller sides at which the network's crops still tile: a tenth and four tenths of the time, less exact."""


def native_side_px(wanted_px: int) -> int:
    """The side the network can work at that is nearest to `wanted_px`; of two, the larger."""
    return min((NATIVE_SIDE_PX, *reversed(DRAFT_SIDES_PX)), key=lambda side_px: abs(side_px - wanted_px))


def input_side_px(width_px: int, height_px: int) -> int:
    """The side of the square that an input size asks for: its longer side, as a multiple of 64, with a warning."""
    side_px = max(width_px, height_px)
    snapped_px = max(64, -(-side_px // 64) * 64)
    if (snapped_px, snapped_px) != (width_px, height_px):
        _log.warning("An input size of %dx%d becomes %dx%d.", width_px, height_px, snapped_px, snapped_px)
    return snapped_px


def label(side_px: int) -> str:
    """What a result made at this side is called; smaller sides than the trained one are drafts."""
    return SHARP.label if side_px >= NATIVE_SIDE_PX else f"{SHARP.label}; draft of {side_px} px"
