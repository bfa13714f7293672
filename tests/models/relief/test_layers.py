from __future__ import annotations

import numpy as np
import pytest

from tests.models.photos import disc, photo, sky_above_ground, textured
from wheatstone.arrays import F32, U8, AnyArray
from wheatstone.models.relief.depth import estimate_depth
from wheatstone.models.relief.layers import MARGIN, Layer, build_layers
from wheatstone.models.relief.sky import find_sky

HEIGHT, WIDTH = 120, 180
MARGIN_PX = round(MARGIN * WIDTH)
BALL = disc(HEIGHT, WIDTH, 30, row=0.55)
RED, GREEN = textured(HEIGHT, WIDTH, (210, 40, 30), 15), textured(HEIGHT, WIDTH, (60, 140, 70), 30)
RED_BALL = np.where(BALL[..., None], RED, GREEN)
SOFT_BALL = np.clip((33 - np.hypot(*(np.mgrid[:HEIGHT, :WIDTH] - [[[66]], [[90]]]))) / 6, 0, 1)
SOFT_RED_BALL = (SOFT_BALL[..., None] * RED + (1 - SOFT_BALL[..., None]) * GREEN).astype(np.uint8)


def layers_of(rgb: U8, matte: AnyArray, *, cut_out: bool = False, with_sky: bool = False) -> list[Layer]:
    alpha = matte.astype(np.float32)
    sky = find_sky(rgb, alpha) if with_sky else None
    assert (sky is not None) == with_sky
    return build_layers(rgb, alpha, sky, estimate_depth(rgb, alpha, sky), cut_out=cut_out)


def in_frame(array: AnyArray) -> AnyArray:
    """The part of a canvas that the photo shows."""
    margin = (array.shape[1] - WIDTH) // 2
    return array[margin : margin + HEIGHT, margin : margin + WIDTH]


def flattened(layers: list[Layer]) -> tuple[F32, F32]:
    """Colour (H, W, 3), 0 to 255, and coverage (H, W) of all layers laid on each other."""
    colour = np.zeros(layers[0].colour.shape, np.float32)
    coverage = np.zeros(layers[0].alpha.shape, np.float32)
    for layer in layers:
        colour = (1 - layer.alpha[..., None]) * colour + layer.alpha[..., None] * layer.colour
        coverage = 1 - (1 - coverage) * (1 - layer.alpha)
    return colour, coverage


def tower() -> U8:
    scene = sky_above_ground(HEIGHT, WIDTH, 0.6)
    scene[20:80, 60:75] = textured(60, 15, (150, 60, 50), 8)
    return scene


@pytest.mark.parametrize("with_sky", [False, True], ids=["indoors", "outdoors"])
def test_the_layers_cover_the_picture_and_a_margin_around_it(with_sky: bool) -> None:
    rgb = np.where(BALL[..., None], RED, tower() if with_sky else GREEN)
    layers = layers_of(rgb, BALL, with_sky=with_sky)
    for layer in layers:
        assert layer.colour.shape == (HEIGHT + 2 * MARGIN_PX, WIDTH + 2 * MARGIN_PX, 3)
        assert layer.alpha.shape == layer.disparity.shape == layer.fine.shape == layer.colour.shape[:2]
        assert layer.alpha.min() >= 0
        assert layer.alpha.max() <= 1
    assert flattened(layers)[1].min() > 0.98


@pytest.mark.parametrize("with_sky", [False, True], ids=["indoors", "outdoors"])
def test_without_the_object_the_picture_is_covered_all_the_same(with_sky: bool) -> None:
    rgb = np.where(BALL[..., None], RED, tower() if with_sky else GREEN)
    behind = layers_of(rgb, BALL, with_sky=with_sky)[:-1]
    assert flattened(behind)[1].min() > 0.98


@pytest.mark.parametrize("with_sky", [False, True], ids=["indoors", "outdoors"])
def test_laid_on_each_other_the_layers_give_the_photo_back(with_sky: bool) -> None:
    rgb = np.where(BALL[..., None], RED, tower() if with_sky else GREEN)
    colour, _ = flattened(layers_of(rgb, BALL, with_sky=with_sky))
    assert np.abs(in_frame(colour) - rgb).mean() < 4


