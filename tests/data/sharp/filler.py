"""Deterministic weights named by their key: the reference implementation of README.md, numpy only."""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

_MASK_64 = (1 << 64) - 1
_GOLDEN_GAMMA = 0x9E3779B97F4A7C15
_CHUNK = 1 << 16


def uniform(name: str, count: int) -> NDArray[np.float32]:
    """(count,) values in [-1, 1), multiples of 2**-23: a splitmix64 stream seeded with sha256(name)."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    values = np.empty(count, np.float32)
    steps = np.arange(1, _CHUNK + 1, dtype=np.uint64) * np.uint64(_GOLDEN_GAMMA)
    for start in range(0, count, _CHUNK):
        out = values[start : start + _CHUNK]
        z = steps[: len(out)] + np.uint64((seed + start * _GOLDEN_GAMMA) & _MASK_64)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        out[:] = z >> np.uint64(40)  # 24-bit integers: exact in float32
        out *= np.float32(2.0**-23)
        out -= np.float32(1)
    return values


def offset_and_half_width(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """The rule of README.md: value = offset + half_width * uniform."""
    last = name.rsplit(".", 1)[-1]
    if last == "gamma":
        return 0.25, 0.15
    if last in ("pos_embed", "cls_token"):
        return 0.0, 0.7
    if name.endswith("monodepth_predictor.head.4.bias"):
        return 1.0, 0.1
    if last == "bias":
        return 0.0, 0.1
    if len(shape) == 1:
        return 1.0, 0.2
    is_transposed = len(shape) == 4 and shape[2:] == (2, 2) and not name.endswith("image_encoder.conv.weight")
    fan_in = shape[0] if is_transposed else math.prod(shape[1:])
    return 0.0, _gain(name) * math.sqrt(3.0 / fan_in)


def _gain(name: str) -> float:
    gains = {
        ".attn.qkv.weight": 1.5,
        "monodepth_predictor.head.4.weight": 0.6,
        "geometry_prediction_head.weight": 12.0,
        "texture_prediction_head.weight": 1.5,
    }
    for ending, gain in gains.items():
        if name.endswith(ending):
            return gain
    return 0.7 if ".out_conv." in name else 1.0


def tensor(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The float32 weight of this key and shape."""
    offset, half_width = offset_and_half_width(name, shape)
    values = uniform(name, math.prod(shape))
    values *= np.float32(half_width)
    if offset:
        values += np.float32(offset)
    return values.reshape(shape)
