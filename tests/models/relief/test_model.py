from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from tests.models.photos import disc, photo, picture, textured
from wheatstone.arrays import U8, Mask
from wheatstone.errors import BadPictureError
from wheatstone.models.relief import RELIEF, Relief
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.render import RenderedImage, render
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages

PHOTOS = ("chelsea.png", "coffee.png", "rocket.jpg")


def predicted(rgb: U8, alpha: U8 | None = None) -> Scene:
    return Relief(None).predict(picture(rgb, alpha), Stages())


def front_view(scene: Scene, background: tuple[float, float, float] = (0, 0, 0)) -> RenderedImage:
    assert scene.camera is not None
    return render(scene.gaussians, scene.camera, background=background)


def psnr_db(first: U8, second: U8) -> float:
    squared = ((first.astype(float) - second) ** 2).mean()
    return float(10 * np.log10(255**2 / max(squared, 1e-9)))


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    return {name: predicted(photo(name)) for name in PHOTOS}


@pytest.mark.parametrize("name", PHOTOS)
def test_from_the_front_a_scene_looks_like_its_photo(name: str, scenes: dict[str, Scene]) -> None:
    view = front_view(scenes[name])
    assert psnr_db(view.rgb, photo(name)) > 25
    assert view.alpha.min() > 0.98


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize(("yaw_deg", "pitch_deg"), [(10, 0), (-10, 0), (0, 6), (0, -6)])
def test_a_turned_view_has_no_holes(name: str, yaw_deg: float, pitch_deg: float, scenes: dict[str, Scene]) -> None:
    scene = scenes[name]
    assert scene.camera is not None
    view = render(scene.gaussians, scene.camera.orbited(yaw_deg, pitch_deg, pivot_m=1.8))
    assert (view.alpha < 0.7).mean() < 0.02


@pytest.mark.parametrize("name", PHOTOS)
def test_a_scene_is_valid_and_has_depth(name: str, scenes: dict[str, Scene]) -> None:
    scenes[name].gaussians.validate()
    depth_m = scenes[name].gaussians.means[:, 2]
    assert depth_m.min() > 0.9
    assert depth_m.max() > 1.3 * depth_m.min()


def test_a_scene_says_what_made_it_and_where_it_was_seen_from(scenes: dict[str, Scene]) -> None:
    scene = scenes["coffee.png"]
    rgb = photo("coffee.png")
    assert scene.label == RELIEF.label
    assert "estimate" in scene.label
    assert scene.camera is not None
    assert (scene.camera.height_px, scene.camera.width_px) == rgb.shape[:2]
    assert scene.camera.fx_px == scene.camera.fy_px == pytest.approx(30 / 36 * rgb.shape[1])


def test_a_large_photo_gives_no_more_splats_than_a_middling_one() -> None:
    large = np.repeat(np.repeat(photo("coffee.png", 400), 4, axis=0), 4, axis=1)
    scene = predicted(large)
    assert len(scene.gaussians) < 1_000_000
    assert scene.camera is not None
    assert scene.camera.width_px == large.shape[1]
    small = replace(scene, camera=scene.camera.resized(400))
    assert psnr_db(front_view(small).rgb, photo("coffee.png", 400)) > 22


def cut_out() -> tuple[U8, Mask]:
    inside = disc(120, 160, 35, row=0.45, column=0.6)
    return textured(120, 160, (200, 60, 40)), inside


def test_a_cut_out_gives_only_its_object() -> None:
    rgb, inside = cut_out()
    scene = predicted(rgb, np.where(inside, np.uint8(255), np.uint8(0)))
    view = front_view(scene)
    assert view.alpha[disc(120, 160, 33, row=0.45, column=0.6)].min() > 0.95
    assert view.alpha[~disc(120, 160, 37, row=0.45, column=0.6)].max() < 0.05
    assert psnr_db(view.rgb[inside], rgb[inside]) > 25


