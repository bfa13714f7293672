from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.models.sharp.filled import GOLDENS
from tests.models.sharp.golden import covariances, relative_error
from wheatstone.arrays import AnyArray
from wheatstone.models.sharp.composer import Splats
from wheatstone.models.sharp.unproject import unproject


def splats_of(scales: AnyArray, quaternions: AnyArray) -> Splats:
    count = len(scales)
    return Splats(
        torch.zeros(3, count),
        torch.from_numpy(scales.astype(np.float32)).T,
        torch.from_numpy(quaternions.astype(np.float32)).T,
        torch.zeros(3, count),
        torch.zeros(count),
    )


def true_covariances(scales: AnyArray, quaternions: AnyArray, stretch: tuple[float, float, float]) -> AnyArray:
    before = covariances(
        torch.from_numpy(scales.astype(np.float32)).T, torch.from_numpy(quaternions.astype(np.float32)).T
    )
    factors = np.array(stretch)
    result: AnyArray = factors[:, None] * before * factors
    return result


def check_frames(result: Splats) -> None:
    lengths = result.quaternions.double().norm(dim=0)
    assert torch.all((lengths - 1).abs() < 1e-6)
    assert torch.all(result.scales[:-1] >= result.scales[1:])
    assert torch.isfinite(result.scales).all()


def test_the_golden_splats_become_upstreams() -> None:
    golden = np.load(GOLDENS / "unproject.npz")
    width, height, f_px = golden["W_H_f"]
    given = Splats(
        means=torch.from_numpy(golden["in.mean_vectors"]).T,
        scales=torch.from_numpy(golden["in.singular_values"]).T,
        quaternions=torch.from_numpy(golden["in.quaternions"]).T,
        colours=torch.from_numpy(golden["in.colors"]).T,
        opacities=torch.from_numpy(golden["in.opacities"]),
    )
    result = unproject(given, (width / 2 / f_px, height / 2 / f_px, 1.0))
    check_frames(result)
    assert np.abs(result.means.T.numpy() / golden["out.mean_vectors"] - 1).max() < 1e-5
    assert np.abs(result.scales[:2].T.numpy() / golden["out.singular_values"][:, :2] - 1).max() < 1e-4
    ours = covariances(result.scales, result.quaternions)
    assert relative_error(ours, golden["out.covariance_fp64"]).max() < 5e-6
    assert torch.equal(result.colours, given.colours)
    assert torch.equal(result.opacities, given.opacities)


@pytest.mark.parametrize(
    ("stretch", "limit"),
    [((0.6, 0.34, 1.0), 5e-6), ((1.0, 1.0, 1.0), 5e-6), ((5.0, 0.02, 1.0), 1e-4), ((0.02, 5.0, 1.0), 1e-4)],
    ids=["photo", "none", "panorama", "tower"],
)
@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_covariances_are_exact_to_float32(
    stretch: tuple[float, float, float], limit: float, spread: float
) -> None:
    """A stretch by 250 magnifies what float32 rounds off the rotation; no method could undo that."""
    rng = np.random.default_rng(0)
    scales = 10 ** rng.normal(-3, spread, (50_000, 3))
    quaternions = rng.normal(0, 1, (50_000, 4))
    result = unproject(splats_of(scales, quaternions), stretch)
    check_frames(result)
    errors = relative_error(
        covariances(result.scales, result.quaternions), true_covariances(scales, quaternions, stretch)
    )
    assert errors.max() < limit


def test_the_shortest_axis_keeps_its_digits() -> None:
    """Singular values of A R diag(s) in float64 are the truth; a covariance in float32 would lose the shortest."""
    rng = np.random.default_rng(1)
    scales = np.array([1.0, 1e-2, 1e-5]) * rng.uniform(0.5, 2, (2_000, 3))
    quaternions = rng.normal(0, 1, (2_000, 4))
    stretch = (0.6, 0.34, 1.0)
    result = unproject(splats_of(scales, quaternions), stretch)
    w, x, y, z = (quaternions.astype(np.float32) / np.linalg.norm(quaternions, axis=1, keepdims=True)).T
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    ).transpose(2, 0, 1)
    true = np.linalg.svd(np.array(stretch)[:, None] * rotation * scales[:, None], compute_uv=False)
    assert np.abs(result.scales.T.numpy() / true - 1).max() < 1e-4


@pytest.mark.parametrize(
    "scales",
    [
        (0, 0, 0),
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
        (1, 1, 0),
        (0, 1, 1),
        (1, 1, 1),
        (1e-30, 1e-38, 0),
        (1, 1e-20, 0),
    ],
)
@pytest.mark.parametrize("quaternion", [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (1, -1, 1, -1)])
def test_flat_and_empty_splats_get_a_frame(scales: tuple[float, ...], quaternion: tuple[float, ...]) -> None:
    result = unproject(splats_of(np.array([scales]), np.array([quaternion])), (0.6, 0.6, 1.0))
    check_frames(result)


def test_a_quaternion_of_no_length_gives_finite_splats() -> None:
    check_frames(unproject(splats_of(np.ones((1, 3)), np.zeros((1, 4))), (0.6, 0.6, 1.0)))


def test_chunks_leave_no_seam() -> None:
    rng = np.random.default_rng(2)
    scales, quaternions = rng.uniform(0.1, 1, (40_000, 3)), rng.normal(0, 1, (40_000, 4))
    whole = unproject(splats_of(scales, quaternions), (0.6, 0.4, 1.0))
    part = unproject(splats_of(scales[20_000:20_100], quaternions[20_000:20_100]), (0.6, 0.4, 1.0))
    assert torch.allclose(whole.scales[:, 20_000:20_100], part.scales, rtol=1e-6)


def test_no_splats_stay_none() -> None:
    assert unproject(splats_of(np.empty((0, 3)), np.empty((0, 4))), (1.0, 1.0, 1.0)).scales.shape == (3, 0)
