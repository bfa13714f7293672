"""Moving, turning and scaling scenes: similarity transforms, which keep Gaussians Gaussian."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from wheatstone.arrays import F64, AnyArray
from wheatstone.errors import BadOptionError
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Scene
from wheatstone.splats.sh import rotation_of_coefficients

_TOLERANCE = 1e-4


def transform(gaussians: Gaussians, similarity: AnyArray) -> Gaussians:
    """The Gaussians after a similarity transform, view-dependent colours turned along.

    Args:
        gaussians: what to move.
        similarity: (4, 4) matrix of a rotation, a uniform positive scale and a translation in metres:
            new = similarity @ old.

    Raises:
        BadOptionError: the matrix mirrors, shears, projects or scales unevenly.
    """
    scale, turn, shift = _parts(similarity)
    x, y, z, w = Rotation.from_matrix(turn).as_quat()
    times = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])  # q -> (w, x, y, z) q
    sh = rotation_of_coefficients(turn, gaussians.sh_degree).astype(np.float32)
    return Gaussians(
        means=(gaussians.means @ (scale * turn).T + shift).astype(np.float32),
        scales=gaussians.scales * np.float32(scale),
        quaternions=(gaussians.quaternions @ times.T).astype(np.float32),
        opacities=gaussians.opacities,
        sh=sh @ gaussians.sh,
    )


def transform_scene(scene: Scene, similarity: AnyArray) -> Scene:
    """The scene after a similarity transform, its camera moved along: it still sees the same picture.

    Args:
        scene: what to move.
        similarity: as for `transform`.

    Raises:
        BadOptionError: as for `transform`.
    """
    moved = transform(scene.gaussians, similarity)
    if scene.camera is None:
        return replace(scene, gaussians=moved)
    scale, turn, shift = _parts(similarity)
    to_camera = scene.camera.world_to_camera.copy()
    to_camera[:3, :3] = to_camera[:3, :3] @ turn.T
    to_camera[:3, 3] = scale * to_camera[:3, 3] - to_camera[:3, :3] @ shift
    return replace(scene, gaussians=moved, camera=replace(scene.camera, world_to_camera=to_camera))


def _parts(similarity: AnyArray) -> tuple[float, F64, F64]:
    """Scale, (3, 3) rotation and (3,) translation of a similarity matrix."""
    matrix = np.asarray(similarity, np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise BadOptionError("A transform must be a 4x4 matrix of finite numbers.")
    scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
    if scale <= 0:
        raise BadOptionError("A transform must keep its size and its handedness; this one mirrors or flattens.")
    turn = matrix[:3, :3] / scale
    uneven = np.abs(turn.T @ turn - np.eye(3)).max()
    if uneven > _TOLERANCE or np.abs(matrix[3] - [0, 0, 0, 1]).max() > _TOLERANCE:
        raise BadOptionError("A transform may only turn, move and scale evenly; this one distorts.")
    return scale, turn, matrix[:3, 3]
