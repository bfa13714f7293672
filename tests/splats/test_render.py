from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.splats.reference import f32, random_gaussians, reference_render
from wheatstone import compiled
from wheatstone.errors import BadOptionError
from wheatstone.splats import render as render_module
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians, merge
from wheatstone.splats.render import RenderedImage, render

CAMERA = Camera.of_photo(75, 50, 60.0)
TURNED = CAMERA.orbited(20, -15, 4.0)
OFF_CENTRE = Camera(61, 40, 70.0, 45.0, 12.5, 33.0)


def one(mean: tuple[float, float, float], color: tuple[float, float, float], opacity: float = 1.0) -> Gaussians:
    return Gaussians.from_colors(
        np.array([mean]), np.full((1, 3), 0.3), np.array([[1, 0, 0, 0]]), np.array([opacity]), np.array([color])
    )


def assert_like_reference(gaussians: Gaussians, camera: Camera, **options: Any) -> None:
    picture = render(gaussians, camera, background=(0.2, 0.4, 0.6), **options)
    color, alpha, depth = reference_render(gaussians, camera, background=(0.2, 0.4, 0.6), **options)
    # float32 may fall on the other side of the cut at alpha 1/255; elsewhere only rounding differs.
    brightest = max(1.0, color.max())
    assert np.abs(picture.color - color).max() < 1.5 / 255 * brightest
    assert np.abs(picture.color - color).mean() < 2e-6 * brightest
    assert np.abs(picture.alpha - alpha).max() < 1.5 / 255
    both = (alpha > 0.01) & (picture.alpha > 0.01)
    assert np.abs(picture.depth[both] - depth[both]).mean() < 1e-4


def same(first: RenderedImage, second: RenderedImage) -> bool:
    return all(np.array_equal(getattr(first, f.name), getattr(second, f.name)) for f in fields(RenderedImage))


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("camera", [CAMERA, TURNED, OFF_CENTRE], ids=["straight", "turned", "off-centre"])
def test_it_renders_like_the_reference(camera: Camera, degree: int) -> None:
    assert_like_reference(random_gaussians(300, degree=degree), camera)


@pytest.mark.parametrize(
    "scene",
    [
        random_gaussians(200, sigma_m=1e-4),
        random_gaussians(60, sigma_m=3.0),
        random_gaussians(200, sigma_m=0.02, spread=2.5),
        random_gaussians(400, opacity=0.05),
        random_gaussians(400, sigma_m=0.5, opacity=1.0),
    ],
    ids=["tiny", "huge", "needles and discs", "transparent", "opaque"],
)
def test_extreme_shapes_render_like_the_reference(scene: Gaussians) -> None:
    assert_like_reference(scene, TURNED)


def test_gaussians_around_and_behind_the_camera_render_like_the_reference() -> None:
    scene = random_gaussians(300)
    assert_like_reference(replace(scene, means=scene.means * f32([2, 2, 1]) - f32([0, 0, 4])), CAMERA)


@pytest.mark.parametrize("options", [{"low_pass_px2": 0.0}, {"low_pass_px2": 2.0}, {"antialiased": True}])
def test_options_mean_what_the_reference_says(options: dict[str, Any]) -> None:
    assert_like_reference(random_gaussians(200, sigma_m=0.05), CAMERA, **options)


def test_pixel_centres_lie_at_half_integers() -> None:
    picture = render(one((0, 0, 2), (1, 1, 1)), Camera(5, 5, 4.0, 4.0, 2.5, 2.5))
    assert picture.alpha.argmax() == 2 * 5 + 2
    assert np.allclose(picture.alpha, picture.alpha[::-1, ::-1], atol=1e-6)


def test_an_empty_scene_gives_the_background() -> None:
    picture = render(one((0, 0, 2), (1, 1, 1)).take(np.array([], np.int64)), CAMERA, background=(0.25, 0.5, 1))
    assert (picture.color == f32([0.25, 0.5, 1])).all()
    assert (picture.alpha == 0).all()
    assert np.isposinf(picture.depth).all()


def test_what_lies_behind_the_camera_is_not_drawn() -> None:
    assert render(one((0, 0, -2), (1, 1, 1)), CAMERA).alpha.max() == 0


def test_what_lies_before_the_near_plane_is_not_drawn() -> None:
    scene = one((0, 0, 2), (1, 1, 1))
    assert render(scene, CAMERA, near_m=2.1).alpha.max() == 0
    assert render(scene, CAMERA, near_m=1.9).alpha.max() > 0.9


def test_an_opaque_front_hides_what_is_behind() -> None:
    front = merge([one((0, 0, 2 + k / 100), (1, 0, 0)) for k in range(4)])
    middle = render(merge([one((0, 0, 4), (0, 1, 0)), front]), CAMERA).color[25, 37]
    assert middle[0] > 0.999
    assert middle[1] < 1e-4


