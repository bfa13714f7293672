"""Cameras that look at a mesh: orthographic or perspective, from anywhere around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wheatstone.arrays import F64, AnyArray
from wheatstone.errors import BadOptionError
from wheatstone.meshes.mesh import Mesh

MAX_SIDE_PX = 8192

_ANGLE_DEG = 30.0
_MARGIN = 1.06
"""Of a perspective view around the sphere that holds the mesh."""


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """Sees x to the right, y up, and looks along -z; pixel centres lie at half-integer coordinates.

    Attributes:
        width_px: picture width in pixels.
        height_px: picture height in pixels.
        zoom_px: pixels a unit of length; with perspective, at unit distance (the focal length).
        world_to_camera: (4, 4) rigid transform; the optical axis passes through the middle of the picture.
        is_perspective: whether what is farther looks smaller.
    """

    width_px: int
    height_px: int
    zoom_px: float
    world_to_camera: F64
    is_perspective: bool = False

    def __post_init__(self) -> None:
        if not (1 <= self.width_px <= MAX_SIDE_PX and 1 <= self.height_px <= MAX_SIDE_PX):
            raise BadOptionError(
                f"A picture has 1 to {MAX_SIDE_PX} pixels a side, got {self.width_px}x{self.height_px}."
            )
        if not 0 < self.zoom_px < math.inf:
            raise BadOptionError(f"The zoom of a camera must be a positive number of pixels, got {self.zoom_px}.")

    @classmethod
    def orthographic(
        cls,
        azimuth_deg: float,
        elevation_deg: float,
        side_px: int,
        *,
        half_side: float = 1.0,
        centre: Sequence[float] = (0, 0, 0),
    ) -> Camera:
        """A square picture of what lies within `half_side` of the centre, without perspective.

        Args:
            azimuth_deg: 0 looks from the front (+z), 90 from the right (+x), -90 from the left.
            elevation_deg: 90 looks from above, -90 from below.
            side_px: pixels a side.
            half_side: from the middle of the picture to its edges, in units of length.
            centre: what the middle of the picture shows.
        """
        return cls(side_px, side_px, side_px / 2 / half_side, _pose(azimuth_deg, elevation_deg, centre, 0.0))

    @classmethod
    def around(cls, mesh: Mesh, azimuth_deg: float, elevation_deg: float, width_px: int, height_px: int) -> Camera:
        """With perspective, from as far away as shows the mesh whole from everywhere; angles as above."""
        centre = mesh.bounds.astype(np.float64).mean(axis=0)
        radius = max(float(np.linalg.norm(mesh.vertices - centre, axis=1).max()), 1e-12)
        half_angle = math.radians(_ANGLE_DEG / 2)
        zoom_px = min(width_px, height_px) / 2 / math.tan(half_angle)
        distance = _MARGIN * radius / math.sin(half_angle)
        pose = _pose(azimuth_deg, elevation_deg, centre.tolist(), distance)
        return cls(width_px, height_px, zoom_px, pose, is_perspective=True)

    def points_seen(self, points: AnyArray) -> F64:
        """(N, 3) points in camera coordinates: right, up, towards the viewer (negative: ahead)."""
        seen: F64 = points @ self.world_to_camera[:3, :3].T + self.world_to_camera[:3, 3]
        return seen


def _pose(azimuth_deg: float, elevation_deg: float, centre: Sequence[float], distance: float) -> F64:
    """From the world to a camera that looks at `centre` from `distance` away."""
    a, e = math.radians(azimuth_deg), math.radians(elevation_deg)
    about_y = np.array([[math.cos(a), 0, -math.sin(a)], [0, 1, 0], [math.sin(a), 0, math.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(e), -math.sin(e)], [0, math.sin(e), math.cos(e)]])
    pose = np.eye(4)
    pose[:3, :3] = about_x @ about_y
    pose[:3, 3] = -pose[:3, :3] @ np.asarray(centre, np.float64) - [0, 0, distance]
    return pose
