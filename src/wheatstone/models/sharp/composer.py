"""The corrections put onto the first guess: Gaussians as the picture sees them, before its lens is undone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from wheatstone.models.sharp.initializer import Guess

_POSITION_STEP = 0.001
"""How much of the picture's half side, or of disparity, a correction of 1 moves."""
_COLOUR_STEP = 0.1
_LARGEST_FACTOR = 10.0
"""A correction scales a Gaussian by 0 to this; by 1 when it is zero."""
_COLOUR_EDGE = 0.01
_DEPTH_EPS = 1e-3
_SOFTPLUS_EPS = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Splats:
    """N Gaussians on the network's device, float32; layer by layer, row by row.

    Attributes:
        means: (3, N).
        scales: (3, N) standard deviations along the principal axes.
        quaternions: (4, N) w, x, y, z; of any length.
        colours: (3, N) linear, 0 to 1.
        opacities: (N,) 0 to 1.
    """

    means: Tensor
    scales: Tensor
    quaternions: Tensor
    colours: Tensor
    opacities: Tensor


def compose(guess: Guess, deltas: Tensor) -> Splats:
    """Correct the guess.

    Args:
        guess: what the corrections start from.
        deltas: (14, 2, h, w) float32: position, scale, quaternion, colour, opacity.

    Returns:
        Gaussians whose x and y are depth times place in the picture (-1 to 1), z in metres.
    """
    position, scale, quaternion, colour, opacity = deltas.split([3, 3, 4, 3, 1])
    disparity = functional.softplus(_inverse_softplus(guess.disparity) + _POSITION_STEP * position[2])
    z = 1.0 / (disparity + _DEPTH_EPS)
    x = z * (guess.x + _POSITION_STEP * position[0])
    y = z * (guess.y[:, None] + _POSITION_STEP * position[1])
    cell = 2.0 / deltas.shape[-1] * z
    identity = torch.tensor([1.0, 0.0, 0.0, 0.0], device=deltas.device)[:, None, None, None]
    return Splats(
        means=(torch.stack([x, y, z]) * guess.global_scale).flatten(1),
        scales=(cell * _scale_factor(scale) * guess.global_scale).flatten(1),
        quaternions=(identity + quaternion).flatten(1),
        colours=linear_from_srgb(_coloured(guess.colour[:, None], colour)).flatten(1),
        opacities=torch.sigmoid(opacity).flatten(),
    )


def linear_from_srgb(srgb: Tensor) -> Tensor:
    """Linear light, 0 to 1, from sRGB (IEC 61966-2-1)."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(linear: Tensor) -> Tensor:
    """SRGB, 0 to 1, from linear light (IEC 61966-2-1)."""
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _inverse_softplus(values: Tensor) -> Tensor:
    """The x of log(1 + e^x) = values; e^-values from the logistic function, as the network was trained with."""
    values = values.clamp(min=_SOFTPLUS_EPS)
    logistic = torch.sigmoid(-values)
    return values + torch.log(1.0 - logistic / (1.0 - logistic))


def _scale_factor(delta: Tensor) -> Tensor:
    """A logistic curve from 0 to 10 that is 1, with slope 1, at 0."""
    share = 1.0 / _LARGEST_FACTOR
    return _LARGEST_FACTOR * torch.sigmoid(delta / (1.0 - share) + math.log(share / (1.0 - share)))


def _coloured(base: Tensor, delta: Tensor) -> Tensor:
    """The base colour, sRGB, moved by its correction on the scale of logits."""
    return torch.sigmoid(torch.logit(base.clamp(_COLOUR_EDGE, 1.0 - _COLOUR_EDGE)) + _COLOUR_STEP * delta)
