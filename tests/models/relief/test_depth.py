from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.photos import disc, photo, sky_above_ground, textured
from wheatstone.arrays import F32, U8
from wheatstone.models.relief.depth import Depth, estimate_depth
from wheatstone.models.relief.horizon import HorizonSource
from wheatstone.models.relief.sky import Sky, find_sky

HEIGHT, WIDTH = 160, 240
NOTHING = np.zeros((HEIGHT, WIDTH), np.float32)


def blobs(random: np.random.Generator, height: int, width: int) -> F32:
    """A matte of several parts anywhere, also at the border."""
    noise = cv2.GaussianBlur(random.random((height, width)), (0, 0), float(random.uniform(2, 9)))
    matte: F32 = (noise > np.quantile(noise, random.uniform(0.5, 0.95))).astype(np.float32)
    return matte


def blotches(random: np.random.Generator, height: int, width: int) -> U8:
    few = random.integers(0, 256, (*random.integers(1, 16, 2), 3), np.uint8)
    spread: U8 = cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR)
    return spread


def assert_sound(depth: Depth) -> None:
    for disparity in (depth.background, depth.foreground):
        assert disparity.dtype == np.float32
        assert disparity.min() >= 0
        assert disparity.max() <= 1
    if depth.has_foreground:
        assert (depth.foreground - depth.background).min() > 0


@given(st.integers(0, 2**32 - 1), st.integers(8, 160), st.integers(8, 160))
@settings(max_examples=25, deadline=None)
def test_the_object_is_always_nearer_than_what_is_behind_it(seed: int, height: int, width: int) -> None:
    random = np.random.default_rng(seed)
    assert_sound(estimate_depth(blotches(random, height, width), blobs(random, height, width), None))


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg"])
def test_photos_have_sound_depths_with_and_without_a_sky(name: str) -> None:
    rgb = photo(name, 240)
    matte = disc(rgb.shape[0], rgb.shape[1], 60).astype(np.float32)
    for sky in (None, find_sky(rgb, matte)):
        depth = estimate_depth(rgb, matte, sky)
        assert depth.has_foreground
        assert depth.background.shape == rgb.shape[:2]
        assert_sound(depth)


def test_the_ground_comes_nearer_downwards() -> None:
    depth = estimate_depth(textured(HEIGHT, WIDTH, (110, 100, 80), 10), NOTHING, None)
    rows = depth.background.mean(axis=1)
    below = round(depth.horizon.row * HEIGHT) + 10
    assert np.all(np.diff(rows[below::8]) > 0)
    assert rows[-1] > rows[0] + 0.3


def test_the_ground_comes_nearer_downwards_also_behind_the_object() -> None:
    matte = disc(HEIGHT, WIDTH, 40, row=0.6).astype(np.float32)
    depth = estimate_depth(textured(HEIGHT, WIDTH, (110, 100, 80), 10), matte, None)
    behind = depth.background[:, WIDTH // 2]
    assert behind[130] > behind[70] + 0.1


def test_without_an_object_there_is_only_a_background() -> None:
    depth = estimate_depth(textured(HEIGHT, WIDTH, (110, 100, 80)), NOTHING, None)
    assert not depth.has_foreground


def test_a_speck_is_no_object() -> None:
    speck = NOTHING.copy()
    speck[80:84, 100:104] = 1
    assert not estimate_depth(textured(HEIGHT, WIDTH, (110, 100, 80)), speck, None).has_foreground


def test_an_object_stands_the_nearer_the_lower_its_foot_is() -> None:
    rgb = textured(HEIGHT, WIDTH, (110, 100, 80), 10)
    high, low = disc(HEIGHT, WIDTH, 20, row=0.4, column=0.25), disc(HEIGHT, WIDTH, 20, row=0.8, column=0.75)
    depth = estimate_depth(rgb, (high | low).astype(np.float32), None)
    assert depth.foreground[low].mean() > depth.foreground[high].mean() + 0.1


def test_an_object_is_round_its_middle_nearer_than_its_rim() -> None:
    ball = disc(HEIGHT, WIDTH, 40)
    rim = ball & ~disc(HEIGHT, WIDTH, 35)
    depth = estimate_depth(
        np.where(ball[..., None], np.uint8(200), textured(HEIGHT, WIDTH, (60, 70, 40))),
        ball.astype(np.float32),
        None,
    )
    assert depth.foreground[HEIGHT // 2, WIDTH // 2] > depth.foreground[rim].mean() + 0.03


def test_an_object_is_cut_out_only_where_the_picture_shows_an_edge() -> None:
    ball = disc(HEIGHT, WIDTH, 40)
    rgb = textured(HEIGHT, WIDTH, (120, 110, 90), 40)
    rgb[35:125] = (120, 110, 90)
    rgb[ball & (np.arange(WIDTH) < WIDTH // 2)] = (220, 50, 30)
    depth = estimate_depth(rgb, ball.astype(np.float32), None)
    gap = (depth.foreground - depth.background)[HEIGHT // 2]
    left, right = WIDTH // 2 - 40, WIDTH // 2 + 39
    assert gap[right] < 0.5 * gap[left]


def tower_before_the_sky() -> tuple[U8, Sky]:
    scene = sky_above_ground(HEIGHT, WIDTH, 0.6)
    scene[25:117, 100:125] = textured(92, 25, (150, 60, 50), 8)
    sky = find_sky(scene, NOTHING)
    assert sky is not None
    return scene, sky


def test_an_upright_that_crosses_the_horizon_does_not_bend() -> None:
    scene, sky = tower_before_the_sky()
    depth = estimate_depth(scene, NOTHING, sky)
    assert depth.horizon.source is HorizonSource.SKY
    tower, ground = depth.background[30:115, 112], depth.background[107:117, 30]
    assert np.ptp(tower) < 0.03
    assert tower.mean() == pytest.approx(float(ground.mean()), rel=0.15)


def test_the_ground_before_a_sky_comes_nearer_downwards() -> None:
    scene, sky = tower_before_the_sky()
    rows = estimate_depth(scene, NOTHING, sky).background[:, 200:].mean(axis=1)
    assert np.all(np.diff(rows[110::8]) > 0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 80), (80, 1), (2, 2), (3, 700), (700, 3)])
@pytest.mark.parametrize("object_", [0, 1], ids=["without object", "all object"])
def test_tiny_and_thin_pictures_have_sound_depths(shape: tuple[int, int], object_: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    depth = estimate_depth(noise, np.full(shape, object_, np.float32), None)
    assert depth.background.shape == depth.foreground.shape == shape
    assert_sound(depth)


def test_all_sky_has_a_sound_depth() -> None:
    blue = np.full((HEIGHT, WIDTH, 3), (90, 140, 220), np.uint8)
    assert_sound(estimate_depth(blue, NOTHING, Sky(NOTHING + 1, (blue / 255).astype(np.float32))))
