"""Sizes of the network's parts, and how a picture of a given side is cut into crops."""

from __future__ import annotations

from dataclasses import dataclass

PATCH_PX = 16
"""Side of the square of pixels that becomes one token."""

TRAINED_TOKENS = 24
"""Tokens along the side of a crop in training; positions for others are resampled."""

LAYERS = 2
"""Depth layers, each with a Gaussian per cell."""

STRIDE_PX = 2
"""Side of the cell of pixels that becomes one Gaussian per layer."""

DELTAS = 14
"""Corrections per Gaussian: 3 position, 3 scale, 4 quaternion, 3 colour, 1 opacity."""

GEOMETRY_DELTAS = 3
"""Of these the first, position, are read from the geometry features; the others from the texture features."""


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """A vision transformer (Dosovitskiy et al. 2021, in DINOv2's form).

    Attributes:
        width: values per token.
        depth: blocks.
        heads: attention heads.
        hidden: values per token inside a block's perceptron.
        taps: blocks whose raw output is used beside the last, counted from 0.
    """

    width: int = 1024
    depth: int = 24
    heads: int = 16
    hidden: int = 4096
    taps: tuple[int, int] = (5, 11)


@dataclass(frozen=True, slots=True)
class SharpConfig:
    """The released network; tests make a tiny one of the same structure.

    Attributes:
        vision: both transformers.
        level_widths: channels of the encoder's five maps, finest first; the first is also the width of the
            decoder of disparity.
        splat_width: width of the decoder of splats.
        features: channels that the corrections are read from.
    """

    vision: VisionConfig = VisionConfig()
    level_widths: tuple[int, int, int, int, int] = (256, 256, 512, 1024, 1024)
    splat_width: int = 128
    features: int = 32


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the pyramid, cut into overlapping square crops.

    Attributes:
        side_px: side of the level's picture.
        steps: crops along a side.
        stride_px: from one crop to the next.
        trim: tokens that a crop loses on each side on which it has a neighbour, so that all tile.
    """

    side_px: int
    steps: int
    stride_px: int
    trim: int


@dataclass(frozen=True, slots=True)
class Cutting:
    """How a square picture is cut: three levels, halved each time, all cut into crops of one size.

    Attributes:
        side_px: side of the picture, a multiple of 512.
    """

    side_px: int

    @property
    def crop_px(self) -> int:
        """Side of every crop, which is also that of the coarsest level."""
        return self.side_px // 4

    @property
    def tokens(self) -> int:
        """Tokens along the side of a crop."""
        return self.crop_px // PATCH_PX

    @property
    def levels(self) -> tuple[Level, Level, Level]:
        """Finest first: 25 crops that overlap by a quarter, 9 that overlap by half, and one."""
        trim = self.side_px // 512
        return (
            Level(self.side_px, 5, self.crop_px * 3 // 4, trim),
            Level(self.side_px // 2, 3, self.crop_px // 2, 2 * trim),
            Level(self.crop_px, 1, self.crop_px, 0),
        )
