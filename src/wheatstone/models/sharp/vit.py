"""The vision transformer that sees the crops: DINOv2's ViT-L/16 without registers (Oquab et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from wheatstone.models.sharp.config import PATCH_PX, TRAINED_TOKENS, VisionConfig
from wheatstone.models.sharp.layers import Dense

_NORM_EPS = 1e-6


class VisionTransformer(nn.Module):
    """Square crops to maps of tokens."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + TRAINED_TOKENS**2, config.width))
        self.patch_embed = _PatchEmbedding(config.width)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=_NORM_EPS)

    def forward(self, crops: Tensor, taps: Sequence[int] = ()) -> list[Tensor]:
        """Maps of tokens, channels last: after each block of `taps`, raw, and after the last, normalised.

        Args:
            crops: (B, 3, 16 n, 16 n), values -1 to 1.
            taps: blocks, counted from 0, ascending.

        Returns:
            `len(taps) + 1` maps (B, n, n, width).
        """
        patches = self.patch_embed(crops)
        count, side = patches.shape[0], crops.shape[-1] // PATCH_PX
        tokens = torch.cat([self.cls_token.expand(count, -1, -1), patches], dim=1)
        tokens += self._positions(side)
        maps = []
        for number, block in enumerate(self.blocks):
            tokens = block(tokens)
            if number in taps:
                maps.append(tokens[:, 1:].unflatten(1, (side, side)).clone())  # the next block adds in place
        maps.append(self.norm(tokens)[:, 1:].unflatten(1, (side, side)))
        return maps

    def _positions(self, side: int) -> Tensor:
        """(1, 1 + side², width): as trained, or resampled (bicubic) for a grid of another side."""
        if side == TRAINED_TOKENS:
            return self.pos_embed
        grid = self.pos_embed[:, 1:].unflatten(1, (TRAINED_TOKENS, TRAINED_TOKENS)).permute(0, 3, 1, 2).float()
        if grid.device.type == "mps":  # where it cannot be resampled
            grid = grid.cpu()
        grid = functional.interpolate(grid, (side, side), mode="bicubic", antialias=True)
        positions = grid.flatten(2).transpose(1, 2).to(self.pos_embed)
        return torch.cat([self.pos_embed[:, :1], positions], dim=1)


class _PatchEmbedding(nn.Module):
    """Squares of 16 pixels to tokens, row by row."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH_PX, PATCH_PX)

    def forward(self, crops: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, H W / 256, width)."""
        tokens: Tensor = self.proj(crops).flatten(2).transpose(1, 2)
        return tokens


class _Block(nn.Module):
    """Attention and a perceptron, each added to the tokens after scaling; adds in place."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=_NORM_EPS)
        self.attn = _Attention(config)
        self.ls1 = _LayerScale(config.width)
        self.norm2 = nn.LayerNorm(config.width, eps=_NORM_EPS)
        self.mlp = _Perceptron(config)
        self.ls2 = _LayerScale(config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, width) to itself."""
        tokens.addcmul_(self.attn(self.norm1(tokens)), self.ls1.gamma)
        return tokens.addcmul_(self.mlp(self.norm2(tokens)), self.ls2.gamma)


class _Attention(nn.Module):
    """Every token looks at every other of its crop (Vaswani et al. 2017)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = Dense(config.width, 3 * config.width)
        self.proj = Dense(config.width, config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, width) to (B, N, width)."""
        parts = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        by_crop = tokens.device.type == "cpu" and tokens.dtype == torch.bfloat16
        seen = (_attend_by_crop if by_crop else functional.scaled_dot_product_attention)(*parts)
        mixed: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return mixed


def _attend_by_crop(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention (B, heads, N, d) crop by crop, in plain products.

    On a CPU in bfloat16 this takes half as long as PyTorch's own, whose blocks are too small for oneDNN's kernels;
    the weights of one crop stay in the cache.
    """
    count, heads, tokens, width = query.shape
    seen = query.new_empty(count, tokens, heads, width)
    for crop in range(count):
        weights = torch.bmm(query[crop] * width**-0.5, key[crop].transpose(1, 2)).softmax(dim=2)
        seen[crop] = torch.bmm(weights, value[crop]).transpose(0, 1)
    return seen.transpose(1, 2)


class _Perceptron(nn.Module):
    """Two linear layers with an exact GELU between (Hendrycks and Gimpel 2016)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.fc1 = Dense(config.width, config.hidden)
        self.fc2 = Dense(config.hidden, config.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, width) to (B, N, width)."""
        changed: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return changed


class _LayerScale(nn.Module):
    """A learned factor per channel (Touvron et al. 2021); its owner multiplies."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(width))
