from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import numpy as np
import pytest

from tests.splats.reference import f32, random_gaussians
from wheatstone.errors import BadSceneError
from wheatstone.splats.gaussians import Gaussians, merge


def test_arrays_become_contiguous_read_only_float32() -> None:
    arrays: dict[str, Any] = {
        "means": np.zeros((3, 4)).T,
        "scales": np.ones((4, 3), np.float16),
        "quaternions": np.ones((4, 8), np.float32)[:, ::2],
        "opacities": np.ones(4, np.int64),
        "sh": np.zeros((4, 1, 3)),
    }
    scene = Gaussians(**arrays)
    for field in fields(scene):
        array = getattr(scene, field.name)
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert not array.flags.writeable


def test_the_callers_array_stays_writeable() -> None:
    means = np.zeros((2, 3), np.float32)
    replace(random_gaussians(2), means=means)
    assert means.flags.writeable


def test_it_cannot_be_changed() -> None:
    scene = random_gaussians(2)
    with pytest.raises(FrozenInstanceError):
        scene.means = scene.scales  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("means", (5, 2)),
        ("scales", (4, 3)),
        ("quaternions", (5, 3)),
        ("opacities", (5, 1)),
        ("sh", (5, 2, 3)),
        ("sh", (5, 25, 3)),
    ],
)
def test_a_wrong_shape_is_refused_by_name(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadSceneError, match=name):
        replace(random_gaussians(5), **{name: np.zeros(shape, np.float32)})


def test_colors_survive_from_and_to() -> None:
    colors = np.random.default_rng(0).random((6, 3))
    scene = random_gaussians(6)
    made = Gaussians.from_colors(scene.means, scene.scales, scene.quaternions, scene.opacities, colors)
    assert made.sh_degree == 0
    assert np.allclose(made.colors, colors, atol=1e-6)


def test_colors_are_clipped() -> None:
    scene = replace(random_gaussians(2), sh=f32([[[9, -9, 0]], [[0, 0, 0]]]))
    assert scene.colors[0].tolist() == [1, 0, 0.5]


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_the_degree_follows_from_the_coefficients(degree: int) -> None:
    assert random_gaussians(2, degree=degree).sh_degree == degree


def test_take_follows_masks_and_indices() -> None:
    scene = random_gaussians(5, degree=1)
    assert np.array_equal(scene.take(np.array([3, 1])).sh, scene.sh[[3, 1]])
    assert len(scene.take(np.array([True, False, False, True, True]))) == 3


def test_crop_keeps_what_lies_in_the_closed_box() -> None:
    scene = replace(random_gaussians(3), means=f32([[0, 0, 0], [1, 1, 1], [1, 1, 1.1]]))
    assert len(scene.crop([0, 0, 0], [1, 1, 1])) == 2


def test_crop_and_merge_bring_back_all() -> None:
    scene = random_gaussians(100)
    near, far = scene.crop([-9, -9, -9], [9, 9, 4]), scene.crop([-9, -9, 4], [9, 9, 9])
    assert len(merge([near, far])) == 100


def test_merge_pads_the_lower_degree_with_zeros() -> None:
    low, high = random_gaussians(2, degree=0), random_gaussians(3, degree=2)
    merged = merge([low, high])
    assert merged.sh_degree == 2
    assert np.array_equal(merged.sh[:2, :1], low.sh)
    assert not merged.sh[:2, 1:].any()
    assert np.array_equal(merged.sh[2:], high.sh)


def test_merging_nothing_is_refused() -> None:
    with pytest.raises(BadSceneError, match="at least one"):
        merge([])


def test_good_values_are_valid() -> None:
    random_gaussians(50, degree=3).validate()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("means", np.nan, "means are not finite"),
        ("sh", np.inf, "sh are not finite"),
        ("sh", -2e30, "sh are not finite, or beyond 1e\\+30"),
        ("scales", -0.1, "scales are negative"),
        ("opacities", 1.5, "opacities lie outside"),
        ("quaternions", 2.0, "unit length"),
    ],
)
def test_a_bad_value_is_reported_with_its_name(name: str, value: float, message: str) -> None:
    scene = random_gaussians(4)
    broken = getattr(scene, name).copy()
    broken.reshape(-1)[0] = value
    with pytest.raises(BadSceneError, match=f"1 .*{message}"):
        replace(scene, **{name: broken}).validate()


def test_everything_bad_is_reported_with_its_count_wherever_it_stands() -> None:
    scene = random_gaussians(150_000)
    means, opacities = scene.means.copy(), scene.opacities.copy()
    means[[3, 149_999], 1] = np.nan
    opacities[70_000] = -0.5
    with pytest.raises(BadSceneError) as caught:
        replace(scene, means=means, opacities=opacities).validate()
    assert str(caught.value) == (
        "1 opacities lie outside 0..1. 2 values of means are not finite, or beyond 1e+30."
    )


def test_no_gaussians_are_valid() -> None:
    random_gaussians(1).take(np.zeros(1, bool)).validate()
