from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from wheatstone.arrays import F32
from wheatstone.splats.formats import _codebook as codebooks

RNG = np.random.default_rng(0)
SAMPLES = {
    "normal": RNG.normal(size=30_000),
    "uniform": RNG.uniform(size=30_000),
    "heavy-tailed": RNG.standard_t(2, 30_000),
    "with outliers": np.concatenate([RNG.normal(size=30_000), [-500.0, 300.0]]),
    "two humps": np.concatenate([RNG.normal(-8, 0.3, 20_000), RNG.normal(-4, 0.3, 20_000)]),
    "mostly one value": np.concatenate([np.full(30_000, 0.5), RNG.uniform(size=400)]),
    "few": RNG.normal(size=300),
}


def errors(codebook: F32, values: F32) -> tuple[float, float]:
    distances = np.abs(values.astype(np.float64) - codebook[codebooks.nearest(codebook, values)])
    return float(np.sqrt(np.mean(distances**2))), float(distances.max())


@pytest.mark.parametrize("name", SAMPLES)
def test_both_errors_are_smaller_than_the_yardsticks(name: str) -> None:
    values = SAMPLES[name].astype(np.float32)
    codebook = codebooks.build_codebook(values)
    rms, largest = errors(codebook, values)
    yard_rms, yard_largest = errors(codebooks._yardstick(codebooks._Sorted.of(values), 256), values)
    assert len(codebook) <= 256
    assert rms < yard_rms
    assert largest < yard_largest


@settings(max_examples=50)
@given(npst.arrays(np.float32, st.integers(1, 40), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_a_few_values_are_kept_exactly(values: F32) -> None:
    assert errors(codebooks.build_codebook(values), values) == (0, 0)


@settings(max_examples=30, deadline=None)
@given(npst.arrays(np.float32, 300, elements=st.floats(-100, 100, width=32)), st.integers(2, 20))
def test_a_codebook_is_ascending_and_inside_the_values(values: F32, size: int) -> None:
    codebook = codebooks.build_codebook(values, size)
    assert 1 <= len(codebook) <= size
    assert np.all(np.diff(codebook) >= 0)
    assert values.min() - 1e-4 <= codebook[0]
    assert codebook[-1] <= values.max() + 1e-4


def test_no_error_exceeds_the_bound_and_an_impossible_bound_gives_nothing() -> None:
    ordered = codebooks._Sorted.of(SAMPLES["normal"])
    histogram = codebooks._histogram(ordered, 4096, blend=0.5)
    codebook = codebooks._optimal(histogram, 256, 0.03)
    assert codebooks._errors(codebook, ordered)[1] <= 0.03 + 1e-6
    assert len(codebooks._optimal(histogram, 256, 0.001)) == 0


def test_the_partition_is_the_best_of_all() -> None:
    values = np.array([0.0, 0.1, 0.3, 2.0, 2.2, 5.0, 5.1, 5.2, 9.0])
    histogram = codebooks._histogram(codebooks._Sorted.of(values), 4096, blend=0.0)
    codebook = codebooks._optimal(histogram, 4, np.inf)
    np.testing.assert_allclose(codebook, [0.4 / 3, 2.1, 5.1, 9.0], rtol=1e-6)


def test_nearest_keeps_the_shape() -> None:
    values = np.array([[0.1, 0.9], [0.6, -7]], np.float32)
    assert codebooks.nearest(np.array([0, 1], np.float32), values).tolist() == [[0, 1], [1, 0]]
