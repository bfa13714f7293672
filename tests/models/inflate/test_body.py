from __future__ import annotations

import numpy as np
import pytest
from bench import silhouettes

from tests.models.inflate.objects import ball, figure, mug
from wheatstone.arrays import F32, U8
from wheatstone.errors import BadPictureError
from wheatstone.meshes.mesh import Mesh
from wheatstone.models.inflate.body import closed_surface
from wheatstone.models.inflate.heights import raise_heights
from wheatstone.models.inflate.silhouette import PLAN_PX, find_silhouette

GREY = np.full((PLAN_PX, PLAN_PX, 3), 127, np.uint8)


def body(mask: U8) -> Mesh:
    silhouette = find_silhouette((mask / np.float32(255)).astype(np.float32), "it.png")
    return Mesh(*closed_surface(silhouette, raise_heights(silhouette, GREY)))


def extents(mesh: Mesh) -> F32:
    return np.asarray(np.ptp(mesh.bounds, axis=0), np.float32)


def test_random_silhouettes_become_closed_bodies() -> None:
    """A twentieth of `python -m bench silhouettes`."""
    assert silhouettes.campaign(silhouettes.SILHOUETTES // 20)["findings"] == []


@pytest.mark.slow
def test_hundreds_of_silhouettes_become_closed_bodies() -> None:
    assert silhouettes.campaign(silhouettes.SILHOUETTES)["findings"] == []


def test_a_disc_becomes_nearly_a_ball() -> None:
    across, down, deep = extents(body(ball()))
    assert across == pytest.approx(1.8, abs=0.03)
    assert down == pytest.approx(1.8, abs=0.03)
    assert 0.9 < deep < 1.5


def test_a_body_is_as_wide_as_its_outline() -> None:
    bounds = body(mug()).bounds
    across, down = np.ptp(bounds, axis=0)[:2]
    assert across == pytest.approx(1.8, abs=0.06)
    assert down / across == pytest.approx(151 / 165, abs=0.04)


@pytest.mark.parametrize(
    ("mask", "holes"), [(ball(), 0), (mug(), 1), (figure(), 0)], ids=["ball", "mug", "figure"]
)
def test_a_body_has_the_holes_of_its_outline(mask: U8, holes: int) -> None:
    mesh = body(mask)
    assert mesh.is_watertight
    assert mesh.volume > 0
    euler = len(mesh.vertices) - len(mesh.faces) * 3 // 2 + len(mesh.faces)
    assert euler == 2 - 2 * holes


def test_pieces_stay_apart() -> None:
    mask = np.maximum(np.roll(ball(40), -60, axis=1), np.roll(ball(40), 60, axis=1))
    mesh = body(mask)
    assert mesh.is_watertight
    assert len(mesh.vertices) - len(mesh.faces) * 3 // 2 + len(mesh.faces) == 4


@pytest.mark.parametrize("turns", range(4))
def test_what_the_border_cuts_ends_flat(turns: int) -> None:
    half = ball(100)[120:]
    mesh = body(np.rot90(half, turns).copy())
    assert mesh.is_watertight
    direction = [(0, 1), (-1, 0), (0, -1), (1, 0)][turns]  # towards the cut, x and y
    along = mesh.vertices[:, :2] @ np.array(direction, np.float32)
    cut = along > along.max() - 0.03
    assert np.ptp(mesh.vertices[cut, 2]) > 0.8 * np.ptp(mesh.vertices[:, 2])


def test_a_picture_without_object_is_refused_by_name() -> None:
    with pytest.raises(BadPictureError, match=r"it\.png shows no object"):
        find_silhouette(np.zeros((50, 60), np.float32), "it.png")


def test_a_speck_is_refused() -> None:
    speck = np.zeros((50, 60), np.float32)
    speck[20:22, 30:33] = 1
    with pytest.raises(BadPictureError, match="only 3 pixels"):
        find_silhouette(speck, "it.png")


@pytest.mark.parametrize("shape", [(4, 4), (5, 90), (90, 5), (300, 300)])
def test_an_object_that_fills_its_picture_becomes_a_closed_body(shape: tuple[int, int]) -> None:
    mesh = body(np.full(shape, 255, np.uint8))
    assert mesh.is_watertight
    assert mesh.volume > 0
