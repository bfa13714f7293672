"""The whole network: square pictures to Gaussians. Its parts are named as in the published checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from wheatstone.models.sharp.composer import Splats, compose
from wheatstone.models.sharp.config import STRIDE_PX, SharpConfig
from wheatstone.models.sharp.decoder import Decoder
from wheatstone.models.sharp.encoder import Progress, PyramidEncoder
from wheatstone.models.sharp.heads import CorrectionHead, DisparityHead, FeatureHead
from wheatstone.models.sharp.initializer import depth_of, first_guess
from wheatstone.models.sharp.layers import Fusion

_CROPS_SHARE, _DEPTH_SHARE = 0.65, 0.85
"""How far the work is after the crops were seen, and after depth is known."""


class SharpNetwork(nn.Module):
    """SHARP (Mescheder et al. 2025): depth in two layers, then corrections to the Gaussians put there."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        self.monodepth_model = nn.Module()
        self.monodepth_model.monodepth_predictor = _Monodepth(config)
        self.feature_model = _Features(config)
        self.prediction_head = CorrectionHead(config.features)

    @property
    def monodepth(self) -> _Monodepth:
        """The part that sees depth."""
        part = self.monodepth_model.monodepth_predictor
        assert isinstance(part, _Monodepth)  # noqa: S101  (for the type checker: modules hold modules)
        return part

    def forward(
        self, pictures: Tensor, disparity_factors: Sequence[float], chunk: int, progress: Progress
    ) -> list[Splats]:
        """Predict the Gaussians of each picture.

        Args:
            pictures: (B, 3, S, S) float32 sRGB, 0 to 1; S is 512, 1024 or 1536.
            disparity_factors: focal length over width of each photo.
            chunk: crops seen at once.
            progress: told how far it is, 0 to 1.
        """
        levels = self.monodepth.encoder(
            pictures * 2.0 - 1.0, chunk, lambda fraction: progress(_CROPS_SHARE * fraction)
        )
        disparity = self.monodepth.head(self.monodepth.decoder(levels))
        progress(_DEPTH_SHARE)
        guesses = [
            first_guess(pictures[i : i + 1], depth_of(disparity[i : i + 1], factor))
            for i, factor in enumerate(disparity_factors)
        ]
        features = torch.cat([guess.features for guess in guesses])
        deltas = self.prediction_head(*self.feature_model(levels, features))
        progress(1.0)
        return [compose(guess, deltas[i]) for i, guess in enumerate(guesses)]

    def merge(self) -> None:
        """Make single layers of linear ones in a row; float32 weights keep their meaning to the last digits."""
        for module in self.modules():
            if isinstance(module, Fusion):
                module.merge()


class _Monodepth(nn.Module):
    """Encoder, and decoder of disparity."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        width = config.level_widths[0]
        self.encoder = PyramidEncoder(config)
        self.decoder = Decoder(config.level_widths, width)
        self.head = DisparityHead(width)


class _Features(nn.Module):
    """Decoder of what the corrections are read from."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        width = config.splat_width
        self.decoder = Decoder(config.level_widths, width)
        self.image_encoder = _PictureEncoder(width)
        self.fusion = Fusion(width, has_skip=True, doubles=False)
        self.texture_head = FeatureHead(width, config.features)
        self.geometry_head = FeatureHead(width, config.features)

    def forward(self, levels: Sequence[Callable[[], Tensor]], pictures: Tensor) -> tuple[Tensor, Tensor]:
        """The encoder's maps and (B, 5, S, S) to features (B, features, S/2, S/2) of geometry and of texture."""
        fused = self.decoder(levels)
        self.fusion.add(fused, self.image_encoder(pictures))
        fused = self.fusion(fused)
        return self.geometry_head(fused), self.texture_head(fused)


class _PictureEncoder(nn.Module):
    """Pictures and disparities, one value per cell."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(5, width, STRIDE_PX, STRIDE_PX)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 5, S, S) float32 to (B, width, S/2, S/2)."""
        encoded: Tensor = self.conv(pictures.to(self.conv.weight.dtype, memory_format=torch.channels_last))
        return encoded
