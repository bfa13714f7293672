"""SHARP computed the plain way, as its description reads: what ours is measured against.

float32, PyTorch's default memory format, all 35 crops in one batch, layers one by one as they are named,
covariances taken apart by LAPACK's SVD in float64, PLY rows as tuples.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from plyfile import PlyData, PlyElement
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional

from wheatstone.arrays import U8, AnyArray
from wheatstone.models.sharp.config import SharpConfig

_ENCODER = "monodepth_model.monodepth_predictor.encoder."
_COLUMNS = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2"]
_COLUMNS += [f"rot_{i}" for i in range(4)]


class PlainSharp:
    """The network as functions of its weights.

    Attributes:
        seconds: how long each part took.
    """

    def __init__(self, weights: Mapping[str, Tensor], config: SharpConfig) -> None:
        self._weights, self._config = weights, config
        self.seconds: dict[str, float] = {}

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    @torch.no_grad()
    def predict(self, rgb: U8, f_px: float) -> dict[str, Tensor]:
        """Metric Gaussians (N, ·) of (H, W, 3) sRGB; colours linear."""
        height_px, width_px = rgb.shape[:2]
        with self._timed("prepare"):
            pixels = torch.from_numpy(rgb.copy()).permute(2, 0, 1).float()[None] / 255.0
            picture = functional.interpolate(pixels, (1536, 1536), mode="bilinear", align_corners=True)
        levels = self._encode(picture * 2.0 - 1.0)
        depth_part = "monodepth_model.monodepth_predictor."
        with self._timed("depth decoder"):
            decoded = self._decode(f"{depth_part}decoder.", levels)
        with self._timed("depth head"):
            disparity = self._disparity(f"{depth_part}head.", decoded)
        with self._timed("compose"):
            depth = f_px / width_px / disparity.clamp(1e-4, 1e4)
            factor = 1.0 / (depth.amin((1, 2, 3), keepdim=True) + 1e-6)
            disparity = 1.0 / (depth * factor).clamp(max=100.0)
        with self._timed("splat decoder"):
            decoded = self._decode("feature_model.decoder.", levels)
        with self._timed("splat fusion"):
            encoded = self._convolution(
                "feature_model.image_encoder.conv", 2 * torch.cat([picture, disparity], 1) - 1, 2
            )
            decoded = self._fuse("feature_model.fusion.", decoded, encoded)
        with self._timed("splat heads"):
            geometry, texture = (
                self._convolution(
                    f"prediction_head.{name}_prediction_head",
                    self._features(f"feature_model.{name}_head.", decoded),
                )
                for name in ("geometry", "texture")
            )
            deltas = torch.cat([geometry, texture], 1).unflatten(1, (14, 2))
        with self._timed("compose"):
            splats = _compose(picture, disparity, deltas, 1.0 / factor)
        with self._timed("unproject"):
            return _unproject(splats, (width_px / (2 * f_px), height_px / (2 * f_px), 1.0))

    def _encode(self, picture: Tensor) -> list[Tensor]:
        half, quarter = (
            functional.interpolate(picture, scale_factor=factor, mode="bilinear", align_corners=False)
            for factor in (0.5, 0.25)
        )
        crops = [picture[..., y : y + 384, x : x + 384] for y in range(0, 1153, 288) for x in range(0, 1153, 288)]
        crops += [half[..., y : y + 384, x : x + 384] for y in range(0, 385, 192) for x in range(0, 385, 192)]
        with self._timed("crops"):
            *taps, end = self._see("patch_encoder.", torch.cat([*crops, quarter]), self._config.vision.taps)
        with self._timed("whole picture"):
            (whole,) = self._see("image_encoder.", quarter, ())
        with self._timed("upsampling"):
            latent0, latent1 = (_merge(tap[:25], 5, 3) for tap in taps)
            fine, middle, coarse = _merge(end[:25], 5, 3), _merge(end[25:34], 3, 6), end[34:]
            lowest = torch.cat(
                [
                    self._upsample("upsample2", coarse),
                    self._doubled(f"{_ENCODER}upsample_lowres", whole),
                ],
                1,
            )
            return [
                self._upsample("upsample_latent0", latent0),
                self._upsample("upsample_latent1", latent1),
                self._upsample("upsample0", fine),
                self._upsample("upsample1", middle),
                self._convolution(f"{_ENCODER}fuse_lowres", lowest),
            ]

    def _see(self, part: str, crops: Tensor, taps: tuple[int, ...]) -> list[Tensor]:
        prefix, weights, vision = _ENCODER + part, self._weights, self._config.vision
        tokens = self._convolution(f"{prefix}patch_embed.proj", crops, 16).flatten(2).transpose(1, 2)
        start = weights[f"{prefix}cls_token"].expand(len(crops), -1, -1)
        tokens = torch.cat([start, tokens], 1) + weights[f"{prefix}pos_embed"]
        maps = []
        for number in range(vision.depth):
            block = f"{prefix}blocks.{number}."
            query, key, value = (
                self._linear(f"{block}attn.qkv", self._norm(f"{block}norm1", tokens))
                .reshape(len(crops), -1, 3, vision.heads, vision.width // vision.heads)
                .permute(2, 0, 3, 1, 4)
                .unbind(0)
            )
            mixed = (
                functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(tokens.shape)
            )
            tokens = tokens + self._linear(f"{block}attn.proj", mixed) * weights[f"{block}ls1.gamma"]
            hidden = functional.gelu(self._linear(f"{block}mlp.fc1", self._norm(f"{block}norm2", tokens)))
            tokens = tokens + self._linear(f"{block}mlp.fc2", hidden) * weights[f"{block}ls2.gamma"]
            if number in taps:
                maps.append(tokens)
        maps.append(self._norm(f"{prefix}norm", tokens))
        return [found[:, 1:].transpose(1, 2).reshape(len(crops), vision.width, 24, 24) for found in maps]

    def _upsample(self, name: str, values: Tensor) -> Tensor:
        values = self._convolution(f"{_ENCODER}{name}.0", values)
        number = 1
        while f"{_ENCODER}{name}.{number}.weight" in self._weights:
            values = self._doubled(f"{_ENCODER}{name}.{number}", values)
            number += 1
        return values

    def _decode(self, prefix: str, levels: list[Tensor]) -> Tensor:
        values: Tensor | None = None
        for number in reversed(range(5)):
            name, level = f"{prefix}convs.{number}", levels[number]
            if f"{name}.weight" in self._weights:
                level = self._convolution(name, level, padding=0 if number == 0 else 1)
            fusion = f"{prefix}fusions.{number}."
            values = self._fuse(fusion, level) if values is None else self._fuse(fusion, values, level)
        assert values is not None  # noqa: S101
        return values

    def _fuse(self, prefix: str, values: Tensor, skip: Tensor | None = None) -> Tensor:
        if skip is not None:
            values = values + self._residual(f"{prefix}resnet1.residual.", skip)
        values = self._residual(f"{prefix}resnet2.residual.", values)
        if f"{prefix}deconv.weight" in self._weights:
            values = self._doubled(f"{prefix}deconv", values)
        return self._convolution(f"{prefix}out_conv", values)

    def _residual(self, prefix: str, values: Tensor) -> Tensor:
        change = self._convolution(f"{prefix}1", functional.relu(values), padding=1)
        return values + self._convolution(f"{prefix}3", functional.relu(change), padding=1)

    def _disparity(self, prefix: str, values: Tensor) -> Tensor:
        values = self._doubled(f"{prefix}1", self._convolution(f"{prefix}0", values, padding=1))
        values = functional.relu(self._convolution(f"{prefix}2", values, padding=1))
        return functional.relu(self._convolution(f"{prefix}4", values))

    def _features(self, prefix: str, values: Tensor) -> Tensor:
        for number in range(2):
            block, change = f"{prefix}{number}.residual.", values
            for norm, convolution in ((0, 2), (3, 5)):
                weight, bias = (self._weights[f"{block}{norm}.{kind}"] for kind in ("weight", "bias"))
                change = functional.relu(functional.group_norm(change, 8, weight, bias))
                change = self._convolution(f"{block}{convolution}", change, padding=1)
            values = values + change
        return functional.relu(self._convolution(f"{prefix}3", functional.relu(values)))

    def _convolution(self, name: str, values: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights.get(f"{name}.bias")
        return functional.conv2d(values, weight, bias, stride, padding)

    def _doubled(self, name: str, values: Tensor) -> Tensor:
        return functional.conv_transpose2d(
            values, self._weights[f"{name}.weight"], self._weights.get(f"{name}.bias"), stride=2
        )

    def _linear(self, name: str, values: Tensor) -> Tensor:
        return functional.linear(values, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, name: str, values: Tensor) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(values, weight.shape, weight, bias, 1e-6)


def write_rows(splats: Mapping[str, Tensor], path: Path) -> None:
    """A PLY of the splats, by a list of tuples."""
    colours, opacities = splats["colours"], splats["opacities"][:, None]
    srgb = torch.where(colours <= 0.0031308, 12.92 * colours, 1.055 * colours ** (1 / 2.4) - 0.055)
    harmonics, logits = (srgb - 0.5) / 0.28209479177387814, torch.log(opacities / (1 - opacities))
    parts = [splats["means"], harmonics, logits, splats["scales"].log(), splats["quaternions"]]
    columns = torch.cat(parts, 1).numpy()
    table = np.empty(len(columns), [(name, "f4") for name in _COLUMNS])
    table[:] = list(map(tuple, columns))
    PlyData([PlyElement.describe(table, "vertex")]).write(path)


def _merge(maps: Tensor, steps: int, trim: int) -> Tensor:
    rows = []
    for row in range(steps):
        kept = []
        for column in range(steps):
            top, left = trim * (row > 0), trim * (column > 0)
            bottom, right = 24 - trim * (row < steps - 1), 24 - trim * (column < steps - 1)
            number = row * steps + column
            kept.append(maps[number : number + 1, :, top:bottom, left:right])
        rows.append(torch.cat(kept, 3))
    return torch.cat(rows, 2)


def _compose(picture: Tensor, disparity: Tensor, deltas: Tensor, global_scale: Tensor) -> dict[str, Tensor]:
    """Gaussians (N, ·) as the picture sees them."""
    base = functional.max_pool2d(disparity, 2)[:, None]
    centres = 2.0 * torch.arange(1.0, 1536.0, 2.0) / 1536.0 - 1.0
    clamped = base.clamp(min=1e-6)
    logistic = torch.sigmoid(-clamped)
    inverse = clamped + torch.log(1.0 - logistic / (1.0 - logistic))
    z = 1.0 / (functional.softplus(inverse + 0.001 * deltas[:, 2:3]) + 1e-3)
    x, y = z * (centres + 0.001 * deltas[:, 0:1]), z * (centres[:, None] + 0.001 * deltas[:, 1:2])
    factor = 10.0 * torch.sigmoid(deltas[:, 3:6] * (10 / 9) + float(np.log(0.1 / 0.9)))
    colour = functional.avg_pool2d(picture, 2)[:, :, None].clamp(0.01, 0.99)
    srgb = torch.sigmoid(torch.logit(colour) + 0.1 * deltas[:, 10:13])
    identity = torch.tensor([1.0, 0.0, 0.0, 0.0])[None, :, None, None, None]
    fields = {
        "means": torch.cat([x, y, z], 1) * global_scale[..., None],
        "scales": (1 / base) * (4 / 1536) * base * z * factor * global_scale[..., None],
        "quaternions": identity + deltas[:, 6:10],
        "colours": torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4),
        "opacities": torch.sigmoid(deltas[:, 13:14]),
    }
    rows = {name: values[0].flatten(1).T.contiguous() for name, values in fields.items()}
    return {**rows, "opacities": rows["opacities"][:, 0]}


def _unproject(splats: dict[str, Tensor], stretch: tuple[float, float, float]) -> dict[str, Tensor]:
    """Covariances stretched, then taken apart by batched SVD in float64."""
    factors = torch.tensor(stretch)
    w, x, y, z = functional.normalize(splats["quaternions"], dim=1).unbind(1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    rotation = torch.stack([torch.stack(row, 1) for row in rows], 1)
    covariance = rotation @ torch.diag_embed(splats["scales"] ** 2) @ rotation.transpose(1, 2)
    covariance = factors[:, None] * covariance * factors
    axes, squares, _ = torch.linalg.svd(covariance.double())
    axes[..., 2] *= torch.linalg.det(axes).sign()[:, None]
    turned: AnyArray = Rotation.from_matrix(axes.numpy()).as_quat(scalar_first=True)
    return {
        **splats,
        "means": splats["means"] * factors,
        "scales": squares.sqrt().float(),
        "quaternions": torch.from_numpy(turned).float(),
    }