def test_what_a_cut_out_hides_does_not_show() -> None:
    rgb, inside = cut_out()
    alpha = np.where(inside, np.uint8(255), np.uint8(0))
    hidden = np.where(inside[..., None], rgb, np.array([0, 255, 0], np.uint8))
    first, second = predicted(rgb, alpha).gaussians, predicted(hidden, alpha).gaussians
    for field in fields(Gaussians):
        assert np.array_equal(getattr(first, field.name), getattr(second, field.name))


def test_an_opaque_alpha_changes_nothing() -> None:
    rgb = photo("coffee.png", 100)
    opaque = np.full(rgb.shape[:2], 255, np.uint8)
    assert np.array_equal(predicted(rgb).gaussians.means, predicted(rgb, opaque).gaussians.means)


@pytest.mark.parametrize("alpha", [0, 5, 100])
def test_a_transparent_picture_is_refused_by_name(alpha: int) -> None:
    rgb = photo("coffee.png", 100)
    with pytest.raises(BadPictureError, match=r"drawn\.png shows nothing"):
        predicted(rgb, np.full(rgb.shape[:2], alpha, np.uint8))


def test_specks_on_nothing_are_refused() -> None:
    rgb = photo("coffee.png", 100)
    alpha = np.zeros(rgb.shape[:2], np.uint8)
    alpha[::16, ::16] = 255
    with pytest.raises(BadPictureError, match="larger than a thousandth"):
        predicted(rgb, alpha)


def test_a_translucent_picture_keeps_its_colours() -> None:
    rgb = textured(60, 80, (200, 60, 40), 10)
    scene = predicted(rgb, np.full((60, 80), 140, np.uint8))
    assert np.abs(scene.gaussians.colors.mean(axis=0) * 255 - rgb.mean(axis=(0, 1))).max() < 5


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (8, 8), (16, 16), (1, 300), (300, 1), (3, 2000), (2000, 3)]
)
@pytest.mark.parametrize("noisy", [False, True], ids=["flat", "noisy"])
def test_tiny_and_thin_pictures_give_valid_scenes(shape: tuple[int, int], noisy: bool) -> None:
    rgb = (
        np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
        if noisy
        else np.full((*shape, 3), 90, "B")
    )
    scene = predicted(rgb)
    scene.gaussians.validate()
    assert len(scene.gaussians) > 0
    assert front_view(scene).alpha.min() > 0.6


@pytest.mark.parametrize("value", [0, 120, 255])
def test_a_picture_of_one_colour_stays_of_that_colour(value: int) -> None:
    rgb = np.full((60, 80, 3), value, np.uint8)
    assert psnr_db(front_view(predicted(rgb), (0.5, 0.5, 0.5)).rgb, rgb) > 40


def test_a_grey_picture_stays_grey() -> None:
    grey = photo("camera.png", 160)
    view = front_view(predicted(grey)).rgb.astype(int)
    assert np.ptp(view, axis=2).max() <= 2
    assert psnr_db(view.astype(np.uint8), grey) > 22


def test_noise_gives_a_valid_scene() -> None:
    scene = predicted(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8))
    scene.gaussians.validate()
    assert front_view(scene).alpha.min() > 0.95


def test_the_same_picture_gives_the_same_scene_twice() -> None:
    first, second = (predicted(photo("rocket.jpg", 160)).gaussians for _ in range(2))
    for field in fields(Gaussians):
        assert np.array_equal(getattr(first, field.name), getattr(second, field.name))


@pytest.mark.slow  # may fetch the checkpoint
@pytest.mark.parametrize("name", PHOTOS)
def test_with_a_network_for_the_outline_a_scene_looks_like_its_photo(name: str, u2netp: Path) -> None:
    scene = Relief(u2netp).predict(picture(photo(name)), Stages())
    assert psnr_db(front_view(scene).rgb, photo(name)) > 25


def test_the_stages_are_timed_in_order() -> None:
    stages = Stages()
    Relief(None).predict(picture(photo("coffee.png", 100)), stages)
    assert list(stages.seconds) == ["matte", "depth", "layers", "lift"]
