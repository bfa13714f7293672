from __future__ import annotations

import numpy as np

from wheatstone.splats.formats._palette import build_palette


def test_a_few_different_harmonics_are_found_exactly() -> None:
    rng = np.random.default_rng(0)
    different = rng.normal(size=(5, 3, 3)).astype(np.float32)
    entries = rng.integers(0, 5, 1000)
    palette, labels = build_palette(different[entries])
    assert len(palette) == 5
    np.testing.assert_allclose(palette[labels], different[entries], atol=1e-6)


def test_a_palette_has_at_most_a_power_of_two_entries() -> None:
    harmonics = np.random.default_rng(0).normal(size=(3000, 3, 3)).astype(np.float32)
    palette, labels = build_palette(harmonics)
    assert palette.shape == (2048, 3, 3)
    assert np.array_equal(np.unique(labels), np.arange(2048))
    error = np.sqrt(np.mean((palette[labels] - harmonics) ** 2))
    assert error < 0.4  # 1 without a palette


def test_the_largest_palette_has_65536_entries() -> None:
    harmonics = np.random.default_rng(0).normal(size=(140_000, 3, 3)).astype(np.float32)
    palette, labels = build_palette(harmonics)
    assert len(palette) == 65_536
    assert labels.max() == 65_535


def test_harmonics_that_are_all_equal_give_one_entry() -> None:
    palette, labels = build_palette(np.full((100, 8, 3), 0.25, np.float32))
    assert np.array_equal(palette, np.full((1, 8, 3), 0.25))
    assert not labels.any()


def test_a_single_gaussian_is_its_palette() -> None:
    palette, labels = build_palette(np.ones((1, 15, 3), np.float32))
    assert np.array_equal(palette, np.ones((1, 15, 3)))
    assert labels.tolist() == [0]
