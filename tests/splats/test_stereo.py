from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheatstone.arrays import U8
from wheatstone.errors import BadOptionError
from wheatstone.splats.cameras import Camera
from wheatstone.splats.stereo import Layout, Stereo, anaglyph
from wheatstone.splats.views import Depths

CAMERA = Camera.of_photo(600, 400, 500.0)


def disparity_px(stereo: Stereo, depths: Depths, convergence_m: float, depth_m: float) -> float:
    """How much farther right the left eye sees a point ahead than the right eye does."""
    columns = []
    for eye in stereo.eyes(CAMERA, depths, convergence_m):
        x, _, z = eye.points_seen(np.array([[0, 0, depth_m]]))[0]
        columns.append(eye.fx_px * x / z + eye.cx_px)
    return float(columns[0] - columns[1])


@given(near_m=st.floats(0.1, 10), deeper=st.floats(1, 1000), parallax=st.floats(0.001, 0.2))
def test_near_and_far_differ_by_no_more_than_the_parallax(near_m: float, deeper: float, parallax: float) -> None:
    depths = Depths(near_m, near_m * math.sqrt(deeper), near_m * deeper)
    stereo = Stereo(Layout.PARALLEL, parallax)
    near_px, far_px = (
        disparity_px(stereo, depths, depths.balanced_m, depth_m) for depth_m in (depths.near_m, depths.far_m)
    )
    budget_px = parallax * CAMERA.width_px
    assert near_px - far_px <= budget_px * (1 + 1e-9)
    assert near_px == pytest.approx(-far_px, abs=1e-6)
    if deeper >= 2:
        assert near_px - far_px == pytest.approx(budget_px)


def test_the_plane_of_convergence_has_no_disparity() -> None:
    assert disparity_px(Stereo(Layout.CROSS), Depths(1, 2, 4), 1.7, 1.7) == pytest.approx(0)


def test_a_flat_scene_keeps_the_eyes_at_a_bearable_distance() -> None:
    left, right = Stereo(Layout.PARALLEL).eyes(CAMERA, Depths(3, 3, 3), 3)
    assert 0 < left.world_to_camera[0, 3] - right.world_to_camera[0, 3] < 3 / 10


def pair() -> tuple[U8, U8]:
    rng = np.random.default_rng(0)
    return (rng.integers(0, 256, (4, 6, 3)).astype(np.uint8), rng.integers(0, 256, (4, 6, 3)).astype(np.uint8))


def test_the_parallel_layout_has_the_left_eye_on_the_left() -> None:
    left, right = pair()
    both = Stereo(Layout.PARALLEL).combined(left, right)
    assert np.array_equal(both[:, :6], left)
    assert np.array_equal(both[:, 6:], right)


def test_the_crossed_layout_is_the_parallel_one_swapped() -> None:
    left, right = pair()
    crossed = Stereo(Layout.CROSS).combined(left, right)
    assert np.array_equal(crossed, Stereo(Layout.PARALLEL).combined(right, left))


def test_grey_stays_the_same_grey_in_an_anaglyph() -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert np.abs(anaglyph(grey, grey).astype(int) - grey).max() <= 1


def test_the_left_eye_is_red_and_the_right_eye_cyan() -> None:
    white, black = np.full((1, 1, 3), 255, np.uint8), np.zeros((1, 1, 3), np.uint8)
    assert anaglyph(white, black)[0, 0].tolist() == [255, 0, 0]
    red, green, blue = anaglyph(black, white)[0, 0].tolist()
    assert red == 0
    assert min(green, blue) > 250


def test_an_anaglyph_is_mixed_in_linear_light() -> None:
    left, right = np.array([[[[200, 120, 40]]], [[[10, 90, 180]]]], np.uint8)

    def light(values: U8) -> list[float]:
        return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (values[0, 0] / 255).tolist()]

    red = np.dot([0.437, 0.449, 0.164], light(left)) + np.dot([-0.011, -0.032, -0.007], light(right))
    assert anaglyph(left, right)[0, 0, 0] == round(255 * (1.055 * red ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("parallax", [0.0, -0.1, 0.3, math.nan])
def test_a_parallax_that_no_eyes_can_follow_is_refused(parallax: float) -> None:
    with pytest.raises(BadOptionError, match="Parallax"):
        Stereo(Layout.PARALLEL, parallax)
