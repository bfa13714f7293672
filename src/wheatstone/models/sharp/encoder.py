"""The sliding pyramid: crops of three sizes of one picture, seen by a transformer, become maps of five sizes.

The idea is Depth Pro's (Bochkovskii et al. 2024): a transformer for small pictures slides over a large one.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from wheatstone.models.sharp.config import Cutting, Level, SharpConfig
from wheatstone.models.sharp.layers import Upsample2
from wheatstone.models.sharp.vit import VisionTransformer

Progress = Callable[[float], None]
"""Told how far a part of the work is, 0 to 1."""


def pyramid(picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The pictures (B, 3, S, S), halved and quartered, each bilinearly from the pictures themselves."""
    halved, quartered = (
        functional.interpolate(picture, scale_factor=factor, mode="bilinear", align_corners=False)
        for factor in (0.5, 0.25)
    )
    return picture, halved, quartered


def crops_of(picture: Tensor, level: Level, crop_px: int) -> list[Tensor]:
    """Views (3, crop, crop) of one level's picture (3, s, s), row by row."""
    starts = [step * level.stride_px for step in range(level.steps)]
    return [picture[..., y : y + crop_px, x : x + crop_px] for y in starts for x in starts]


class Mosaic:
    """The maps of several pictures, each put together from those of overlapping crops."""

    def __init__(self, level: Level, tokens: int, pictures: int, like: Tensor) -> None:
        """Make room for the maps of a level's crops, `tokens` a side; (…, width) `like` tells type and device."""
        self._level, self._tokens = level, tokens
        side = level.steps * tokens - 2 * (level.steps - 1) * level.trim
        self._map = like.new_empty((pictures, side, side, like.shape[-1]))

    def put(self, picture: int, number: int, crop_map: Tensor) -> None:
        """Put the map (tokens, tokens, width) of a picture's crop of this number into its place."""
        row, column = divmod(number, self._level.steps)
        (y, top, bottom), (x, left, right) = self._span(row), self._span(column)
        self._map[picture, y : y + bottom - top, x : x + right - left] = crop_map[top:bottom, left:right]

    def _span(self, step: int) -> tuple[int, int, int]:
        """Where a crop begins in the mosaic, and which of its own tokens are kept."""
        trim, last = self._level.trim, self._level.steps - 1
        first_kept = trim if step > 0 else 0
        end_kept = self._tokens - (trim if step < last else 0)
        return step * (self._tokens - 2 * trim) + first_kept, first_kept, end_kept

    @property
    def map(self) -> Tensor:
        """(B, width, side, side), channels last in memory."""
        return self._map.permute(0, 3, 1, 2)


class PyramidEncoder(nn.Module):
    """Pictures to five maps, for both decoders."""

    def __init__(self, config: SharpConfig) -> None:
        super().__init__()
        width, (finest, *widths) = config.vision.width, config.level_widths
        self.taps = config.vision.taps
        self.patch_encoder = VisionTransformer(config.vision)
        self.image_encoder = VisionTransformer(config.vision)
        self.upsample_latent0 = _upsampling(width, widths[0], (finest, finest, finest))
        self.upsample_latent1 = _upsampling(width, widths[0], (widths[0], widths[0]))
        self.upsample0 = _upsampling(width, widths[1], (widths[1],))
        self.upsample1 = _upsampling(width, widths[2], (widths[2],))
        self.upsample2 = _upsampling(width, widths[3], (widths[3],))
        self.upsample_lowres = Upsample2(width, widths[3], bias=True)
        self.fuse_lowres = nn.Conv2d(2 * widths[3], widths[3], 1)

    def forward(self, pictures: Tensor, chunk: int, progress: Progress) -> list[Callable[[], Tensor]]:
        """Maps (B, C, s, s) with s = S/2, S/4, S/8, S/16, S/32, finest first.

        They come as functions: the finest is the largest by far and quick to make, so it is made anew each time it
        is asked for. The others are kept.

        Args:
            pictures: (B, 3, S, S) float32, values -1 to 1.
            chunk: how many crops are seen at once.
            progress: told after each chunk.
        """
        levels = [level.to(self.fuse_lowres.weight.dtype) for level in pyramid(pictures)]
        (whole,) = self.image_encoder(levels[-1])
        mosaics = self.see_crops(levels, chunk, progress)
        latent0, latent1, fine, middle, coarse = mosaics
        lowest = torch.cat([self.upsample2(coarse), self.upsample_lowres(whole.permute(0, 3, 1, 2))], dim=1)
        kept = [
            self.upsample_latent1(latent1),
            self.upsample0(fine),
            self.upsample1(middle),
            self.fuse_lowres(lowest),
        ]
        return [lambda: self.upsample_latent0(latent0), *(functools.partial(_same, level) for level in kept)]

    def see_crops(self, levels: Sequence[Tensor], chunk: int, progress: Progress) -> list[Tensor]:
        """Mosaics (B, width, s, s): two taps and the end of the finest level, the ends of the other two."""
        cutting = Cutting(levels[0].shape[-1])
        crops = [
            (picture, number, level, crop)
            for picture in range(len(levels[0]))
            for level, pixels in enumerate(levels)
            for number, crop in enumerate(crops_of(pixels[picture], cutting.levels[level], cutting.crop_px))
        ]
        like = self.patch_encoder.cls_token
        room = cutting.tokens, len(levels[0]), like
        latents = [Mosaic(cutting.levels[0], *room) for _ in self.taps]
        ends = [Mosaic(level, *room) for level in cutting.levels]
        for start in range(0, len(crops), chunk):
            part = crops[start : start + chunk]
            *tapped, end = self.patch_encoder(torch.stack([crop for *_, crop in part]), self.taps)
            for i, (picture, number, level, _) in enumerate(part):
                ends[level].put(picture, number, end[i])
                if level == 0:
                    for mosaic, latent in zip(latents, tapped, strict=True):
                        mosaic.put(picture, number, latent[i])
            progress((start + len(part)) / len(crops))
        return [mosaic.map for mosaic in (*latents, *ends)]


def _same(level: Tensor) -> Tensor:
    return level


def _upsampling(width: int, projected: int, doublings: Sequence[int]) -> nn.Sequential:
    """A projection to `projected` channels, then doublings of the side, each to so many channels."""
    widths = [projected, *doublings]
    return nn.Sequential(
        nn.Conv2d(width, projected, 1, bias=False),
        *(Upsample2(before, after, bias=False) for before, after in itertools.pairwise(widths)),
    )
