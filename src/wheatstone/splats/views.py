"""Where to look at a scene from."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

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
    if scene.camera is not None:
        return scene.camera
    return _photo_camera(scene.gaussians) or _outside_camera(scene.gaussians)


def median_depth_m(gaussians: Gaussians, camera: Camera) -> float:
    """Median depth of what lies in front of the camera, in metres: where to pivot. 1 when nothing does."""
    depths = camera.points_seen(gaussians.means)[:, 2]
    ahead = depths[depths > 0]
    return float(np.median(ahead)) if len(ahead) else 1.0


def _photo_camera(gaussians: Gaussians) -> Camera | None:
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
