from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from tests.meshes.shapes import SIDES, box, meshes, painted, sphere, turned
from wheatstone import compiled
from wheatstone.arrays import F64
from wheatstone.errors import BadOptionError
from wheatstone.meshes.cameras import Camera
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.render import PLAIN, RenderedMesh, render

FRONT = Camera.orthographic(0, 0, 64)


def same(first: RenderedMesh, second: RenderedMesh) -> bool:
    names = [field.name for field in fields(RenderedMesh)]
    return all(np.array_equal(getattr(first, n), getattr(second, n), equal_nan=True) for n in names)


def grid(camera: Camera) -> tuple[F64, F64]:
    """(H, W) how far right and up pixel centres are, in units of length at unit distance."""
    x = (np.arange(camera.width_px) + 0.5 - camera.width_px / 2) / camera.zoom_px
    y = (camera.height_px / 2 - np.arange(camera.height_px) - 0.5) / camera.zoom_px
    right, up = np.meshgrid(x, y)
    return right, up


@pytest.mark.parametrize(
    ("azimuth", "elevation", "side"), [(90, 0, 0), (-90, 0, 1), (0, 90, 2), (0, -90, 3), (0, 0, 4), (180, 0, 5)]
)
@pytest.mark.parametrize("perspective", [False, True])
def test_each_side_is_seen_from_where_it_is(
    azimuth: float, elevation: float, side: int, perspective: bool
) -> None:
    camera = Camera.orthographic(azimuth, elevation, 40)
    if perspective:
        camera = Camera.around(box(), azimuth, elevation, 40, 40)
    seen = render(box(), camera, shading=0)
    assert seen.rgb[20, 20].tolist() == SIDES[side].tolist()


def test_an_orthographic_sphere_has_its_shape() -> None:
    seen = render(sphere(64), Camera.orthographic(0, 0, 128), samples=4)
    right, up = grid(Camera.orthographic(0, 0, 128))
    squared = right**2 + up**2
    assert seen.alpha[squared < 0.98**2].min() == 1
    assert seen.alpha[squared > 1.02**2].max() == 0
    inner = squared < 0.8**2
    np.testing.assert_allclose(seen.world[inner][:, 0], right[inner], atol=0.005)
    np.testing.assert_allclose(seen.world[inner][:, 1], up[inner], atol=0.005)
    np.testing.assert_allclose(seen.depth[inner], -np.sqrt(1 - squared[inner]), atol=0.01)
    np.testing.assert_allclose(seen.world[inner][:, 2], -seen.depth[inner], atol=1e-6)


