from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.splats.reference import random_gaussians
from wheatstone.arrays import F64
from wheatstone.errors import BadOptionError
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.render import render
from wheatstone.splats.scene import Scene
from wheatstone.splats.transforms import transform, transform_scene


def similarity(seed: int = 0, scale: float = 1.0, shift: tuple[float, float, float] = (0, 0, 0)) -> F64:
    matrix = np.eye(4)
    matrix[:3, :3] = scale * Rotation.random(random_state=seed).as_matrix()
    matrix[:3, 3] = shift
    return matrix


def covariances(gaussians: Gaussians) -> F64:
    axes = Rotation.from_quat(gaussians.quaternions[:, [1, 2, 3, 0]]).as_matrix() * gaussians.scales[:, None, :]
    return np.asarray(axes @ axes.transpose(0, 2, 1))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100))
def test_means_and_covariances_are_moved_by_the_matrix(seed: int, scale: float) -> None:
    matrix, before = similarity(seed, scale, (1, -2, 3)), random_gaussians(20, seed=seed)
    after = transform(before, matrix)
    assert np.allclose(after.means, before.means @ matrix[:3, :3].T + matrix[:3, 3], rtol=1e-5, atol=1e-5 * scale)
    expected = matrix[:3, :3] @ covariances(before) @ matrix[:3, :3].T
    assert np.allclose(covariances(after), expected, rtol=1e-4, atol=1e-5 * expected.max())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.5, 4), degree=st.integers(0, 3))
def test_a_moved_scene_shows_its_camera_the_same_picture(seed: int, scale: float, degree: int) -> None:
    camera = Camera.of_photo(48, 40, 40.0).orbited(10, 20, 4.0)
    scene = Scene(random_gaussians(150, seed=seed, degree=degree), camera, "a label")
    moved = transform_scene(scene, similarity(seed, scale, (0.5, 3, -1)))
    assert moved.camera is not None
    before = render(scene.gaussians, camera, near_m=0.1)
    after = render(moved.gaussians, moved.camera, near_m=0.1 * scale)
    assert np.abs(before.color - after.color).mean() < 1e-4
    assert np.quantile(np.abs(before.color - after.color), 0.99) < 1e-3


def test_the_inverse_brings_everything_back() -> None:
    before = random_gaussians(50, degree=3)
    matrix = similarity(5, 2.0, (1, 2, 3))
    after = transform(transform(before, matrix), np.linalg.inv(matrix))
    assert np.allclose(after.means, before.means, atol=1e-5)
    assert np.allclose(after.scales, before.scales, rtol=1e-5)
    assert np.allclose(after.sh, before.sh, atol=1e-5)
    assert np.allclose(np.abs((after.quaternions * before.quaternions).sum(axis=1)), 1, atol=1e-5)


def test_the_identity_changes_nothing() -> None:
    before = random_gaussians(50)
    after = transform(before, np.eye(4))
    assert np.array_equal(after.means, before.means)
    assert np.array_equal(after.quaternions, before.quaternions)
    assert np.array_equal(after.sh, before.sh)


def test_results_are_valid() -> None:
    transform(random_gaussians(50, degree=2), similarity(1, 3.0)).validate()


def test_label_and_missing_camera_are_kept() -> None:
    moved = transform_scene(Scene(random_gaussians(3), None, "a label"), similarity())
    assert moved.camera is None
    assert moved.label == "a label"


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([-1.0, 1, 1, 1]),
        np.diag([1.0, 1, 2, 1]),
        np.diag([0.0, 0, 0, 1]),
        np.array([[1, 0.1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1.0]]),
        np.full((4, 4), np.nan),
        np.eye(3),
    ],
    ids=["mirror", "uneven", "flat", "shear", "projection", "nan", "3x3"],
)
def test_what_is_no_similarity_is_refused(matrix: F64) -> None:
    with pytest.raises(BadOptionError, match="transform"):
        transform(random_gaussians(3), matrix)
