from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tests.splats.formats.scenes import unit
from wheatstone.arrays import F32, F64, U8
from wheatstone.splats.formats._sog_values import (
    STEPS,
    quantise_means,
    quantise_quaternions,
    restore_means,
    restore_quaternions,
)


def angles_deg(a: F32, b: F32) -> F64:
    between = np.abs(np.sum(a.astype(np.float64) * b, axis=1)).clip(0, 1)
    angles: F64 = np.degrees(2 * np.arccos(between))
    return angles


def there_and_back(means: F32) -> F32:
    steps, mins, maxs = quantise_means(means)
    low, high = (steps & 0xFF).astype(np.uint8), (steps >> 8).astype(np.uint8)
    return restore_means(low, high, mins, maxs)


def restored(packed: U8) -> F32:
    return restore_quaternions(packed[:, :3], packed[:, 3])


@settings(max_examples=60)
@given(npst.arrays(np.float32, (7, 3), elements=st.floats(-1e6, 1e6, width=32)))
def test_centres_come_back_within_half_a_step(means: F32) -> None:
    _, mins, maxs = quantise_means(means)
    back = there_and_back(means)
    logs, back_logs = (np.copysign(np.log1p(np.abs(v.astype(np.float64))), v) for v in (means, back))
    assert np.all(np.abs(back_logs - logs) <= (maxs - mins) / STEPS / 2 + 1e-6)


def test_a_flat_axis_comes_back_exactly() -> None:
    means = np.array([[0, 1.5, -2], [1, 1.5, -2]], np.float32)
    np.testing.assert_allclose(there_and_back(means), means, rtol=1e-6)


def test_any_rotation_comes_back_within_0_6_degrees() -> None:
    quaternions = unit(np.random.default_rng(0).normal(size=(20_000, 4)))
    back = restored(quantise_quaternions(quaternions))
    assert angles_deg(quaternions, back).max() < 0.6
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), 1, atol=1e-6)


def test_no_rotation_is_further_off_than_by_truncation() -> None:
    quaternions = unit(np.random.default_rng(1).normal(size=(5000, 4)))
    packed = quantise_quaternions(quaternions)
    largest = packed[:, 3].astype(int) - 252
    rows = np.arange(len(packed))
    upright = quaternions * np.sign(quaternions[rows, largest])[:, None]
    others = np.array([np.delete(q, c) for q, c in zip(upright, largest, strict=True)])
    truncated = packed.copy()
    truncated[:, :3] = np.floor(255 * (others * np.sqrt(2) * 0.5 + 0.5))
    ours = angles_deg(quaternions, restored(packed))
    assert np.all(ours <= angles_deg(quaternions, restored(truncated)) + 1e-3)


@pytest.mark.parametrize("quaternion", [*np.eye(4), *-np.eye(4), [0.5] * 4, [-0.5, 0.5, -0.5, 0.5]])
def test_special_rotations_come_back(quaternion: list[float]) -> None:
    quaternions = np.array([quaternion], np.float32)
    assert angles_deg(quaternions, restored(quantise_quaternions(quaternions)))[0] < 0.6


def test_an_unknown_tag_means_the_identity() -> None:
    packed = np.array([[1, 2, 3, 7]], np.uint8)
    assert restored(packed).tolist() == [[1, 0, 0, 0]]