def test_a_perspective_plane_is_mapped_as_rays_meet_it() -> None:
    """A tilted square with coordinates as colours: what linear interpolation on the picture would get wrong."""
    ramp = np.linspace(0, 255, 256).round().astype(np.uint8)
    texture = np.stack(
        [np.tile(ramp, (256, 1)), np.tile(ramp[::-1, None], (1, 256)), np.zeros((256, 256))], axis=2
    )
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    square = Mesh(
        corners,
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        (corners[:, :2] + 1) / np.float32(2),
        texture.astype("u1"),
    )
    camera = Camera.around(square, 55, 20, 96, 96)
    seen = render(square, camera, shading=0, samples=1)
    right, up = grid(camera)
    pose = camera.world_to_camera
    rays = np.stack([right, up, -np.ones_like(right)], axis=2) @ pose[:3, :3]
    origin = -pose[:3, :3].T @ pose[:3, 3]
    hits = origin - rays * (origin[2] / rays[..., 2:])
    inside = (np.abs(hits[..., :2]) < 0.95).all(axis=2)
    assert inside.sum() > 1000
    assert seen.alpha[inside].min() == 1
    np.testing.assert_allclose(seen.world[inside], hits[inside], atol=0.01)
    np.testing.assert_allclose(seen.color[inside][:, :2], (hits[inside][:, :2] + 1) / 2, atol=0.012)
    depths = np.linalg.norm(hits - origin, axis=2) / np.linalg.norm(rays, axis=2)
    np.testing.assert_allclose(seen.depth[inside], depths[inside], rtol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_faces_side_by_side_leave_no_gap(seed: int) -> None:
    """A flat sheet of slivers covers every sample of its inside, from any angle."""
    random = np.random.default_rng(seed)
    points = np.stack(np.meshgrid(np.linspace(-1.5, 1.5, 30), np.linspace(-1.5, 1.5, 30)), axis=2)
    points[1:-1, 1:-1] += random.uniform(-0.045, 0.045, (28, 28, 2))
    vertices = np.concatenate([points.reshape(-1, 2), np.zeros((900, 1))], axis=1).astype(np.float32)
    cells = (np.arange(29)[:, None] * 30 + np.arange(29)).ravel()
    faces = np.concatenate(
        [np.stack([cells, cells + 1, cells + 31], 1), np.stack([cells, cells + 31, cells + 30], 1)]
    )
    sheet = Mesh(vertices, faces.astype(np.int32)).transformed(turned(random.uniform(0, 90), 2))
    assert render(sheet, Camera.orthographic(0, 0, 200), samples=3).alpha.min() == 1


def test_the_nearer_surface_hides_the_farther_whatever_their_order() -> None:
    near, far = box(), box((1.4, 1.4, 0.1))
    behind = np.eye(4)
    behind[2, 3] = -2
    far = replace(far.transformed(behind), uv=far.uv)
    for first, second in ((near, far), (far, near)):
        assert first.uv is not None
        assert second.uv is not None
        both = Mesh(
            np.concatenate([first.vertices, second.vertices]),
            np.concatenate([first.faces, second.faces + len(first.vertices)]),
            np.concatenate([first.uv, second.uv]),
            first.texture,
        )
        depth = render(both, FRONT).depth
        assert depth[32, 32] == pytest.approx(-0.5)
        assert depth[32, 32 + 19] == pytest.approx(1.95)


def test_a_pixel_is_covered_by_as_much_as_covers_it() -> None:
    corners = np.array([[-1, -1, 0], [1, -1, 0], [-1, 1, 0]], np.float32)
    half = Mesh(corners, np.array([[0, 1, 2]], np.int32))
    assert render(half, FRONT, samples=4).alpha.mean() == pytest.approx(0.5, abs=0.01)


def test_uncovered_pixels_show_the_background_and_nothing_else() -> None:
    seen = render(sphere(), FRONT, background=(0.1, 0.2, 0.3))
    np.testing.assert_allclose(seen.color[0, 0], [0.1, 0.2, 0.3], atol=1e-7)
    assert (seen.alpha[0, 0], seen.depth[0, 0]) == (0, np.inf)
    assert np.isnan(seen.world[0, 0]).all()


def test_a_mesh_without_texture_has_a_colour() -> None:
    assert render(sphere(), FRONT, shading=0).rgb[32, 32].tolist() == list(PLAIN)


def test_light_comes_from_near_the_viewer_and_leaves_no_black() -> None:
    seen = render(sphere(48), FRONT)
    brightness = seen.color.mean(axis=2)
    assert brightness[20, 25] > 0.95 * PLAIN[0] / 255
    assert 0.3 < brightness[seen.alpha == 1].min() / (PLAIN[0] / 255) < 0.7


def test_a_wall_is_lit_alike_from_both_sides() -> None:
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    wall = Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    front, back = (render(wall, Camera.orthographic(angle, 0, 16)).rgb for angle in (0, 180))
    assert np.array_equal(front, back)


def test_a_fine_texture_is_averaged_not_sampled() -> None:
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    wall = Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32), (corners[:, :2] + 1) / np.float32(2), stripes)
    seen = render(wall, Camera.orthographic(0, 0, 100), shading=0)
    assert np.abs(seen.color - 0.5).max() < 0.02


def test_what_is_behind_the_camera_is_not_drawn() -> None:
    camera = Camera.around(box(), 0, 0, 32, 32)
    behind = np.eye(4)
    behind[2, 3] = 100
    assert render(box().transformed(behind), camera).alpha.max() == 0


def test_faces_around_the_camera_do_no_harm() -> None:
    camera = Camera.around(box(), 0, 0, 32, 32)
    assert np.isfinite(render(sphere(8, 5.0), camera).color).all()


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("camera", [FRONT, Camera.around(sphere(), 30, 20, 120, 90)], ids=["flat", "perspective"])
def test_the_same_to_the_last_bit_whatever_the_threads(
    monkeypatch: pytest.MonkeyPatch, camera: Camera, threads: int
) -> None:
    expected = render(painted(sphere()), camera)
    monkeypatch.setattr(compiled, "thread_count", lambda: threads)
    assert same(render(painted(sphere()), camera), expected)


@settings(max_examples=60, deadline=None)
@given(mesh=meshes())
def test_any_mesh_can_be_drawn(mesh: Mesh) -> None:
    for camera in (FRONT, Camera.around(mesh, 30, 20, 24, 40)):
        seen = render(mesh, camera, background=(0.5, 0.5, 0.5))
        assert np.isfinite(seen.color).all()
        assert seen.color.min() >= 0
        assert seen.color.max() <= 1 + 1e-5
        assert np.array_equal(np.isnan(seen.world[..., 0]), seen.alpha == 0)


@pytest.mark.parametrize(
    "options",
    [{"shading": 1.5}, {"shading": float("nan")}, {"samples": 0}, {"samples": 5}, {"background": (0, 0)}],
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadOptionError):
        render(sphere(), FRONT, **options)