def test_layers_come_back_to_front() -> None:
    sky, background, foreground = layers_of(np.where(BALL[..., None], RED, tower()), BALL, with_sky=True)
    assert sky.disparity.max() <= background.disparity.min() + 0.02
    assert np.all(foreground.disparity > background.disparity)


def test_nothing_of_the_object_is_left_behind_it() -> None:
    background, _ = layers_of(SOFT_RED_BALL, SOFT_BALL)
    hidden = in_frame(background.colour)[disc(HEIGHT, WIDTH, 34, row=0.55)].astype(int)
    assert (hidden[:, 0] > hidden[:, 1]).mean() < 0.02


def test_the_margin_looks_like_the_picture() -> None:
    (background,) = layers_of(GREEN, np.zeros((HEIGHT, WIDTH)))
    margin = np.ones(background.alpha.shape, np.bool_)
    in_frame(margin)[:] = False
    assert background.colour[margin].mean(axis=0) == pytest.approx(GREEN.mean(axis=(0, 1)), abs=12)
    assert background.colour[margin].std() > 0.5 * GREEN.std()


def test_the_sky_goes_on_behind_a_tower() -> None:
    sky, background = layers_of(tower(), np.zeros((HEIGHT, WIDTH)), with_sky=True)
    behind = in_frame(sky.colour)[30:60, 64:72].astype(float)
    beside = in_frame(sky.colour)[30:60, 100:108].astype(float)
    assert in_frame(sky.alpha)[30:60, 64:72].min() == 1
    assert np.abs(behind - beside).mean() < 12
    assert in_frame(background.alpha)[30:60, 64:72].min() > 0.9
    assert in_frame(background.alpha)[:50, 120:].max() < 0.1


def test_a_cut_out_is_only_its_object() -> None:
    (layer,) = layers_of(RED_BALL, BALL, cut_out=True)
    assert np.array_equal(in_frame(layer.alpha) > 0, BALL)
    in_frame(layer.alpha)[:] = 0
    assert not layer.alpha.any()


def test_the_object_brings_nothing_of_the_background_along() -> None:
    colour = in_frame(layers_of(SOFT_RED_BALL, SOFT_BALL)[-1].colour)[SOFT_BALL > 0.05].astype(int)
    assert (colour[:, 1] > colour[:, 0]).mean() < 0.02


def test_an_object_cut_by_the_frame_goes_on_a_little_beyond_it() -> None:
    cut = disc(HEIGHT, WIDTH, 40, row=0.5, column=0)
    layer = layers_of(np.where(cut[..., None], RED, GREEN), cut)[-1]
    row = layer.alpha[MARGIN_PX + HEIGHT // 2, :MARGIN_PX]
    assert np.all(np.diff(row) >= 0)
    assert row[0] == 0
    assert row[-1] > 0.9


@pytest.mark.parametrize("opacity", [0.55, 0.9])
def test_a_translucent_object_keeps_its_colours(opacity: float) -> None:
    (layer,) = layers_of(RED_BALL, opacity * BALL, cut_out=True)
    assert np.abs(in_frame(layer.colour)[BALL].astype(int) - RED[BALL]).mean() < 6


def test_a_thin_pole_keeps_its_colour() -> None:
    pole = np.zeros((HEIGHT, WIDTH), np.bool_)
    pole[10:110, 40:42] = True
    rgb = np.where(BALL[..., None], RED, np.where(pole[..., None], np.uint8(230), GREEN))
    colour = in_frame(layers_of(rgb, BALL | pole)[-1].colour)
    assert np.abs(colour[pole].astype(int) - 230).max() < 6


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (3, 3), (1, 90), (90, 1), (4, 600)])
@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_tiny_and_thin_pictures_have_layers(shape: tuple[int, int], share: float) -> None:
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (*shape, 3), np.uint8)
    matte = (random.random(shape) < share).astype(np.float32)
    layers = build_layers(rgb, matte, None, estimate_depth(rgb, matte, None), cut_out=False)
    assert flattened(layers)[1].min() > 0.98


def test_a_photo_is_covered_behind_its_object_and_beyond_its_frame() -> None:
    rgb = photo("coffee.png", 180)
    background, foreground = layers_of(rgb, disc(rgb.shape[0], rgb.shape[1], 40))
    assert background.alpha.min() == 1
    assert foreground.alpha.max() == 1
