from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.splats.reference import f32, random_gaussians
from wheatstone.errors import BadOptionError
from wheatstone.splats.cameras import Camera
from wheatstone.splats.paths import PATHS, PathName, default_path, dolly, orbit, swing
from wheatstone.splats.scene import Scene
from wheatstone.splats.views import View

START = View(5, -3, 0.1)


@pytest.mark.parametrize("name", get_args(PathName))
def test_a_path_begins_at_its_start(name: PathName) -> None:
    assert PATHS[name](24, START)[0] == START


@pytest.mark.parametrize("name", get_args(PathName))
@given(frames=st.integers(1, 200))
def test_a_path_has_a_view_a_frame(name: PathName, frames: int) -> None:
    assert len(PATHS[name](frames)) == frames


@pytest.mark.parametrize("name", get_args(PathName))
def test_a_path_loops_without_a_jolt(name: PathName) -> None:
    camera = Camera.of_photo(64, 48, 60.0)
    poses = np.array([view.of(camera, 2.0).world_to_camera for view in PATHS[name](120)])
    steps = np.roll(poses, -1, axis=0) - poses
    jolts = np.abs(np.roll(steps, -1, axis=0) - steps).max(axis=(1, 2))
    assert jolts[-2:].max() <= 1.1 * jolts.max()  # over the seam it moves as evenly as elsewhere
    assert np.abs(steps[-1]).max() <= 1.1 * np.abs(steps).max()


def test_a_swing_goes_to_the_right_first_then_as_far_to_the_left() -> None:
    yaws = [view.yaw_deg for view in swing(100, reach=6)]
    assert max(yaws) == pytest.approx(6)
    assert min(yaws) == pytest.approx(-6)
    assert yaws.index(max(yaws)) < yaws.index(min(yaws))


def test_a_swing_never_sinks_below_its_start() -> None:
    pitches = [view.pitch_deg for view in swing(100, View(pitch_deg=2), reach=8)]
    assert min(pitches) == 2
    assert max(pitches) == pytest.approx(2 + 4)


def test_a_whole_orbit_goes_round_once_in_even_steps() -> None:
    yaws = np.array([view.yaw_deg for view in orbit(36)])
    assert np.diff(yaws) == pytest.approx(10)


def test_an_orbit_with_a_reach_goes_there_and_back() -> None:
    yaws = [view.yaw_deg for view in orbit(100, reach=45)]
    assert (min(yaws), max(yaws)) == pytest.approx((-45, 45))
    assert sum(yaws) == pytest.approx(0, abs=1e-9)


def test_a_dolly_goes_straight_in_and_out() -> None:
    views = dolly(100, START, reach=0.5)
    assert max(view.dolly for view in views) == pytest.approx(0.1 + 0.9 * 0.5)
    assert {(view.yaw_deg, view.pitch_deg) for view in views} == {(5, -3)}


@pytest.mark.parametrize("name", get_args(PathName))
@pytest.mark.parametrize("reach", [0.0, -1.0, 1000.0, math.nan])
def test_a_reach_that_makes_no_sense_is_refused(name: PathName, reach: float) -> None:
    with pytest.raises(BadOptionError, match="reaches"):
        PATHS[name](10, View(), reach)


def test_a_path_without_frames_is_refused() -> None:
    with pytest.raises(BadOptionError, match="frame"):
        swing(0)


def test_scenes_from_photos_swing_and_others_turn() -> None:
    scene = random_gaussians(200)
    assert default_path(Scene(scene, Camera.of_photo(64, 48, 60.0))) == "swing"
    assert default_path(Scene(replace(scene, means=scene.means - f32([0, 0, 4])))) == "orbit"
