from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.models.photos import disc, photo, textured
from wheatstone.arrays import F32, Mask
from wheatstone.models.matting import MatteSource, classical, estimate_matte

HEIGHT, WIDTH = 120, 160
INSIDE = disc(HEIGHT, WIDTH, 40)
ON_GREY = np.where(INSIDE[..., None], textured(HEIGHT, WIDTH, (200, 60, 40)), np.uint8(200))


def overlap(alpha: F32, mask: Mask) -> float:
    """Intersection over union of the matte, cut at a half, and the mask."""
    return float(((alpha > 0.5) & mask).sum() / ((alpha > 0.5) | mask).sum())


def test_the_pictures_own_alpha_comes_first() -> None:
    alpha = np.where(INSIDE, np.uint8(255), np.uint8(51))
    matte = estimate_matte(ON_GREY, alpha, Path("never opened"))
    assert matte.source is MatteSource.ALPHA
    assert matte.confidence == 1
    assert np.array_equal(matte.alpha, np.where(INSIDE, np.float32(1), np.float32(0.2)))


def test_an_alpha_that_is_opaque_everywhere_tells_nothing() -> None:
    matte = estimate_matte(ON_GREY, np.full((HEIGHT, WIDTH), 255, np.uint8), None)
    assert matte.source is MatteSource.PLAIN_BACKGROUND


def test_an_object_on_a_plain_background_is_cut_out_without_a_network() -> None:
    matte = estimate_matte(ON_GREY, None, Path("never opened"))
    assert matte.source is MatteSource.PLAIN_BACKGROUND
    assert matte.confidence == 1
    assert overlap(matte.alpha, INSIDE) > 0.97


def test_the_backgrounds_colour_inside_the_object_belongs_to_the_object() -> None:
    spotted = np.where(disc(HEIGHT, WIDTH, 15)[..., None], np.uint8(200), ON_GREY)
    assert overlap(estimate_matte(spotted, None, None).alpha, INSIDE) > 0.97


@pytest.mark.parametrize("value", [0, 90, 255])
def test_a_picture_of_one_colour_has_no_object(value: int) -> None:
    matte = estimate_matte(np.full((HEIGHT, WIDTH, 3), value, np.uint8), None, Path("never opened"))
    assert not matte.alpha.any()


def test_without_a_checkpoint_classical_cues_find_the_object() -> None:
    busy = np.where(
        INSIDE[..., None], np.array([220, 40, 30], np.uint8), textured(HEIGHT, WIDTH, (90, 120, 90), 20)
    )
    matte = estimate_matte(busy, None, None)
    assert matte.source is MatteSource.CLASSICAL
    assert matte.confidence < 1
    assert overlap(matte.alpha, INSIDE) > 0.9


def test_a_matte_over_nearly_the_whole_picture_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classical, "saliency", lambda rgb: np.ones(rgb.shape[:2], np.float32))
    matte = estimate_matte(photo("chelsea.png", 160), None, None)
    assert not matte.alpha.any()
    assert matte.confidence == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 2), (3, 200)])
@pytest.mark.parametrize("contrast", [0, 256])
def test_tiny_and_thin_pictures_have_a_matte_within_its_range(shape: tuple[int, int], contrast: int) -> None:
    noise = np.random.default_rng(0).integers(0, max(contrast, 1), (*shape, 3), np.uint8)
    matte = estimate_matte(noise, None, None)
    assert matte.alpha.shape == shape
    assert matte.alpha.dtype == np.float32
    assert matte.alpha.min() >= 0
    assert matte.alpha.max() <= 1


def test_a_screenshot_with_round_corners_is_no_cut_out() -> None:
    alpha = np.full((64, 64), 255, np.uint8)
    alpha[:3, :3] = alpha[:3, -3:] = 0
    assert estimate_matte(np.zeros((64, 64, 3), np.uint8), alpha, None).source is not MatteSource.ALPHA
