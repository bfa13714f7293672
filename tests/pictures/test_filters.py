from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheatstone.pictures.filters import gaussian, guided_filter, pull_push, sharpness

SHAPES = st.tuples(st.integers(1, 20), st.integers(1, 20))
RANDOM = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@given(RANDOM, SHAPES, st.integers(1, 12), st.floats(-1, 1))
@settings(max_examples=50)
def test_a_guided_filter_keeps_a_constant_whatever_the_guide(
    random: np.random.Generator, shape: tuple[int, int], radius_px: int, value: float
) -> None:
    filtered = guided_filter(random.random((*shape, 3)), np.full(shape, value), radius_px, 1e-4)
    assert filtered == pytest.approx(value, abs=1e-5)


def test_a_guided_filter_smooths_noise_but_not_across_an_edge_of_the_guide() -> None:
    step = np.zeros((40, 60))
    step[:, 30:] = 1
    noisy = step + np.random.default_rng(0).normal(0, 0.2, step.shape)
    filtered = guided_filter(np.repeat(step[..., None], 3, axis=2), noisy, 6, 1e-3)
    assert np.abs(filtered - step).mean() < 0.05
    assert np.all(filtered[:, 30] - filtered[:, 29] > 0.8)


def test_a_guided_filter_blurs_an_edge_that_the_guide_does_not_have() -> None:
    step = np.zeros((40, 60))
    step[:, 30:] = 1
    filtered = guided_filter(np.full((40, 60, 3), 0.5), step, 6, 1e-3)
    assert np.all(filtered[:, 30] - filtered[:, 29] < 0.2)


@given(RANDOM, SHAPES, st.sampled_from([(), (1,), (3,)]))
@settings(max_examples=50)
def test_pull_push_keeps_what_is_known_and_invents_nothing_brighter_or_darker(
    random: np.random.Generator, shape: tuple[int, int], channels: tuple[int, ...]
) -> None:
    values = random.random((*shape, *channels)).astype(np.float32)
    known = random.random(shape) < 0.3
    known[random.integers(shape[0]), random.integers(shape[1])] = True
    filled = pull_push(values, known)
    assert filled.shape == values.shape
    assert np.array_equal(filled[known], values[known])
    assert filled.min() >= values[known].min() - 1e-5
    assert filled.max() <= values[known].max() + 1e-5


@given(RANDOM, SHAPES, st.floats(1e-6, 1))
@settings(max_examples=50)
def test_pull_push_keeps_a_constant_however_little_it_weighs(
    random: np.random.Generator, shape: tuple[int, int], heaviest: float
) -> None:
    filled = pull_push(np.full(shape, 200.0), heaviest * random.uniform(0.1, 1, shape))
    assert filled == pytest.approx(200, rel=1e-4)


def test_a_single_known_pixel_fills_a_large_picture() -> None:
    known = np.zeros((1000, 1500), np.bool_)
    known[7, 1400] = True
    assert np.allclose(pull_push(np.full(known.shape, 200.0), known), 200, rtol=1e-4)


def test_pull_push_goes_smoothly_from_one_side_of_a_hole_to_the_other() -> None:
    ramp = np.repeat(np.linspace(0, 1, 65)[None], 33, axis=0)
    known = np.ones(ramp.shape, np.bool_)
    known[:, 20:45] = False
    filled = pull_push(ramp, known)
    assert np.abs(filled - ramp).max() < 0.25
    assert np.abs(np.diff(filled, axis=1)).max() < 0.1


def test_pull_push_without_anything_known_gives_zero() -> None:
    assert not pull_push(np.ones((5, 9, 3)), np.zeros((5, 9))).any()


def test_sharpness_tells_the_focused_side_from_the_blurred() -> None:
    texture = np.random.default_rng(0).random((80, 120)).astype(np.float32)
    half_blurred = np.where(np.arange(120) < 60, texture, gaussian(texture, 3))
    level = sharpness(half_blurred)
    assert level.min() >= 0
    assert level.max() <= 1
    assert level[:, :50].mean() > 5 * level[:, 70:].mean()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 3)])
def test_sharpness_survives_tiny_and_flat_pictures(shape: tuple[int, int]) -> None:
    assert np.isfinite(sharpness(np.zeros(shape, np.float32))).all()
