"""What upstream computed with the filled weights, and how far from it we are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.models.sharp.filled import GOLDENS
from wheatstone.arrays import AnyArray
from wheatstone.models.sharp.composer import Splats, compose
from wheatstone.models.sharp.config import Cutting
from wheatstone.models.sharp.encoder import crops_of, pyramid
from wheatstone.models.sharp.initializer import depth_of, first_guess
from wheatstone.models.sharp.network import SharpNetwork
from wheatstone.models.sharp.predictor import resized
from wheatstone.pictures import Picture, read_picture

Golden = Mapping[str, AnyArray]


def golden(kind: str) -> tuple[Golden, dict[str, Any]]:
    """The arrays and the description of a golden run."""
    arrays = dict(np.load(GOLDENS / f"{kind}_a.npz"))
    return arrays, json.loads(str(arrays.pop("meta_json")))


def golden_picture() -> Picture:
    """The photo of both golden runs."""
    return read_picture(GOLDENS / "input_a.png")


def relative_rms(values: AnyArray, true: AnyArray) -> float:
    """Root mean square of the error over that of the truth."""
    difference = values.astype(np.float64) - true
    return float(np.sqrt((difference**2).mean()) / np.sqrt((true.astype(np.float64) ** 2).mean()))


class Probes:
    """Samples of the tensors inside a run, by the golden files' names."""

    def __init__(self) -> None:
        self.samples: dict[str, AnyArray] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}

    def take(self, name: str, values: Tensor) -> None:
        """Keep 64 values, evenly spread over the tensor in the order of its axes."""
        flat = values.detach().float().contiguous().flatten()
        places = (torch.arange(64) * (flat.numel() - 1)) // 63
        self.samples[name] = flat[places].numpy()
        self.shapes[name] = tuple(values.shape)

    def watch(self, name: str, module: nn.Module) -> None:
        """Take what the module gives, at once: later parts may change it in place."""

        def hook(_module: nn.Module, _inputs: object, output: Tensor | list[Tensor]) -> None:
            if isinstance(output, list):  # a transformer's maps, channels last; the end comes last
                output = output[-1].permute(0, 3, 1, 2)
            self.take(name, output)

        module.register_forward_hook(hook)


def probed_run(network: SharpNetwork, picture: Picture) -> tuple[Splats, Probes]:
    """The splats of a picture, with all probes; all crops are seen at once."""
    probes = Probes()
    found: dict[str, Tensor] = {}
    encoder, features = network.monodepth.encoder, network.feature_model
    for name, vision in (("vit_patch", encoder.patch_encoder), ("vit_image", encoder.image_encoder)):
        probes.watch(f"{name}.patch_embed", vision.patch_embed)
        probes.watch(f"{name}.out", vision)
        for number, block in enumerate(vision.blocks):
            probes.watch(f"{name}.block{number}", block)
    for name, module in encoder.named_children():
        if name.startswith(("upsample", "fuse")):
            probes.watch(f"enc.{name}", module)
    for name, decoder in (("mono", network.monodepth.decoder), ("feat", features.decoder)):
        probes.watch(f"{name}.decoder", decoder)
        for number, fusion in enumerate(decoder.fusions):
            probes.watch(f"{name}.decoder.fusion{number}", fusion)
    probes.watch("mono.head", network.monodepth.head)
    probes.watch("feat.fusion", features.fusion)
    probes.watch("feat.texture_head", features.texture_head)
    probes.watch("feat.geometry_head", features.geometry_head)
    network.monodepth.head.register_forward_hook(lambda *call: found.update(disparity=call[-1]))
    network.prediction_head.register_forward_hook(lambda *call: found.update(deltas=call[-1]))

    def take_levels(_module: nn.Module, _inputs: object, levels: list[Callable[[], Tensor]]) -> None:
        for number, level in enumerate(levels):
            probes.take(f"enc.out{number}", level())

    encoder.register_forward_hook(take_levels)

    square = resized(picture.rgb, 1536, torch.device("cpu"))
    factor = picture.f_px / picture.rgb.shape[1]
    [splats] = network(square, [factor], 35, lambda _fraction: None)

    guess = first_guess(square, depth_of(found["disparity"], factor))
    levels = pyramid(square * 2 - 1)
    cutting = Cutting(1536)
    crops = [
        crop for level, part in zip(levels, cutting.levels, strict=True) for crop in crops_of(level[0], part, 384)
    ]
    grid = (1, 1, 2, 768, 768)
    probes.take("input.resized", square)
    probes.take("enc.input", levels[0])
    probes.take("enc.patches", torch.stack(crops))
    probes.take("enc.image_lowres", levels[2])
    probes.take("init.feature_input", guess.features)
    probes.take("init.base_disparity", guess.disparity[None, None])
    probes.take("init.base_x", guess.x.expand(grid))
    probes.take("init.base_y", guess.y[:, None].expand(grid))
    probes.take("init.base_scales", (4 / 1536 / guess.disparity)[None, None])
    probes.take("init.base_colors", guess.colour[None, :, None].expand(1, 3, 2, 768, 768))
    probes.take("init.global_scale", guess.global_scale.flatten())
    probes.take("prediction_head", found["deltas"])
    composed = compose(guess, found["deltas"][0])
    probes.take("composer.mean_vectors", composed.means.T[None])
    probes.take("composer.singular_values", composed.scales.T[None])
    probes.take("composer.quaternions", composed.quaternions.T[None])
    probes.take("composer.colors", composed.colours.T[None])
    probes.take("composer.opacities", composed.opacities[None])
    return splats, probes


def covariances(scales: Tensor, quaternions: Tensor) -> AnyArray:
    """(N, 3, 3) float64 R diag(s²) Rᵀ of scales (3, N) and quaternions (4, N) of any length."""
    squares = scales.double().numpy().T ** 2
    w, x, y, z = (quaternions.double() / quaternions.double().norm(dim=0)).numpy()
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    ).transpose(2, 0, 1)
    result: AnyArray = (rotation * squares[:, None]) @ rotation.transpose(0, 2, 1)
    return result


def relative_error(values: AnyArray, true: AnyArray) -> AnyArray:
    """(N,) relative Frobenius errors of matrices (N, 3, 3)."""
    result: AnyArray = np.linalg.norm(values - true, axis=(1, 2)) / np.linalg.norm(true, axis=(1, 2))
    return result
