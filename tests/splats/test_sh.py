from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tests.splats.reference import reference_basis
from wheatstone.arrays import F64
from wheatstone.splats.gaussians import SH_C0
from wheatstone.splats.sh import basis_at, rotation_of_coefficients


def directions(count: int) -> F64:
    vectors = np.random.default_rng(0).normal(size=(count, 3))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_the_basis_is_that_of_3d_gaussian_splatting() -> None:
    assert np.allclose(basis_at(directions(50), 3), reference_basis(directions(50)), atol=1e-14)


def test_lower_degrees_are_the_first_functions() -> None:
    whole = basis_at(directions(9), 3)
    for degree in range(3):
        assert np.array_equal(basis_at(directions(9), degree), whole[:, : (degree + 1) ** 2])


def test_the_basis_is_orthonormal_over_the_sphere() -> None:
    heights, weights = np.polynomial.legendre.leggauss(8)
    angles = np.arange(16) * math.pi / 8
    radii = np.sqrt(1 - heights**2)
    grid = np.stack(
        [np.outer(radii, np.cos(angles)), np.outer(radii, np.sin(angles)), np.outer(heights, np.ones(16))], axis=-1
    ).reshape(-1, 3)
    basis = basis_at(grid, 3)
    assert np.allclose(basis.T @ (basis * (weights.repeat(16) * math.pi / 8)[:, None]), np.eye(16), atol=1e-12)


def test_the_constant_is_the_one_of_gaussians() -> None:
    assert basis_at(directions(1), 0)[0, 0] == pytest.approx(SH_C0, rel=1e-15)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), degree=st.integers(0, 3))
def test_turned_coefficients_show_the_turned_function(seed: int, degree: int) -> None:
    turn = Rotation.random(random_state=seed).as_matrix()
    coefficients = np.random.default_rng(seed).normal(size=(degree + 1) ** 2)
    turned = rotation_of_coefficients(turn, degree) @ coefficients
    before = basis_at(directions(20), degree) @ coefficients
    after = basis_at(directions(20) @ turn.T, degree) @ turned
    assert np.allclose(before, after, atol=1e-12)


def test_a_turn_keeps_the_length_of_coefficients() -> None:
    matrix = rotation_of_coefficients(Rotation.from_euler("xyz", [0.3, 1.2, -2]).as_matrix(), 3)
    assert np.allclose(matrix @ matrix.T, np.eye(16), atol=1e-12)
