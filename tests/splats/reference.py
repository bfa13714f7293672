"""A slow, plain float64 renderer to check the fast one against, and scenes to try both on."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from wheatstone.arrays import F32, F64
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians


def f32(values: object) -> F32:
    return np.array(values, np.float32)


def random_gaussians(
    n: int, *, seed: int = 0, degree: int = 0, sigma_m: float = 0.1, spread: float = 0.6, opacity: float = 0.7
) -> Gaussians:
    """Gaussians scattered 2 to 6 metres in front of the origin."""
    rng = np.random.default_rng(seed)
    quaternions = rng.normal(size=(n, 4))
    sh = rng.normal(0, 0.3, (n, (degree + 1) ** 2, 3))
    sh[:, 0] = rng.uniform(-1.5, 1.5, (n, 3))
    return Gaussians(
        rng.uniform([-1.5, -1.5, 2], [1.5, 1.5, 6], (n, 3)).astype(np.float32),
        (sigma_m * np.exp(rng.normal(0, spread, (n, 3)))).astype(np.float32),
        (quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)).astype(np.float32),
        np.clip(rng.normal(opacity, 0.2, n), 0.0, 1.0).astype(np.float32),
        sh.astype(np.float32),
    )


def reference_basis(directions: F64) -> F64:
    """The 16 basis functions at (M, 3) unit directions, with the constants printed in the 3DGS code."""
    x, y, z = directions.T
    return np.stack(
        [
            0.28209479177387814 * np.ones_like(x),
            -0.4886025119029199 * y,
            0.4886025119029199 * z,
            -0.4886025119029199 * x,
            1.0925484305920792 * x * y,
            -1.0925484305920792 * y * z,
            0.31539156525252005 * (2 * z * z - x * x - y * y),
            -1.0925484305920792 * x * z,
            0.5462742152960396 * (x * x - y * y),
            -0.5900435899266435 * y * (3 * x * x - y * y),
            2.890611442640554 * x * y * z,
            -0.4570457994644658 * y * (4 * z * z - x * x - y * y),
            0.3731763325901154 * z * (2 * z * z - 3 * x * x - 3 * y * y),
            -0.4570457994644658 * x * (4 * z * z - x * x - y * y),
            1.445305721320277 * z * (x * x - y * y),
            -0.5900435899266435 * x * (x * x - 3 * y * y),
        ],
        axis=1,
    )


def reference_render(
    gaussians: Gaussians,
    camera: Camera,
    *,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    near_m: float = 0.1,
    low_pass_px2: float = 0.3,
    antialiased: bool = False,
) -> tuple[F64, F64, F64]:
    """Colour (H, W, 3), alpha (H, W) and depth (H, W), every Gaussian against every pixel."""
    turn, shift = camera.world_to_camera[:3, :3], camera.world_to_camera[:3, 3]
    means = gaussians.means.astype(np.float64)
    seen = means @ turn.T + shift
    axes = Rotation.from_quat(gaussians.quaternions[:, [1, 2, 3, 0]].astype(np.float64)).as_matrix()
    half_axes = turn @ axes * gaussians.scales[:, None, :].astype(np.float64)
    covariances = half_axes @ half_axes.transpose(0, 2, 1)
    directions = means + turn.T @ shift
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    basis = reference_basis(directions)[:, : gaussians.sh.shape[1]]
    colors = np.maximum(0.5 + np.einsum("nk,nkc->nc", basis, gaussians.sh.astype(np.float64)), 0)

    columns, rows = np.meshgrid(np.arange(camera.width_px) + 0.5, np.arange(camera.height_px) + 0.5)
    margin_x, margin_y = 0.15 * camera.width_px / camera.fx_px, 0.15 * camera.height_px / camera.fy_px
    low_x, high_x = -camera.cx_px / camera.fx_px, (camera.width_px - camera.cx_px) / camera.fx_px
    low_y, high_y = -camera.cy_px / camera.fy_px, (camera.height_px - camera.cy_px) / camera.fy_px
    passing = np.ones_like(columns)
    color = np.zeros((*columns.shape, 3))
    depth = np.zeros_like(columns)
    for i in np.argsort(seen[:, 2].astype(np.float32), kind="stable"):
        x, y, z = seen[i]
        if z <= near_m:
            continue
        held_x = np.clip(x / z, low_x - margin_x, high_x + margin_x)
        held_y = np.clip(y / z, low_y - margin_y, high_y + margin_y)
        jacobian = np.array(
            [[camera.fx_px / z, 0, -camera.fx_px * held_x / z], [0, camera.fy_px / z, -camera.fy_px * held_y / z]]
        )
        covariance = jacobian @ covariances[i] @ jacobian.T
        blurred = covariance + low_pass_px2 * np.eye(2)
        opacity = float(gaussians.opacities[i])
        if antialiased:
            opacity *= np.sqrt(max(np.linalg.det(covariance), 0) / np.linalg.det(blurred))
        (a, b), (_, c) = np.linalg.inv(blurred)
        dx = columns - (camera.fx_px * x / z + camera.cx_px)
        dy = rows - (camera.fy_px * y / z + camera.cy_px)
        alpha = np.minimum(opacity * np.exp(-0.5 * (a * dx * dx + c * dy * dy) - b * dx * dy), 0.99)
        weight = np.where((alpha >= 1 / 255) & (passing >= 1e-4), alpha * passing, 0)
        passing -= weight
        color += weight[..., None] * colors[i]
        depth += weight * z
    covered = 1 - passing
    mean_depth = np.divide(depth, covered, out=np.full_like(depth, np.inf), where=covered > 0)
    return color + passing[..., None] * np.asarray(background), covered, mean_depth
