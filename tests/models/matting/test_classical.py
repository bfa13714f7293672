from __future__ import annotations

import numpy as np
import pytest

from tests.models.photos import disc, photo, textured
from wheatstone.models.matting.classical import saliency

HEIGHT, WIDTH = 120, 160


@pytest.mark.parametrize(("row", "column"), [(0.5, 0.5), (0.45, 0.3), (0.6, 0.65)])
def test_a_blob_unlike_its_surroundings_is_found(row: float, column: float) -> None:
    blob = disc(HEIGHT, WIDTH, 28, row=row, column=column)
    busy = np.where(
        blob[..., None], textured(HEIGHT, WIDTH, (210, 60, 40), 20), textured(HEIGHT, WIDTH, (90, 120, 90), 25, 1)
    )
    found = saliency(busy) > 0.5
    assert (found & blob).sum() / (found | blob).sum() > 0.85


def test_the_cup_on_the_table_is_found() -> None:
    cup = photo("coffee.png")
    found = saliency(cup) > 0.5
    height, width = found.shape
    assert found[height // 2, width // 2]
    assert not found[:, : width // 20].any()
    assert not found[:, -width // 20 :].any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (8, 8), (3, 200)])
def test_tiny_and_thin_pictures_survive(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    found = saliency(noise)
    assert found.shape == shape
    assert found.min() >= 0
    assert found.max() <= 1


def test_noise_says_the_same_twice() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    assert np.array_equal(saliency(noise), saliency(noise))
