from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from tests.models.inflate import crockery
from tests.models.inflate.objects import figure, mug
from wheatstone.arrays import U8, Mask
from wheatstone.models.inflate.recognition import find_solids
from wheatstone.models.inflate.silhouette import PLAN_PX, find_silhouette
from wheatstone.models.inflate.solids import Dish, Vessel


def solids(rgb: U8, inside: Mask) -> tuple[Vessel | Dish, ...]:
    return find_solids(find_silhouette(inside.astype(np.float32), "it.png"), rgb)


def test_a_plate_is_a_dish_as_slanted_as_it_is_seen() -> None:
    (found,) = solids(*crockery.plate())
    assert isinstance(found, Dish)
    assert found.axis.elevation == pytest.approx(math.asin(160 / 230), abs=0.03)
    assert found.radius == pytest.approx(0.9, abs=0.01)


def test_a_cup_is_open_and_as_slanted_as_its_rim() -> None:
    (found,) = solids(*crockery.cup())
    assert isinstance(found, Vessel)
    assert found.is_open
    assert found.axis.elevation == pytest.approx(math.asin(70 / 197), abs=0.05)
    assert found.radii[0] < 0.8 * found.radii[-1]  # it narrows downwards


def test_a_cup_on_a_saucer_is_two() -> None:
    cup, saucer = solids(*crockery.cup_on_saucer())
    assert isinstance(cup, Vessel)
    assert cup.is_open
    assert isinstance(saucer, Dish)
    assert saucer.radius > 2 * cup.radii.max()
    assert cup.axis.y > saucer.axis.y


@pytest.mark.parametrize("rgb", [crockery.shaded_ball(), crockery.spotted_ball()], ids=["plain", "spotted"])
def test_what_is_lit_like_a_ball_is_one(rgb: U8) -> None:
    (found,) = solids(rgb, crockery.disc())
    assert isinstance(found, Vessel)
    assert found.is_ball
    assert not found.is_open


def test_an_evenly_lit_disc_is_no_ball() -> None:
    assert solids(crockery.plan(), crockery.disc()) == ()


def test_a_bottle_turns_around_its_middle() -> None:
    (found,) = solids(crockery.plan(), crockery.bottle())
    assert isinstance(found, Vessel)
    assert found.axis.x == pytest.approx(0, abs=0.01)
    assert found.radii.max() / found.radii[-20] == pytest.approx(80 / 25, rel=0.1)


def test_a_handle_does_not_hide_a_mug() -> None:
    (found,) = solids(crockery.plan(), mug() > 0)
    assert isinstance(found, Vessel)
    assert found.axis.x < -0.1  # left of the middle of mug and handle


def test_what_the_border_cuts_is_left_to_inflation() -> None:
    assert solids(crockery.plan(), crockery.bottle()[:400]) == ()


def upright_box() -> Mask:
    mask = cv2.rectangle(crockery.empty(), (150, 60), (360, 450), 255, -1)
    return crockery.within(np.asarray(mask, np.uint8))


@pytest.mark.parametrize("inside", [figure() > 0, upright_box()], ids=["figure", "box"])
def test_people_and_boxes_do_not_turn(inside: Mask) -> None:
    assert solids(np.full((PLAN_PX, PLAN_PX, 3), 150, np.uint8), inside) == ()
