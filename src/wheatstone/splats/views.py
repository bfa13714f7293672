"""Where to look at a scene from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from wheatstone.errors import BadOptionError
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Scene

_LONG_SIDE_PX = 1024
_NARROWEST, _WIDEST = math.tan(math.radians(5)), math.tan(math.radians(60))
"""Tangents of half the angle of view that a guessed photo may have."""
_LONGEST_ASPECT = 3.0
_ORBIT_HALF_ANGLE = math.radians(25)


def frame(scene: Scene) -> Camera:
    """A camera that shows the scene: its own or, when the file names none, a guess.

    A scene that lies in front of the origin, as those made from photos do, is seen from the origin along +z
    with the angle of view that it fills. Any other is seen whole, along +z, from outside.
    """
    return photo_camera(scene) or _outside_camera(scene.gaussians)


def photo_camera(scene: Scene) -> Camera | None:
    """The camera of the photo the scene was made from, or a guess; None when it looks made otherwise.

    A scene with such a camera is to be trusted near it only; one without is meant to be seen from all around.
    """
    return scene.camera or _guessed_photo_camera(scene.gaussians)


@dataclass(frozen=True, slots=True)
class View:
    """A place to look from, relative to a camera and to a point ahead of it, the pivot.

    Attributes:
        yaw_deg: how far the camera goes round the pivot to the right.
        pitch_deg: how far it goes up.
        dolly: how far it then goes towards the pivot, as a share of the way; negative is away from it.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    dolly: float = 0.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.yaw_deg + self.pitch_deg):
            raise BadOptionError(f"Yaw and pitch must be degrees, got {self.yaw_deg} and {self.pitch_deg}.")
        if not -math.inf < self.dolly < 1:
            raise BadOptionError(f"A dolly is a share of the way to the pivot, less than 1, got {self.dolly}.")

    def of(self, camera: Camera, pivot_m: float) -> Camera:
        """The camera of this view, when the pivot is `pivot_m` metres ahead of `camera`."""
        return camera.orbited(self.yaw_deg, self.pitch_deg, pivot_m).moved(ahead_m=self.dolly * pivot_m)


@dataclass(frozen=True, slots=True)
class Depths:
    """How far ahead of a camera a scene lies, in metres.

    Attributes:
        near_m: five percent of the scene are nearer.
        median_m: half of it is nearer.
        far_m: five percent are farther.
    """

    near_m: float
    median_m: float
    far_m: float

    @property
    def balanced_m(self) -> float:
        """The harmonic mean of near and far: turned around it, both move equally far, opposite ways."""
        return 2 / (1 / self.near_m + 1 / self.far_m)


def depths(gaussians: Gaussians, camera: Camera) -> Depths:
    """How far what lies in front of the camera lies ahead; 1 metre when nothing does."""
    ahead = camera.points_seen(gaussians.means)[:, 2]
    ahead = ahead[(ahead > 0) & (ahead < math.inf)]
    return Depths(*(np.quantile(ahead, [0.05, 0.5, 0.95]).tolist() if len(ahead) else (1.0, 1.0, 1.0)))


def _guessed_photo_camera(gaussians: Gaussians) -> Camera | None:
    """The camera at the origin that the scene fills, or None when the scene is not in front of it."""
    ahead = gaussians.means[gaussians.means[:, 2] > 0].astype(np.float64)
    if len(ahead) == 0 or len(ahead) < 0.98 * len(gaussians):
        return None
    tangents = np.quantile(np.abs(ahead[:, :2] / ahead[:, 2:]), 0.98, axis=0)
    if tangents.max() > _WIDEST:
        return None
    widest = max(tangents.max(), _NARROWEST)
    across, down = np.maximum(tangents, widest / _LONGEST_ASPECT)
    return Camera.of_photo(
        max(1, round(_LONG_SIDE_PX * min(1, across / down))),
        max(1, round(_LONG_SIDE_PX * min(1, down / across))),
        _LONG_SIDE_PX / 2 / widest,
    )


def _outside_camera(gaussians: Gaussians) -> Camera:
    """A camera so far in front of the scene, along its z axis, that nearly all of it shows."""
    corners = np.quantile(gaussians.means, [0.02, 0.98], axis=0) if len(gaussians) else np.zeros((2, 3))
    radius = max(float(np.linalg.norm(corners[1] - corners[0])) / 2, 1e-6)
    to_camera = np.eye(4)
    to_camera[:3, 3] = -corners.mean(axis=0)
    to_camera[2, 3] += radius / math.sin(_ORBIT_HALF_ANGLE)
    f_px = _LONG_SIDE_PX / 2 / math.tan(_ORBIT_HALF_ANGLE)
    return replace(Camera.of_photo(_LONG_SIDE_PX, _LONG_SIDE_PX, f_px), world_to_camera=to_camera)
