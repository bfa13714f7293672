"""Scenes to write and read back: like SHARP's, awkward ones, and arbitrary ones for hypothesis."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.special import expit

from wheatstone.arrays import F32, AnyArray
from wheatstone.splats.cameras import Camera
from wheatstone.splats.formats import FORMATS
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Scene

CAMERA = Camera(640, 360, 500.25, 499.75, 320.5, 179.5)


def to_bytes(name: str, scene: Scene) -> bytes:
    """What the format of that name writes."""
    file = BytesIO()
    next(candidate for candidate in FORMATS if candidate.name == name).write(scene, file, 0)
    return file.getvalue()


def saved(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def unit(quaternions: AnyArray) -> F32:
    units: F32 = (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).astype(np.float32)
    return units


def photo_like(side: int, *, seed: int = 0) -> Gaussians:
    """Two layers of `side` x `side` Gaussians in picture order, as SHARP makes them: 2 side^2 in all."""
    rng = np.random.default_rng(seed)
    y, x = (np.indices((side, side)) + 0.5) / side * 2 - 1
    depth = 1.6 - 0.5 * y + 0.3 * np.sin(3 * x)
    for _ in range(10):
        inside = (x - rng.uniform(-1, 1)) ** 2 + (y - rng.uniform(-1, 1)) ** 2 < rng.uniform(0.05, 0.4) ** 2
        depth = np.where(inside, rng.uniform(0.8, 8) + 0.2 * np.cos(5 * x), depth)
    z = np.stack([depth, 1.1 * depth]) * (1 + rng.normal(0, 0.002, (2, side, side)))
    n = z.size
    means = np.stack([x * z / 0.8, y * z / 0.8, z], axis=-1).reshape(n, 3)
    scales = z.reshape(n, 1) / side * np.exp(rng.normal([0.2, 0.0, -1.2], [0.25, 0.25, 0.5], (n, 3)))
    colors = 0.5 + 0.4 * np.stack([np.sin(4 * x + y), np.cos(3 * y), np.sin(5 * x * y)], axis=-1)
    colors = np.concatenate([colors, colors]).reshape(n, 3) + rng.normal(0, 0.03, (n, 3))
    logits = np.repeat([2.5, -0.5], n // 2) + rng.normal(0, 1.5, n)
    quaternions = unit(np.array([1, 0, 0, 0]) + rng.normal(0, 0.2, (n, 4)))
    return Gaussians.from_colors(means, scales, quaternions, expit(logits), colors.clip(0.01, 0.99))


def heavy_tailed(n: int, *, seed: int = 0) -> Gaussians:
    """Gaussians in no order, with far outliers in every attribute."""
    rng = np.random.default_rng(seed)
    return Gaussians(
        (rng.standard_t(2, (n, 3)) * 10).astype(np.float32),
        np.exp(np.clip(rng.standard_t(3, (n, 3)) - 5, -40, 8)).astype(np.float32),
        unit(rng.normal(size=(n, 4))),
        expit(rng.standard_t(2, n) * 4).astype(np.float32),
        rng.standard_t(3, (n, 1, 3)).astype(np.float32),
    )


@st.composite
def scenes(draw: st.DrawFn, max_degree: int = 3) -> Scene:
    """Valid scenes of 1 to 20 Gaussians, extreme values included."""
    n = draw(st.integers(1, 20))
    width = (draw(st.integers(0, max_degree)) + 1) ** 2

    def values(shape: tuple[int, ...], low: float, high: float) -> F32:
        low, high = float(np.float32(low)), float(np.float32(high))
        return draw(npst.arrays(np.float32, shape, elements=st.floats(low, high, width=32)))

    quaternions = values((n, 4), -1, 1).astype(np.float64)
    quaternions[np.linalg.norm(quaternions, axis=1) < 1e-3] = (1, 0, 0, 0)
    gaussians = Gaussians(
        values((n, 3), -1e6, 1e6),
        values((n, 3), 0, 1e6),
        unit(quaternions),
        values((n,), 0, 1),
        values((n, width, 3), -1e3, 1e3),
    )
    label = draw(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=60))
    return Scene(gaussians, draw(st.sampled_from([None, CAMERA])), " ".join(label.split()))
