"""Pinhole cameras in the OpenCV convention."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from wheatstone.arrays import F64, AnyArray
from wheatstone.errors import BadOptionError

_MAX_SIDE_PX = 1_000_000
_LARGEST = 1e35
"""In pixels and metres; float32 still holds it, and its reciprocal."""
_RIGID_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A pinhole camera: x right, y down, z forward; pixel centres lie at half-integer coordinates.

    Attributes:
        width_px: picture width in pixels.
        height_px: picture height in pixels.
        fx_px: horizontal focal length in pixels.
        fy_px: vertical focal length in pixels.
        cx_px: horizontal position of the principal point in pixels.
        cy_px: vertical position of the principal point in pixels.
        world_to_camera: (4, 4) rigid transform from scene to camera, metres.
    """

    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    world_to_camera: F64 = field(default_factory=lambda: np.eye(4))

    def __post_init__(self) -> None:
        if self.width_px < 1 or self.height_px < 1:
            raise BadOptionError(f"A camera of {self.width_px}x{self.height_px} pixels shows nothing.")
        if max(self.width_px, self.height_px) > _MAX_SIDE_PX:
            raise BadOptionError(f"A camera's picture has at most {_MAX_SIDE_PX} pixels a side.")
        if not (self.fx_px > 0 and self.fy_px > 0 and math.isfinite(self.fx_px + self.fy_px)):
            raise BadOptionError(f"Focal lengths must be positive pixels, got {self.fx_px} and {self.fy_px}.")
        if max(self.fx_px, self.fy_px) > _LARGEST or min(self.fx_px, self.fy_px) < 1 / _LARGEST:
            raise BadOptionError("The focal lengths of a camera are absurdly large or small.")
        if not (abs(self.cx_px) <= _LARGEST and abs(self.cy_px) <= _LARGEST):  # NaN fails
            raise BadOptionError("The principal point of a camera is absurdly far away.")
        if not _is_rigid(self.world_to_camera):
            raise BadOptionError("The pose of a camera must be a (4, 4) matrix that turns and shifts, no more.")

    @classmethod
    def of_photo(cls, width_px: int, height_px: int, f_px: float) -> Camera:
        """The camera that took a photo: at the origin, looking along +z, centred principal point."""
        return cls(width_px, height_px, f_px, f_px, width_px / 2, height_px / 2)

    @property
    def intrinsics(self) -> F64:
        """(3, 3) matrix from camera coordinates to homogeneous pixels."""
        return np.array([[self.fx_px, 0, self.cx_px], [0, self.fy_px, self.cy_px], [0, 0, 1]], np.float64)

    def points_seen(self, points: AnyArray) -> F64:
        """(N, 3) scene points in camera coordinates, metres: right, down, depth."""
        seen: F64 = points @ self.world_to_camera[:3, :3].T + self.world_to_camera[:3, 3]
        return seen

    def resized(self, long_side_px: int, *, multiple_px: int = 1) -> Camera:
        """The same view with the longer side of the picture `long_side_px` pixels long.

        Args:
            long_side_px: pixels of the longer side.
            multiple_px: both sides are rounded to multiples of this, as video encoders want.
        """
        factor = long_side_px / max(self.width_px, self.height_px) / multiple_px
        width_px = multiple_px * max(1, round(self.width_px * factor))
        height_px = multiple_px * max(1, round(self.height_px * factor))
        across, down = width_px / self.width_px, height_px / self.height_px
        return replace(
            self,
            width_px=width_px,
            height_px=height_px,
            fx_px=self.fx_px * across,
            fy_px=self.fy_px * down,
            cx_px=self.cx_px * across,
            cy_px=self.cy_px * down,
        )

    def orbited(self, yaw_deg: float, pitch_deg: float, pivot_m: float) -> Camera:
        """The camera moved on a sphere around the point `pivot_m` metres ahead, still looking at it.

        Positive yaw moves it to the right, positive pitch upwards.
        """
        yaw, pitch = math.radians(yaw_deg), math.radians(pitch_deg)
        about_y = np.array(
            [[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]], np.float64
        )
        about_x = np.array(
            [[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]], np.float64
        )
        turn = np.eye(4)
        turn[:3, :3] = about_x @ about_y
        pivot = np.array([0, 0, pivot_m], np.float64)
        turn[:3, 3] = pivot - turn[:3, :3] @ pivot
        return replace(self, world_to_camera=turn @ self.world_to_camera)

    def moved(self, *, right_m: float = 0.0, down_m: float = 0.0, ahead_m: float = 0.0) -> Camera:
        """The camera moved along its own axes, looking the same way."""
        step = np.eye(4)
        step[:3, 3] = -right_m, -down_m, -ahead_m
        return replace(self, world_to_camera=step @ self.world_to_camera)

    def eye(self, right_m: float, convergence_m: float) -> Camera:
        """The camera of an eye that is `right_m` metres to the right (negative: to the left).

        It looks the same way, its picture shifted so that what is `convergence_m` metres ahead stays in place.
        Turning the eyes towards each other instead would shear the pictures apart at their corners.
        """
        moved = self.moved(right_m=right_m)
        return replace(moved, cx_px=self.cx_px + self.fx_px * right_m / convergence_m)


def _is_rigid(pose: F64) -> bool:
    """Whether a matrix is a rotation (or a mirrored one) and a shift that float32 can follow."""
    if pose.shape != (4, 4) or not np.all(np.abs(pose) <= _LARGEST):  # NaN fails
        return False
    turn = pose[:3, :3]
    skew = float(np.abs(turn @ turn.T - np.eye(3)).max())
    return skew <= _RIGID_TOLERANCE and np.array_equal(pose[3], [0, 0, 0, 1])
