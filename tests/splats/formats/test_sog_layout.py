from __future__ import annotations

import numpy as np

from tests.splats.formats.scenes import heavy_tailed, photo_like
from wheatstone.splats.formats._sog_layout import Layout, choose_layout
from wheatstone.splats.formats._sog_values import quantise_means
from wheatstone.splats.gaussians import Gaussians


def layout_of(gaussians: Gaussians) -> Layout:
    return choose_layout(gaussians.means, quantise_means(gaussians.means)[0])


def test_picture_rows_become_image_rows() -> None:
    layout = layout_of(photo_like(48))
    assert layout.order is None
    assert (layout.width_px, layout.height_px) == (48, 96)


def test_a_masked_picture_keeps_its_order_in_a_square() -> None:
    gaussians = photo_like(48)
    layout = layout_of(gaussians.take(np.random.default_rng(0).random(len(gaussians)) < 0.8))
    assert layout.order is None
    assert layout.width_px % 4 == 0
    assert abs(layout.width_px - layout.height_px) <= 4


def test_a_scattered_scene_is_sorted_by_place() -> None:
    gaussians = heavy_tailed(5000)
    order = layout_of(gaussians).order
    assert order is not None
    assert np.array_equal(np.sort(order), np.arange(5000))
    steps = np.linalg.norm(np.diff(gaussians.means[order], axis=0), axis=1)
    assert np.median(steps) < np.median(np.linalg.norm(np.diff(gaussians.means, axis=0), axis=1)) / 3


def test_every_count_fits_its_image() -> None:
    for n in (1, 2, 3, 4, 5, 16, 17, 1000):
        layout = layout_of(heavy_tailed(n))
        image = layout.image(np.full((n, 3), 7, np.uint8))
        assert image.shape == (layout.height_px, layout.width_px, 3)
        assert image.sum() == 7 * 3 * n
