"""Scenes to measure with: deterministic, as large as SHARP's, and as hard to compress."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from wheatstone.arrays import F64
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Scene

PHOTO = Path(__file__).parent.parent / "examples" / "astronaut.jpg"
SIDE_PX = 768
"""SHARP predicts two layers of 768 x 768: 1,179,648 Gaussians."""


def photo_scene(side_px: int = SIDE_PX, *, seed: int = 0) -> Scene:
    """Two layers of a photo in picture order: real colours; depth, shapes and noise made up.

    Every attribute is part smooth, part driven by the photo's detail and part noise, as what a network predicts.
    """
    rng = np.random.default_rng(seed)
    camera = Camera(side_px, side_px, 0.8 * side_px, 0.8 * side_px, side_px / 2, side_px / 2)
    with Image.open(PHOTO) as image:
        photo = np.asarray(image.convert("RGB").resize((side_px, side_px), Image.Resampling.LANCZOS)) / 255.0
    y, x = (np.indices((side_px, side_px)) + 0.5) / side_px * 2 - 1
    detail = photo.mean(axis=2) - _smooth(photo.mean(axis=2), side_px)
    front = _depth_m(x, y, rng) * (1 + 0.02 * detail)
    depth = np.stack([front, front * (1.02 + 0.2 * _waves(x, y, rng) ** 2)])

    def noisy(value: F64, sigma: float) -> F64:
        noisy_value: F64 = value + rng.normal(0, sigma, (2, side_px, side_px))
        return noisy_value

    z = depth * noisy(np.ones_like(depth), 0.001)
    u, v = (noisy(np.stack([axis, axis]), 0.2 / side_px) for axis in (x, y))
    means = np.stack([u * z / 1.6, v * z / 1.6, z], axis=-1)
    axes = [noisy(_waves(x, y, rng) * 0.4 - offset + detail, 0.12) for offset in (0.1, 0.2, 1.6)]
    scales = np.exp(np.stack(axes, axis=-1)) * (depth / side_px)[..., None]
    turned = [noisy(0.3 * _waves(x, y, rng) + 0.2 * detail, 0.05) for _ in range(3)]
    quaternions = np.stack([np.ones_like(turned[0]), *turned], axis=-1)
    quaternions /= np.linalg.norm(quaternions, axis=-1, keepdims=True)
    logits = noisy(np.stack([2.5 + 2 * detail, -1.0 - 2 * detail]) + _waves(x, y, rng), 0.4)
    colors = np.stack([photo, 0.9 * photo + 0.03]) + rng.normal(0, 0.008, (2, side_px, side_px, 3))
    gaussians = Gaussians.from_colors(
        means.reshape(-1, 3),
        scales.reshape(-1, 3),
        quaternions.reshape(-1, 4),
        1 / (1 + np.exp(-logits.ravel())),
        colors.reshape(-1, 3),
    )
    return Scene(gaussians, camera, "made for a bench")


def scattered(scene: Scene, *, seed: int = 0) -> Scene:
    """The same Gaussians in no order, as an editor or a training run leaves them."""
    order = np.random.default_rng(seed).permutation(len(scene.gaussians))
    return Scene(scene.gaussians.take(order), scene.camera, scene.label, scene.licence)


def _waves(x: F64, y: F64, rng: np.random.Generator) -> F64:
    """A smooth field of about -1 to 1."""
    field = np.zeros_like(x)
    for _ in range(6):
        across, down, phase = rng.uniform(-9, 9), rng.uniform(-9, 9), rng.uniform(0, 2 * np.pi)
        field += np.sin(across * x + down * y + phase) / 3
    return field


def _depth_m(x: F64, y: F64, rng: np.random.Generator) -> F64:
    """Ground and wall with a dozen things before them, sharp at their outlines."""
    depth = np.minimum(8.0, 1.5 / np.maximum(0.1, 0.3 + y)) * (1 + 0.05 * _waves(x, y, rng))
    for _ in range(12):
        away = np.hypot(x - rng.uniform(-1, 1), y - rng.uniform(-1, 1)) / rng.uniform(0.08, 0.4)
        near_m = rng.uniform(1.2, 6) - 0.3 * np.sqrt(np.maximum(0, 1 - away**2))
        depth = np.where((away < 1) & (near_m < depth), near_m, depth)
    return depth


def _smooth(values: F64, side_px: int) -> F64:
    """Blurred by shrinking and growing again."""
    small = Image.fromarray(values.astype(np.float32)).resize((side_px // 16, side_px // 16), Image.Resampling.BOX)
    smooth: F64 = np.asarray(small.resize((side_px, side_px), Image.Resampling.BICUBIC)).astype(np.float64)
    return smooth
