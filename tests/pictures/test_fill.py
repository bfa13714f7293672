from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheatstone.arrays import U8, Mask
from wheatstone.pictures.fill import fill_holes, unlikeness
from wheatstone.pictures.filters import pull_push

HEIGHT, WIDTH = 144, 192
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]


def coloured(bright: Mask) -> U8:
    """Orange where the mask is set, else dark blue."""
    return np.where(bright[..., None], np.array([240, 160, 40], np.uint8), np.array([20, 30, 90], np.uint8))


def block() -> Mask:
    """A hole in the middle."""
    hole = np.zeros((HEIGHT, WIDTH), np.bool_)
    hole[50:94, 70:122] = True
    return hole


def margin() -> Mask:
    """A hole along all four borders."""
    hole = np.ones((HEIGHT, WIDTH), np.bool_)
    hole[20:-20, 20:-20] = False
    return hole


STRIPES = coloured(COLUMNS // 8 % 2 == 0)
SLANTED = coloured((COLUMNS + ROWS) // 8 % 2 == 0)
CHECKERS = coloured((COLUMNS // 12 + ROWS // 12) % 2 == 0)


@pytest.mark.parametrize("hole", [block(), margin()], ids=["block", "margin"])
@pytest.mark.parametrize("picture", [STRIPES, SLANTED, CHECKERS], ids=["stripes", "slanted", "checkers"])
def test_texture_goes_on_into_a_hole_where_a_smooth_fill_blurs_it(picture: U8, hole: Mask) -> None:
    def error(filled: np.ndarray) -> float:
        return float(np.abs(filled[hole].astype(float) - picture[hole]).mean())

    assert error(fill_holes(picture, hole)) < 0.5 * error(pull_push(picture, ~hole))


def test_what_is_filled_has_the_contrast_of_the_rest() -> None:
    hole = block()
    filled = fill_holes(CHECKERS, hole)
    assert filled[hole][:, 0].std() > 0.7 * CHECKERS[..., 0].std()


def test_pixels_outside_the_hole_stay_as_they_are() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    hole = np.random.default_rng(1).random((HEIGHT, WIDTH)) < 0.3
    assert np.array_equal(fill_holes(noise, hole)[~hole], noise[~hole])


def test_the_values_in_the_hole_do_not_matter() -> None:
    hole = block()
    scribbled = np.where(hole[..., None], np.uint8(255), CHECKERS)
    assert np.array_equal(fill_holes(scribbled, hole)[hole], fill_holes(CHECKERS, hole)[hole])


def test_a_picture_without_a_hole_comes_back_unchanged() -> None:
    assert np.array_equal(fill_holes(STRIPES, np.zeros((HEIGHT, WIDTH), np.bool_)), STRIPES)


def test_a_picture_that_is_all_hole_comes_back_unchanged() -> None:
    assert np.array_equal(fill_holes(STRIPES, np.ones((HEIGHT, WIDTH), np.bool_)), STRIPES)


def test_nothing_is_taken_from_outside_the_sources() -> None:
    left = COLUMNS < 100
    picture = np.where(left[..., None], np.array([0, 255, 0], np.uint8), CHECKERS)
    hole = block()  # half of it is left
    filled = fill_holes(picture, hole, ~left)
    green = filled[..., 1].astype(int) > filled[..., [0, 2]].max(axis=2)
    inner = cv2.erode(hole.astype(np.uint8), np.ones((31, 31))) > 0  # beyond what green beside the hole tints
    assert inner.any()
    assert not green[inner].any()


def test_further_channels_are_filled_along_with_the_colours() -> None:
    bright = (COLUMNS // 12 + ROWS // 12) % 2 == 0
    hole = block()
    filled = fill_holes(np.dstack([coloured(bright), np.where(bright, np.uint8(255), np.uint8(0))]), hole)
    orange, cover = filled[hole][:, 0].astype(float), filled[hole][:, 3].astype(float)
    assert filled.shape == (HEIGHT, WIDTH, 4)
    assert np.corrcoef(orange, cover)[0, 1] > 0.99


@pytest.mark.parametrize("hole", [block(), margin()], ids=["block", "margin"])
def test_no_seam_shows_where_a_smooth_picture_meets_its_fill(hole: Mask) -> None:
    ramps = np.dstack([COLUMNS * 255 // WIDTH, ROWS * 255 // HEIGHT, 0 * ROWS + 90]).astype(np.uint8)
    steps = np.abs(np.diff(fill_holes(ramps, hole).astype(int), axis=1)).max(axis=2)
    at_the_rim = hole[:, 1:] != hole[:, :-1]
    assert steps[at_the_rim].mean() < 4


@pytest.mark.parametrize("value", [0, 255])
def test_a_plain_colour_is_filled_with_itself(value: int) -> None:
    plain = np.full((HEIGHT, WIDTH, 3), value, np.uint8)
    assert np.array_equal(fill_holes(plain, block()), plain)


def test_the_same_picture_is_filled_the_same_way_twice() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    assert np.array_equal(fill_holes(noise, block()), fill_holes(noise, block()))


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=40)
def test_tiny_pictures_are_filled(height: int, width: int, seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (height, width, 3), np.uint8)
    hole = random.random((height, width)) < share
    filled = fill_holes(picture, hole)
    assert filled.shape == picture.shape
    assert filled.dtype == np.uint8
    assert np.array_equal(filled[~hole], picture[~hole])


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (3, 500), (120, 9)])
def test_long_and_thin_pictures_are_filled(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    hole = np.zeros(shape, np.bool_)
    hole[shape[0] // 3 : shape[0] // 2 + 1, shape[1] // 3 : shape[1] // 2 + 1] = True
    assert np.array_equal(fill_holes(picture, hole)[~hole], picture[~hole])


def test_texture_comes_from_where_the_guide_is_alike() -> None:
    """Checks on the left, stripes on the right; the hole between is told which it is."""
    rows, columns = np.indices((160, 200))
    checks, stripes = (rows // 4 + columns // 4) % 2 == 0, rows // 4 % 2 == 0
    picture = coloured(np.where(columns < 100, checks, stripes))
    hole = np.zeros((160, 200), np.bool_)
    hole[40:120, 70:130] = True
    for told, variation in ((0, "across"), (200, "none")):
        guide = np.where(columns < 100, 0, 200).astype(np.float32)
        guide[hole] = told
        filled = fill_holes(picture, hole, guide=guide).astype(float)
        across = np.abs(np.diff(filled[60:100, 80:120], axis=1)).mean()
        assert (across > 8) == (variation == "across")


def test_a_patch_unlike_all_others_is_told_apart() -> None:
    rows, columns = np.indices((120, 120))
    image = np.where((rows // 5 + columns // 5) % 2 == 0, 40, 90).astype(np.float32)[..., None]
    image[50:62, 50:62] = 200
    where = np.zeros((120, 120), np.bool_)
    where[30:90, 30:90] = True
    unlike = unlikeness(image, where, ~where)
    assert unlike[56, 56] > 60
    assert np.median(unlike[where]) < 5
    assert unlike[~where].max() == 0


def test_without_sources_nothing_is_unlike() -> None:
    everywhere = np.ones((40, 40), np.bool_)
    assert unlikeness(np.zeros((40, 40, 3), np.float32), everywhere, ~everywhere).max() == 0
