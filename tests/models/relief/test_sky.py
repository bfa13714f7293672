from __future__ import annotations

import numpy as np
import pytest

from tests.models.photos import disc, photo, sky_above_ground, textured
from wheatstone.arrays import F32, U8, Mask
from wheatstone.models.relief.sky import Sky, find_sky

HEIGHT, WIDTH, HORIZON = 160, 240, 0.6
END = round(HORIZON * HEIGHT)
SCENE = sky_above_ground(HEIGHT, WIDTH, HORIZON)
NOTHING = np.zeros((HEIGHT, WIDTH), np.float32)


def found(rgb: U8, foreground: F32 = NOTHING) -> Sky:
    sky = find_sky(rgb, foreground)
    assert sky is not None
    return sky


def lattice() -> Mask:
    """A closed grid of bars, three pixels thick, standing on the ground."""
    bars = np.zeros((HEIGHT, WIDTH), np.bool_)
    for column in (60, 95, 130, 165):
        bars[30:END, column : column + 3] = True
    for row in (30, 60):
        bars[row : row + 3, 60:168] = True
    return bars


def test_sky_and_ground_are_told_apart() -> None:
    sky = found(SCENE)
    assert sky.cover[: END - 4].min() > 0.95
    assert sky.cover[END + 4 :].max() < 0.05


def test_gaps_of_a_lattice_are_sky_and_its_bars_are_not() -> None:
    bars = lattice()
    sky = found(np.where(bars[..., None], np.array([60, 50, 40], np.uint8), SCENE))
    gaps = [sky.cover[45, 78], sky.cover[45, 112], sky.cover[80, 78], sky.cover[80, 147]]
    assert min(gaps) > 0.9
    assert sky.cover[bars].mean() < 0.1
    assert np.quantile(sky.cover[: END - 4][~bars[: END - 4]], 0.1) > 0.9


def test_behind_a_lattice_the_sky_has_its_own_colour() -> None:
    bars = lattice()
    sky = found(np.where(bars[..., None], np.array([60, 50, 40], np.uint8), SCENE))
    assert np.abs(sky.colour[:END][bars[:END]] - SCENE[:END][bars[:END]] / 255).max() < 0.08


def test_clouds_are_sky() -> None:
    cloud = disc(HEIGHT, WIDTH, 16, row=0.2, column=0.4) | disc(HEIGHT, WIDTH, 12, row=0.22, column=0.5)
    sky = found(np.where(cloud[..., None], textured(HEIGHT, WIDTH, (225, 225, 225), 15), SCENE))
    assert sky.cover[cloud].min() > 0.95


def test_what_hangs_in_the_air_is_sky() -> None:
    bird = np.zeros((HEIGHT, WIDTH), np.bool_)
    bird[30:34, 100:112] = True
    sky = found(np.where(bird[..., None], np.uint8(20), SCENE))
    assert sky.cover[bird].min() > 0.95


def test_a_tower_is_not_sky() -> None:
    tower = np.zeros((HEIGHT, WIDTH), np.bool_)
    tower[20:END, 110:130] = True
    sky = found(np.where(tower[..., None], textured(HEIGHT, WIDTH, (120, 60, 50)), SCENE))
    assert sky.cover[tower].mean() < 0.05


def test_the_object_is_never_sky_even_in_the_skys_colour() -> None:
    ball = disc(HEIGHT, WIDTH, 25, row=0.45)
    sky = found(np.where(ball[..., None], SCENE[50, 0], SCENE), ball.astype(np.float32))
    assert not sky.cover[ball].any()
    assert sky.cover[10, 10] > 0.95


@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png"])
def test_an_indoor_photo_has_no_sky(name: str) -> None:
    photo_ = photo(name)
    assert find_sky(photo_, np.zeros(photo_.shape[:2], np.float32)) is None


def test_a_brown_wall_is_no_sky() -> None:
    assert find_sky(textured(HEIGHT, WIDTH, (130, 100, 70), 10), NOTHING) is None


def test_a_pale_wall_that_fades_into_the_room_is_no_sky() -> None:
    fade = np.linspace(0, 1, HEIGHT)[:, None, None]
    wall = (1 - fade) * np.array([200, 205, 212]) + fade * np.array([90, 70, 50])
    assert find_sky(np.repeat(wall.astype(np.uint8), WIDTH, axis=1), NOTHING) is None


def test_a_strip_of_sky_is_not_worth_a_layer() -> None:
    assert find_sky(sky_above_ground(HEIGHT, WIDTH, 0.02), NOTHING) is None


def test_a_blue_pond_is_no_sky() -> None:
    upside_down = np.ascontiguousarray(SCENE[::-1])
    assert find_sky(upside_down, NOTHING) is None


def test_behind_a_launching_rocket_there_is_sky() -> None:
    rocket = photo("rocket.jpg")
    sky = found(rocket, np.zeros(rocket.shape[:2], np.float32))
    height, width = rocket.shape[:2]
    assert sky.cover[: height // 8].mean() > 0.9
    assert sky.cover[height // 2, width // 2] < 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (60, 1), (3, 3), (5, 400)])
@pytest.mark.parametrize("scale", [0, 1])
def test_tiny_and_thin_pictures_survive(shape: tuple[int, int], scale: int) -> None:
    noise = np.random.default_rng(0).integers(-100, 100, (*shape, 3)) * scale
    blue = np.clip(np.array([90, 140, 220]) + noise, 0, 255).astype(np.uint8)
    sky = find_sky(blue, np.zeros(shape, np.float32))
    assert sky is None or (sky.cover.shape == shape and sky.cover.min() >= 0 and sky.cover.max() <= 1)
