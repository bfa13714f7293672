"""The first guess: a Gaussian on each cell of the picture, at the depth that the network saw there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from wheatstone.models.sharp.config import STRIDE_PX

_LEAST_DISPARITY, _MOST_DISPARITY = 1e-4, 1e4
_MOST_DEPTH = 100.0
"""Of the nearest one, after normalising."""
_EPS = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """What the corrections start from; depths are normalised so that the nearest is 1. (h, w) = (S, S) / 2.

    Attributes:
        x: (w,) centres of the cells, left -1 to right 1.
        y: (h,) centres of the cells, top -1 to bottom 1.
        disparity: (2, h, w) 1 / depth of the nearest pixel of each cell, by layer; 0.01 to 1.
        colour: (3, h, w) sRGB mean of each cell, 0 to 1.
        features: (1, 5, S, S) picture and disparities, each times 2 minus 1, that the corrections are read from.
        global_scale: (1, 1, 1) what a normalised length is in metres.
    """

    x: Tensor
    y: Tensor
    disparity: Tensor
    colour: Tensor
    features: Tensor
    global_scale: Tensor


def depth_of(disparity: Tensor, disparity_factor: float) -> Tensor:
    """Metres from the network's disparity, which is relative to a focal length of one picture width."""
    return disparity_factor / disparity.clamp(_LEAST_DISPARITY, _MOST_DISPARITY)


def first_guess(picture: Tensor, depth: Tensor) -> Guess:
    """Place a Gaussian per layer on each cell of two by two pixels.

    Args:
        picture: (1, 3, S, S) sRGB, 0 to 1.
        depth: (1, 2, S, S) metres, by layer.
    """
    factor = 1.0 / (depth.amin(dim=(1, 2, 3), keepdim=True) + _EPS)
    disparity = 1.0 / (depth * factor).clamp(max=_MOST_DEPTH)
    side_px = picture.shape[-1]
    centres_px = torch.arange(STRIDE_PX / 2, side_px, STRIDE_PX, device=picture.device)
    centres = 2.0 * centres_px / side_px - 1.0
    return Guess(
        x=centres,
        y=centres,
        disparity=functional.max_pool2d(disparity, STRIDE_PX)[0],
        colour=functional.avg_pool2d(picture, STRIDE_PX)[0],
        features=2.0 * torch.cat([picture, disparity], dim=1) - 1.0,
        global_scale=1.0 / factor[0],
    )
