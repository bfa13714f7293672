"""A scene in numbers: how many Gaussians, where they lie, how large and how opaque they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wheatstone.arrays import AnyArray
from wheatstone.splats.scene import Scene
from wheatstone.splats.views import frame

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Values below which 1, 10, 50, 90 and 99 percent of a quantity lie (linear interpolation)."""

    p01: float
    p10: float
    p50: float
    p90: float
    p99: float


@dataclass(frozen=True, slots=True)
class Box:
    """The smallest axis-aligned box around all centres, in metres.

    Attributes:
        low: smallest x, y, z.
        high: largest x, y, z.
    """

    low: Point
    high: Point

    @property
    def centre(self) -> Point:
        """Its middle."""
        x, y, z = ((low + high) / 2 for low, high in zip(self.low, self.high, strict=True))
        return x, y, z

    @property
    def diagonal_m(self) -> float:
        """Distance between opposite corners."""
        return float(np.linalg.norm(np.subtract(self.high, self.low)))


@dataclass(frozen=True, slots=True)
class Statistics:
    """A scene in numbers; None where there is nothing to measure.

    Attributes:
        count: number of Gaussians.
        sh_degree: degree of the spherical harmonics, 0 to 3.
        box: around all centres.
        in_front: number of Gaussians in front of the camera (the scene's own, else the one `frame` chooses).
        depth_m: depths in front of that camera, metres.
        disparity_per_m: their reciprocals, 1/metre.
        scale_m: standard deviations along the principal axes, all three of each Gaussian, metres.
        opacity: peak opacities, 0 to 1.
    """

    count: int
    sh_degree: int
    box: Box | None
    in_front: int
    depth_m: Quantiles | None
    disparity_per_m: Quantiles | None
    scale_m: Quantiles | None
    opacity: Quantiles | None


def measure(scene: Scene) -> Statistics:
    """Measure a scene."""
    gaussians = scene.gaussians
    depths = frame(scene).points_seen(gaussians.means)[:, 2]
    ahead = depths[depths > 0]
    return Statistics(
        count=len(gaussians),
        sh_degree=gaussians.sh_degree,
        box=_box(gaussians.means),
        in_front=len(ahead),
        depth_m=_quantiles(ahead),
        disparity_per_m=_quantiles(1 / ahead),
        scale_m=_quantiles(gaussians.scales),
        opacity=_quantiles(gaussians.opacities),
    )


def _box(means: AnyArray) -> Box | None:
    if len(means) == 0:
        return None
    low, high = means.min(axis=0).tolist(), means.max(axis=0).tolist()
    return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def _quantiles(values: AnyArray) -> Quantiles | None:
    if values.size == 0:
        return None
    return Quantiles(*np.quantile(values.astype(np.float64), [0.01, 0.1, 0.5, 0.9, 0.99]).tolist())
