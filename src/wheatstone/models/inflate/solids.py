"""Bodies of revolution as they stand before the viewer: upright in the world, seen from some height above it.

Lengths are in halves of the plan's side, x right, y up, z towards the viewer. Fields are positive inside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from wheatstone.arrays import F32, F64, AnyArray

WALL = 0.05
"""Thickness of a vessel, in halves of the plan's side."""
_FLOOR = 0.6
"""How deep a vessel is, as a share of its height."""
_DROP = 0.13
"""How deep a dish is, as a share of its radius."""
_HALF_THICKNESS = 0.03


@dataclass(frozen=True, slots=True)
class Axis:
    """An upright axis.

    Attributes:
        x: of its origin; so are y and z.
        y: up in the picture.
        z: towards the viewer.
        elevation: of the viewer, in radians; 0 is level with the object.
    """

    x: float
    y: float
    z: float
    elevation: float

    def cylindrical(self, x: AnyArray, y: AnyArray, z: AnyArray) -> tuple[AnyArray, AnyArray, AnyArray]:
        """Distance from the axis, height over the origin, and how far before the axis a point is."""
        sin, cos = math.sin(self.elevation), math.cos(self.elevation)
        height = (y - self.y) * cos + (z - self.z) * sin
        ahead = (z - self.z) * cos - (y - self.y) * sin
        return np.hypot(x - self.x, ahead), height, ahead


@dataclass(frozen=True, slots=True, eq=False)
class Vessel:
    """A cup, a bowl, a bottle, a ball: what a profile makes as it turns.

    Attributes:
        axis: its origin in the middle of the upper rim.
        heights: (K,) ascending to 0.
        radii: (K,) there.
        is_open: whether it is hollow.
        is_ball: whether it is one.
    """

    axis: Axis
    heights: F64
    radii: F64
    is_open: bool = False
    is_ball: bool = False

    @property
    def middle(self) -> F64:
        """(3,) half way up the axis."""
        half = float(self.heights[0]) / 2
        sin, cos = math.sin(self.axis.elevation), math.cos(self.axis.elevation)
        return np.array([self.axis.x, self.axis.y + half * cos, self.axis.z + half * sin])

    def field(self, x: AnyArray, y: AnyArray, z: AnyArray) -> AnyArray:
        """About the distance to the surface."""
        radius, height, _ = self.axis.cylindrical(x, y, z)
        room = self._radius_at(height) - radius
        solid = np.minimum(room, np.minimum(-height, height - self.heights[0]))
        return np.asarray(np.minimum(solid, -self._cavity(room, radius, height)) if self.is_open else solid)

    def filled(self) -> Vessel:
        """Without its hollow."""
        return replace(self, is_open=False)

    def is_within(self, points: AnyArray) -> AnyArray:
        """(N,) Whether points of the surface are on the inner side."""
        radius, height, _ = self.axis.cylindrical(points[:, 0], points[:, 1], points[:, 2])
        room = self._radius_at(height) - radius
        inner: AnyArray = self._cavity(room, radius, height) > -WALL / 2
        return inner & self.is_open

    def z_range(self) -> tuple[float, float]:
        """From the farthest to the nearest point."""
        reach = float(self.radii.max()) * math.cos(self.axis.elevation)
        return self.axis.z + float(self.heights[0]) * math.sin(self.axis.elevation) - reach, self.axis.z + reach

    def _radius_at(self, height: AnyArray) -> AnyArray:
        return np.interp(height, self.heights, self.radii).astype(height.dtype)

    def _cavity(self, room: AnyArray, radius: AnyArray, height: AnyArray) -> AnyArray:
        floor = _FLOOR * self.heights[0] + 0.25 * radius**2
        return np.asarray(np.minimum(room - WALL, height - floor))


@dataclass(frozen=True, slots=True, eq=False)
class Dish:
    """A plate or saucer.

    Attributes:
        axis: its origin in the middle of the rim.
        radius: of the rim.
    """

    axis: Axis
    radius: float

    def field(self, x: AnyArray, y: AnyArray, z: AnyArray) -> AnyArray:
        """About the distance to the surface."""
        radius, height, _ = self.axis.cylindrical(x, y, z)
        middle = self.drop * ((radius / self.radius) ** 2 - 1)
        return np.asarray(np.minimum(_HALF_THICKNESS - np.abs(height - middle), self.radius - radius))

    @property
    def drop(self) -> float:
        """By how much its middle is lower than its rim."""
        return _DROP * self.radius

    def z_range(self) -> tuple[float, float]:
        """From the farthest to the nearest point."""
        reach = self.radius * math.cos(self.axis.elevation) + 0.1
        return self.axis.z - reach, self.axis.z + reach


def extent_along_z(field: F32, levels: F32) -> tuple[F32, F32]:
    """(H, W) Lowest and highest z at which a field (H, W, Z) is 0, where it is positive anywhere; else 0."""
    positive = field > 0
    found = positive.any(axis=2)

    def crossing(first: AnyArray, beyond: AnyArray) -> F32:
        rows, columns = np.indices(first.shape)
        inside, outside = field[rows, columns, first], field[rows, columns, beyond]
        share = np.clip(inside / np.maximum(inside - outside, 1e-9), 0, 1)
        z = levels[first] + share * (levels[beyond] - levels[first])
        return np.where(found, z, 0).astype(np.float32)

    last = field.shape[2] - 1
    low = positive.argmax(axis=2)
    high = last - positive[..., ::-1].argmax(axis=2)
    return crossing(low, np.maximum(low - 1, 0)), crossing(high, np.minimum(high + 1, last))