def test_of_equal_depths_the_earlier_is_in_front() -> None:
    red, green = one((0, 0, 2), (1, 0, 0)), one((0, 0, 2), (0, 1, 0))
    assert render(merge([red, green]), CAMERA).color[25, 37, 0] > 0.9
    assert render(merge([green, red]), CAMERA).color[25, 37, 1] > 0.9


def test_depth_is_that_of_what_is_seen() -> None:
    assert render(one((0, 0, 3), (1, 1, 1), 0.5), CAMERA).depth[25, 37] == pytest.approx(3, rel=1e-6)


def test_the_order_of_gaussians_does_not_matter() -> None:
    scene = random_gaussians(500, degree=2)
    shuffled = scene.take(np.random.default_rng(1).permutation(len(scene)))
    assert same(render(scene, TURNED), render(shuffled, TURNED))


def test_moving_scene_and_camera_together_changes_nothing() -> None:
    scene = random_gaussians(300, degree=3)
    to_camera = np.eye(4)
    to_camera[:3, 3] = [-8, 4, -16]
    moved = render(
        replace(scene, means=scene.means + f32([8, -4, 16])), replace(CAMERA, world_to_camera=to_camera)
    )
    assert np.abs(moved.color - render(scene, CAMERA).color).mean() < 1e-5


def test_moving_the_principal_point_moves_the_picture() -> None:
    scene = random_gaussians(300, sigma_m=0.03)
    there = render(scene, replace(CAMERA, cx_px=CAMERA.cx_px + 5, cy_px=CAMERA.cy_px - 3))
    assert np.abs(there.color[:-3, 5:] - render(scene, CAMERA).color[3:, :-5]).mean() < 1e-5


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), opacity=st.floats(0, 1), sigma_m=st.floats(1e-3, 2))
def test_alpha_stays_between_nothing_and_opaque(seed: int, opacity: float, sigma_m: float) -> None:
    picture = render(random_gaussians(100, seed=seed, opacity=opacity, sigma_m=sigma_m), CAMERA)
    assert picture.alpha.min() >= 0
    assert picture.alpha.max() <= 1
    assert picture.color.min() >= 0


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_values_that_make_no_sense_draw_nothing_broken(data: st.DataObject) -> None:
    scene = random_gaussians(20, degree=1)
    arrays = {field.name: getattr(scene, field.name).copy() for field in fields(scene)}
    odd = st.one_of(st.floats(width=32), st.sampled_from([np.inf, -np.inf, np.nan, 0.0, 3e38, 1e-45]))
    for _ in range(8):
        array = arrays[data.draw(st.sampled_from(sorted(arrays)))].reshape(-1)
        array[data.draw(st.integers(0, len(array) - 1))] = data.draw(odd)
    picture = render(Gaussians(**arrays), CAMERA)
    assert np.isfinite(picture.color).all()
    assert ((picture.alpha >= 0) & (picture.alpha <= 1)).all()
    assert not np.isnan(picture.depth).any()


def test_the_thread_count_does_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = random_gaussians(70_000, sigma_m=0.01)
    camera = CAMERA.resized(300)
    pictures = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(compiled, "thread_count", lambda threads=threads: threads)
        pictures.append(render(scene, camera))
    assert same(pictures[0], pictures[1])
    assert same(pictures[0], pictures[2])


@pytest.mark.parametrize("max_entries", [1, 500, 3000])
def test_lists_in_several_batches_give_the_same_picture(max_entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = random_gaussians(500, sigma_m=0.5)
    whole = render(scene, CAMERA)
    monkeypatch.setattr(render_module, "MAX_ENTRIES", max_entries)
    assert same(whole, render(scene, CAMERA))


@pytest.mark.parametrize(
    "call",
    [
        lambda scene: render(scene, CAMERA, near_m=0),
        lambda scene: render(scene, CAMERA, low_pass_px2=-1),
        lambda scene: render(scene, CAMERA, low_pass_px2=float("nan")),
        lambda scene: render(scene, CAMERA, background=(0, 0, float("inf"))),
        lambda scene: render(scene, CAMERA, background=(0, 0)),  # type: ignore[arg-type]
    ],
)
def test_options_that_make_no_sense_are_refused(call: Callable[[Gaussians], RenderedImage]) -> None:
    with pytest.raises(BadOptionError):
        call(one((0, 0, 2), (1, 1, 1)))


def test_rgb_is_clipped_and_rounded() -> None:
    color = f32([[[-1, 0.5, 2]]])
    picture = RenderedImage(color, np.ones((1, 1), np.float32), np.ones((1, 1), np.float32))
    assert picture.rgb.tolist() == [[[0, 128, 255]]]
