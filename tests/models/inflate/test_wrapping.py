from __future__ import annotations

import math

import numpy as np
import pytest

from wheatstone.arrays import F64
from wheatstone.models.inflate.solids import Axis, Vessel
from wheatstone.models.inflate.wrapping import Kind, wrap

CAN = Vessel(Axis(0, 0.5, 0, 0.0), np.array([-1.0, 0.0]), np.array([0.4, 0.4]))
POT = Vessel(Axis(0, 0.5, 0, math.radians(40)), np.array([-0.8, 0.0]), np.array([0.5, 0.5]), is_open=True)
BALL = Vessel(
    Axis(0, 0.6, 0, 0.0),
    np.linspace(-1.2, 0, 41),
    0.6 * np.sqrt(np.maximum(1 - np.linspace(-1, 1, 41) ** 2, 0)),
    is_ball=True,
)


def at(vessel: Vessel, turned_deg: float, height: float, radius: float) -> F64:
    """A point so high and so far from the axis, in this direction from the viewer's."""
    axis = vessel.axis
    ahead, across = radius * math.cos(math.radians(turned_deg)), radius * math.sin(math.radians(turned_deg))
    sin, cos = math.sin(axis.elevation), math.cos(axis.elevation)
    return np.array([[axis.x + across, axis.y + height * cos - ahead * sin, axis.z + height * sin + ahead * cos]])


def wrapped(vessel: Vessel, point: F64) -> tuple[Kind, F64]:
    places, kinds = wrap(vessel, point)
    kind = Kind(int(kinds[0]))
    return kind, places[kind, 0]


@pytest.mark.parametrize("vessel", [CAN, POT], ids=["can", "pot"])
def test_what_faces_the_viewer_is_where_the_photo_shows_it(vessel: Vessel) -> None:
    point = at(vessel, 30, -0.4, vessel.radii[0])
    kind, place = wrapped(vessel, point)
    assert kind is Kind.SEEN
    assert place == pytest.approx(point[0, :2])


@pytest.mark.parametrize("turned_deg", [85, 100, 140, 180])
def test_rings_around_a_can_stay_rings(turned_deg: float) -> None:
    kind, (x, y) = wrapped(CAN, at(CAN, turned_deg, -0.4, 0.4))
    assert kind is Kind.TURNED_AWAY
    assert y == pytest.approx(0.1)
    assert abs(x) < 0.4


def test_the_back_of_a_can_is_like_its_front() -> None:
    _, front = wrapped(CAN, at(CAN, 20, -0.4, 0.4))
    _, back = wrapped(CAN, at(CAN, 160, -0.4, 0.4))
    assert back == pytest.approx(front)


def test_the_texture_goes_on_where_it_turns_away() -> None:
    before, after = (wrapped(CAN, at(CAN, angle, -0.4, 0.4)) for angle in (74.9, 75.1))
    assert (before[0], after[0]) == (Kind.SEEN, Kind.TURNED_AWAY)
    assert after[1] == pytest.approx(before[1], abs=1e-3)


def test_a_ball_goes_on_around_the_line_of_sight() -> None:
    kind, place = wrapped(BALL, np.array([[0.0, 0.0, -0.6]]))
    assert kind is Kind.TURNED_AWAY
    assert place == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("turned_deg", "height", "radius"), [(0, -0.4, 0.45), (60, -0.4, 0.45), (120, -0.4, 0.45), (0, -0.48, 0.01)]
)
def test_what_is_hidden_in_a_pot_is_like_what_one_sees_through_its_opening(
    turned_deg: float, height: float, radius: float
) -> None:
    kind, (x, y) = wrapped(POT, at(POT, turned_deg, height, radius))
    assert kind is Kind.INSIDE
    assert math.hypot(x, (y - 0.5) / math.sin(math.radians(40))) < 0.5


def test_the_far_side_of_a_pot_is_seen_inside_and_not_outside() -> None:
    assert wrapped(POT, at(POT, 180, -0.1, 0.45))[0] is Kind.SEEN
    assert wrapped(POT, at(POT, 180, -0.1, 0.5))[0] is Kind.TURNED_AWAY
