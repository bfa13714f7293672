"""Where the decoders' maps become numbers with a meaning: disparity, features, corrections."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wheatstone.models.sharp.config import DELTAS, GEOMETRY_DELTAS, LAYERS
from wheatstone.models.sharp.layers import NormalisedResidual, Upsample2
from wheatstone.models.sharp.stripes import by_stripes

_LAST_WIDTH = 32


class DisparityHead(nn.Sequential):
    """A map to the disparity of each pixel in each layer, not negative; its last convolution is float32."""

    def __init__(self, width: int) -> None:
        super().__init__(
            nn.Conv2d(width, width // 2, 3, padding=1),
            Upsample2(width // 2, width // 2, bias=True),
            nn.Conv2d(width // 2, _LAST_WIDTH, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(_LAST_WIDTH, LAYERS, 1),
            nn.ReLU(inplace=True),
        )

    def forward(self, values: Tensor) -> Tensor:
        """(B, width, h, w) to (B, 2, 2 h, 2 w) float32."""
        return by_stripes(self._stripe, values, halo=2, scale=2)

    def _stripe(self, values: Tensor) -> Tensor:
        *first, last, bend = self
        for layer in first:
            values = layer(values)
        disparity: Tensor = bend(last(values.float()))
        return disparity


class FeatureHead(nn.Sequential):
    """A map to features of texture or of geometry."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__(
            NormalisedResidual(width),
            NormalisedResidual(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, features, 1),
            nn.ReLU(inplace=True),
        )


class CorrectionHead(nn.Module):
    """Features to the corrections of all Gaussians, in float32."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.geometry_prediction_head = nn.Conv2d(features, GEOMETRY_DELTAS * LAYERS, 1)
        self.texture_prediction_head = nn.Conv2d(features, (DELTAS - GEOMETRY_DELTAS) * LAYERS, 1)

    def forward(self, geometry: Tensor, texture: Tensor) -> Tensor:
        """(B, features, h, w) each to (B, 14, 2, h, w)."""
        deltas = torch.cat(
            [self.geometry_prediction_head(geometry.float()), self.texture_prediction_head(texture.float())], dim=1
        )
        by_layer: Tensor = deltas.contiguous().unflatten(1, (DELTAS, LAYERS))
        return by_layer
