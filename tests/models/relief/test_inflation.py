from __future__ import annotations

import numpy as np
import pytest

from tests.models.photos import disc
from wheatstone.models.relief.inflation import inflate


@pytest.mark.parametrize(("side_px", "radius_px"), [(120, 30), (160, 60), (400, 150)])
def test_a_disc_becomes_the_hemisphere_of_its_radius(side_px: int, radius_px: int) -> None:
    rows, columns = np.mgrid[:side_px, :side_px] + 0.5 - side_px / 2
    from_axis = np.hypot(rows, columns)
    height = inflate(disc(side_px, side_px, radius_px))
    hemisphere = np.sqrt(np.maximum(radius_px**2 - from_axis**2, 0))
    core = from_axis < 0.9 * radius_px
    assert height.max() == pytest.approx(radius_px, rel=0.03)
    assert np.abs(height - hemisphere)[core].max() < 0.06 * radius_px


def test_a_long_bar_rises_to_root_two_times_its_half_width() -> None:
    bar = np.zeros((100, 160), np.bool_)
    bar[35:65] = True
    assert inflate(bar)[50, 80] == pytest.approx(np.sqrt(2) * 15, rel=0.05)


def test_an_object_cut_by_the_border_goes_on_beyond_it() -> None:
    whole = disc(120, 160, 40, column=0.5)
    half = whole[:, :80]
    assert np.abs(inflate(half) - inflate(whole)[:, :80]).max() < 0.5


def test_a_bar_across_the_whole_picture_does_not_curl_at_its_ends() -> None:
    bar = np.zeros((60, 100), np.bool_)
    bar[20:40] = True
    height = inflate(bar)
    assert height[30].max() - height[30].min() < 1e-3


def test_the_height_is_zero_outside_the_mask() -> None:
    mask = disc(90, 130, 30, row=0.4, column=0.7)
    height = inflate(mask)
    assert height.dtype == np.float32
    assert not height[~mask].any()
    assert (height[mask] > 0).mean() > 0.99


def test_parts_apart_rise_each_for_itself() -> None:
    left, right = disc(100, 160, 30, column=0.25), disc(100, 160, 15, column=0.8)
    assert np.allclose(inflate(left | right), inflate(left) + inflate(right), atol=1e-3)


@pytest.mark.parametrize("value", [False, True], ids=["empty", "full"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (40, 60), (3, 2000)])
def test_nothing_and_everything_stay_flat(shape: tuple[int, int], value: bool) -> None:
    height = inflate(np.full(shape, value))
    assert height.shape == shape
    assert not height.any()
