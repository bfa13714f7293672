from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from tests.models.inflate import crockery
from wheatstone.arrays import F32, U8, Mask
from wheatstone.meshes.cameras import Camera
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.render import render
from wheatstone.models.inflate.body import closed_surface
from wheatstone.models.inflate.heights import raise_heights
from wheatstone.models.inflate.silhouette import find_silhouette


def body(rgb: U8, inside: Mask) -> Mesh:
    silhouette = find_silhouette(inside.astype(np.float32), "it.png")
    return Mesh(*closed_surface(silhouette, raise_heights(silhouette, rgb)))


def seen(mesh: Mesh, azimuth: float, elevation: float = 0) -> Mask:
    covered: Mask = render(mesh, Camera.orthographic(azimuth, elevation, 200, half_side=1.2)).alpha > 0.5
    return covered


def overlap(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize(
    ("rgb", "inside"),
    [(crockery.shaded_ball(), crockery.disc()), (crockery.plan(), crockery.bottle())],
    ids=["ball", "bottle"],
)
def test_what_turns_around_an_axis_looks_the_same_from_all_sides(rgb: U8, inside: Mask) -> None:
    mesh = body(rgb, inside)
    assert mesh.is_watertight
    across, _, deep = np.ptp(mesh.bounds, axis=0)
    assert deep == pytest.approx(across, rel=0.03)
    for azimuth in (45, 90, 180):
        assert overlap(seen(mesh, 0), seen(mesh, azimuth)) > 0.96


def test_a_plate_lies_as_it_is_seen() -> None:
    mesh = body(*crockery.plate())
    assert mesh.is_watertight
    # From right above it is a circle, from its own level a line.
    slant = math.degrees(math.asin(160 / 230))
    above = np.argwhere(seen(mesh, 0, 90 - slant))
    assert np.ptp(above[:, 0]) == pytest.approx(np.ptp(above[:, 1]), rel=0.05)
    level = np.argwhere(seen(mesh, 0, -slant))
    assert np.ptp(level[:, 0]) < 0.2 * np.ptp(level[:, 1])


def first_hit(mesh: Mesh, elevation: float) -> F32:
    return render(mesh, Camera.orthographic(0, elevation, 200, half_side=1.2)).depth


def test_a_cup_is_hollow_and_closed() -> None:
    mesh = body(*crockery.cup())
    assert mesh.is_watertight
    # Seen from right above its rim, the floor is far below the rim.
    slant = math.degrees(math.asin(70 / 197))
    depth = first_hit(mesh, 90 - slant)
    rows, columns = np.nonzero(np.isfinite(depth))
    centre = depth[round((rows.min() + rows.max()) / 2), round((columns.min() + columns.max()) / 2)]
    assert centre - depth.min() > 0.4


def test_a_cup_stands_apart_from_its_saucer() -> None:
    mesh = body(*crockery.cup_on_saucer())
    assert mesh.is_watertight
    # From the saucer's own level: a wide thin saucer, a narrow cup on it, nothing beside the cup.
    level = seen(mesh, 0, -math.degrees(math.asin(140 / 230)))
    widths = level.sum(axis=1)
    rows = np.nonzero(widths)[0]
    wide = (widths[rows] > 0.8 * widths.max()).sum()
    narrow = (widths[rows] < 0.55 * widths.max()).sum()
    assert wide < 0.2 * len(rows)
    assert narrow > 0.6 * len(rows)


def test_a_circle_on_a_ball_is_no_hollow() -> None:
    mesh = body(crockery.spotted_ball(), crockery.disc())
    assert mesh.volume == pytest.approx(4 / 3 * math.pi * 0.9**3, rel=0.03)


def test_a_box_is_as_thick_at_its_border_as_in_its_middle() -> None:
    inside = cv2.rectangle(crockery.empty(), (120, 60), (390, 450), 255, -1) > 0
    mesh = body(crockery.plan(), np.asarray(inside))
    above = seen(mesh, 0, 90).sum(axis=0)
    middle = above[len(above) // 2]
    across = np.nonzero(above)[0]
    assert (above[across] > 0.9 * middle).mean() > 0.85
