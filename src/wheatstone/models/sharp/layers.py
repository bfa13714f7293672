"""Small layers that several parts of the network share, each in the form that its device runs best."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from wheatstone.models.sharp.stripes import by_stripes, in_stripes, stripes

_RESIDUAL_HALO = 2
"""How far a pixel after two convolutions of three pixels looks."""


class Dense(nn.Linear):
    """A linear layer.

    In float32 on a CPU it runs as a convolution of one pixel: PyTorch leaves those to oneDNN, and matrix products
    to MKL, which on processors of others than Intel computes half as wide.
    """

    def forward(self, values: Tensor) -> Tensor:
        """(B, N, inputs) to (B, N, outputs)."""
        if values.device.type != "cpu" or values.dtype != torch.float32:
            return super().forward(values)
        pixels = values[:, None].permute(0, 3, 1, 2)  # one row, channels last already
        return functional.conv2d(pixels, self.weight[..., None, None], self.bias)[:, :, 0].transpose(1, 2)


class Normalisation(nn.GroupNorm):
    """Group normalisation (Wu and He 2018).

    In float32 on a CPU the sums are PyTorch's pairwise ones: its own kernel for channels last adds half a million
    pixels one by one and loses three digits.
    """

    def forward(self, values: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        if values.device.type != "cpu" or values.dtype != torch.float32:
            return super().forward(values)
        pixels = values.permute(0, 2, 3, 1).flatten(1, 2)
        mean, square = (
            sums.mean(dim=1).unflatten(1, (self.num_groups, -1)).mean(dim=2, keepdim=True)
            for sums in (pixels, pixels.square())
        )
        weight, bias = (part.unflatten(0, (self.num_groups, -1)) for part in (self.weight, self.bias))
        factor = weight * torch.rsqrt(square - mean.square() + self.eps)
        shift = bias - mean * factor
        return torch.addcmul(shift.flatten(1)[..., None, None], values, factor.flatten(1)[..., None, None])


class Upsample2(nn.ConvTranspose2d):
    """Doubles the side: each pixel becomes a square of four, by a transposed convolution without overlap."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, kernel_size=2, stride=2, bias=bias)


class Residual(nn.Module):
    """Adds two convolutions, each after a ReLU, to its input (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(inplace=True),  # of what the convolution before made
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, values: Tensor) -> Tensor:
        """(B, width, H, W) to the same shape."""
        change: Tensor = self.residual(values)
        return change.add_(values)

    def add_to(self, total: Tensor, values: Tensor) -> None:
        """Add what `forward` would give to a map, in place."""
        for rows, seen, kept in stripes(values, _RESIDUAL_HALO):
            total[:, :, rows] += values[:, :, rows]
            total[:, :, rows] += self.residual(values[:, :, seen])[:, :, kept]


class NormalisedResidual(nn.Module):
    """Adds two convolutions, each after a normalisation in groups and a ReLU, to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            Normalisation(_GROUPS, width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width // 2, 3, padding=1),
            Normalisation(_GROUPS, width // 2),
            nn.ReLU(inplace=True),
            nn.Conv2d(width // 2, width, 3, padding=1),
        )

    def forward(self, values: Tensor) -> Tensor:
        """(B, width, H, W) to the same shape."""
        change: Tensor = self.residual(values)
        return change.add_(values)


_GROUPS = 8


class Fusion(nn.Module):
    """Takes a finer map into a coarser one, refines the sum and, if told to, doubles its side."""

    def __init__(self, width: int, *, has_skip: bool, doubles: bool) -> None:
        super().__init__()
        self.resnet1 = Residual(width) if has_skip else None
        self.resnet2 = Residual(width)
        self.deconv = Upsample2(width, width, bias=False) if doubles else None
        self.out_conv: nn.Conv2d | None = nn.Conv2d(width, width, 1)

    def add(self, values: Tensor, skip: Tensor) -> None:
        """Take the finer map into the coarser one, in place; both (B, width, H, W)."""
        assert self.resnet1 is not None  # noqa: S101  (for the type checker)
        self.resnet1.add_to(values, skip)

    def forward(self, values: Tensor) -> Tensor:
        """(B, width, H, W), which is used up, to (B, width, H, W) or twice that side."""
        if self.deconv is None:
            return in_stripes(self._refined, values, halo=_RESIDUAL_HALO)
        return by_stripes(self._refined, values, halo=_RESIDUAL_HALO, scale=2)

    def _refined(self, values: Tensor) -> Tensor:
        for layer in (self.resnet2, self.deconv, self.out_conv):
            if layer is not None:
                values = layer(values)
        return values

    def merge(self) -> None:
        """Make one layer of the doubling and the convolution after it: nothing bends between the two."""
        if self.deconv is None or self.out_conv is None or self.out_conv.bias is None:
            return
        merged = torch.einsum("imyx,om->ioyx", self.deconv.weight, self.out_conv.weight[:, :, 0, 0])
        self.deconv.weight = nn.Parameter(merged, requires_grad=False)
        self.deconv.bias = self.out_conv.bias
        self.out_conv = None
