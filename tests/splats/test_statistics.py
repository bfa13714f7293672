from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from tests.splats.reference import f32, random_gaussians
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Scene
from wheatstone.splats.statistics import measure


def at_depths(*depths_m: float) -> Gaussians:
    scene = random_gaussians(len(depths_m))
    return replace(scene, means=f32([[0, 0, depth] for depth in depths_m]).reshape(-1, 3))


def test_the_box_holds_all_centres() -> None:
    scene = random_gaussians(3)
    box = measure(Scene(replace(scene, means=f32([[0, 1, 2], [3, 5, 2], [1, 1, 2]])))).box
    assert box is not None
    assert [*box.low, *box.high] == [0, 1, 2, 3, 5, 2]
    assert [*box.centre] == [1.5, 3, 2]
    assert box.diagonal_m == pytest.approx(5)


def test_depths_are_those_in_front_of_the_camera() -> None:
    measured = measure(Scene(at_depths(-1, 1, 2, 4), Camera.of_photo(10, 10, 10.0)))
    assert measured.in_front == 3
    assert measured.depth_m is not None
    assert measured.depth_m.p50 == 2
    assert measured.disparity_per_m is not None
    assert measured.disparity_per_m.p50 == 0.5


def test_depths_are_measured_from_where_the_camera_stands() -> None:
    to_camera = np.eye(4)
    to_camera[2, 3] = 5
    camera = replace(Camera.of_photo(10, 10, 10.0), world_to_camera=to_camera)
    depth_m = measure(Scene(at_depths(-1, 1, 2), camera)).depth_m
    assert depth_m is not None
    assert depth_m.p50 == 6


def test_quantiles_interpolate() -> None:
    scene = random_gaussians(101)
    opacity = measure(Scene(replace(scene, opacities=np.linspace(1, 0, 101, dtype=np.float32)))).opacity
    assert opacity is not None
    assert (opacity.p01, opacity.p10, opacity.p50, opacity.p90, opacity.p99) == pytest.approx(
        (0.01, 0.1, 0.5, 0.9, 0.99), abs=1e-6
    )


def test_an_empty_scene_has_nothing_to_measure() -> None:
    measured = measure(Scene(at_depths()))
    assert measured.count == measured.in_front == 0
    assert (measured.box, measured.depth_m, measured.scale_m, measured.opacity) == (None, None, None, None)


def test_statistics_fit_into_json() -> None:
    measured = measure(Scene(random_gaussians(10, degree=2)))
    assert json.loads(json.dumps(asdict(measured)))["sh_degree"] == 2
