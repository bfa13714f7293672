"""The small scene that hostile splat files are made from."""

from __future__ import annotations

import functools

import numpy as np

from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Scene

_COUNT = 20


@functools.cache
def scene(degree: int) -> Scene:
    """Twenty Gaussians in front of a camera, with spherical harmonics of a degree."""
    random = np.random.default_rng(degree)
    quaternions = random.normal(size=(_COUNT, 4))
    gaussians = Gaussians(
        random.uniform([-1, -1, 2], [1, 1, 4], (_COUNT, 3)).astype(np.float32),
        random.uniform(0.01, 0.2, (_COUNT, 3)).astype(np.float32),
        (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).astype(np.float32),
        random.uniform(0, 1, _COUNT).astype(np.float32),
        random.normal(0, 0.3, (_COUNT, (degree + 1) ** 2, 3)).astype(np.float32),
    )
    return Scene(gaussians, Camera.of_photo(64, 48, 60.0), "made to be broken")
