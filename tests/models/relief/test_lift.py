from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheatstone import compiled
from wheatstone.arrays import F64, AnyArray
from wheatstone.models.relief import lift as lift_module
from wheatstone.models.relief.layers import Layer
from wheatstone.models.relief.lift import depth_of, lift
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians

HEIGHT, WIDTH, F_PX = 24, 32, 30.0


def layer(disparity: AnyArray, alpha: AnyArray | float = 1.0, fine: AnyArray | bool = True) -> Layer:
    shape = disparity.shape
    colour = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    alpha = np.broadcast_to(np.float32(alpha), shape)
    return Layer(colour, disparity.astype(np.float32), alpha, np.broadcast_to(np.bool_(fine), shape))


def texture(of: Layer, strength: float = 1.0) -> Gaussians:
    """The fine splats of one layer, in the order of its pixels."""
    gaussians = lift([of], F_PX, strength)
    fine = int((of.fine & (of.alpha > 0.06)).sum())
    return gaussians.take(np.arange(len(gaussians) - fine, len(gaussians)))


def backing(of: Layer, strength: float = 1.0) -> Gaussians:
    """The coarse splats of one layer."""
    return lift([replace(of, fine=np.zeros_like(of.fine))], F_PX, strength)


def pixels(gaussians: Gaussians, height: int = HEIGHT, width: int = WIDTH) -> F64:
    """(N, 2) columns and rows that the centres are seen at."""
    camera = Camera.of_photo(width, height, F_PX)
    seen = camera.points_seen(gaussians.means.astype(np.float64)) @ camera.intrinsics.T
    return np.asarray(seen[:, :2] / seen[:, 2:])


def normals(gaussians: Gaussians) -> F64:
    """(N, 3) thin axes of the splats, away from the camera."""
    w, x, y, z = gaussians.quaternions.astype(np.float64).T
    thin = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=1)
    away: F64 = thin * np.sign(thin[:, 2:])
    return away


def rough(seed: int) -> AnyArray:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH))


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_every_splat_is_seen_at_the_pixel_it_came_from(seed: int, strength: float) -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    expected = np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5
    assert np.abs(pixels(texture(layer(rough(seed)), strength)) - expected).max() < 1e-3


def test_every_backing_splat_is_seen_between_the_four_pixels_it_backs() -> None:
    rows, columns = np.mgrid[1:HEIGHT:2, 1:WIDTH:2]
    expected = np.stack([columns.ravel(), rows.ravel()], axis=1)
    assert np.abs(pixels(backing(layer(rough(0)))) - expected).max() < 1e-3


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0.07, 1))
@settings(max_examples=25, deadline=None)
def test_splats_are_always_valid(seed: int, strength: float, alpha: float) -> None:
    gaussians = lift([layer(rough(seed), alpha)], F_PX, strength)
    gaussians.validate()
    assert np.abs(np.linalg.norm(gaussians.quaternions, axis=1) - 1).max() < 1e-5
    assert gaussians.scales.min() > 0


@pytest.mark.parametrize("disparity", [0.0, 0.5, 1.0])
def test_splats_of_an_upright_plane_face_the_camera(disparity: float) -> None:
    gaussians = texture(layer(np.full((HEIGHT, WIDTH), disparity)))
    assert normals(gaussians) == pytest.approx(np.tile([0, 0, 1], (len(gaussians), 1)), abs=1e-4)
    assert np.ptp(gaussians.means[:, 2]) == 0


def test_splats_of_the_ground_lie_in_it() -> None:
    gaussians = texture(layer(np.repeat(np.linspace(0.1, 0.9, HEIGHT)[:, None], WIDTH, axis=1)))
    means = gaussians.means.astype(np.float64)
    centred = means - means.mean(axis=0)
    ground = np.linalg.svd(centred)[2][2]
    assert np.abs(centred @ ground).max() < 1e-3  # disparity linear in the row is a plane
    assert np.abs(normals(gaussians) @ ground).min() > 0.99


def test_splats_are_thinnest_across_the_surface() -> None:
    gaussians = texture(layer(rough(0)))
    assert np.all(gaussians.scales[:, 2] < 0.2 * gaussians.scales[:, :2].min(axis=1))


def test_no_skirt_hangs_between_the_sides_of_a_jump() -> None:
    step = np.where(np.arange(WIDTH) < WIDTH // 2, 0.1, 0.9)[None].repeat(HEIGHT, axis=0)
    gaussians = texture(layer(step))
    assert normals(gaussians)[:, 2].min() > 0.999
    upright = texture(layer(np.full((HEIGHT, WIDTH), 0.1))).scales / depth_of(np.array(0.1), 1)
    assert (gaussians.scales / gaussians.means[:, 2:]).max() < 1.01 * upright.max()


def test_splats_are_as_large_as_their_pixels() -> None:
    gaussians = texture(layer(np.full((HEIGHT, WIDTH), 0.3)))
    pixel_m = gaussians.means[0, 2] / F_PX
    assert np.all(gaussians.scales[:, 1] < pixel_m)
    assert np.all(gaussians.scales[:, 1] > 0.3 * pixel_m)


def test_disparity_one_is_a_metre_away_and_less_is_farther() -> None:
    depth_m = depth_of(np.linspace(0, 1, 11), 1.0)
    assert depth_m[-1] == pytest.approx(1)
    assert depth_m[0] == pytest.approx(4)
    assert np.all(np.diff(depth_m) < 0)
    assert np.diff(1 / depth_m) == pytest.approx(0.075, abs=1e-4)


def test_without_strength_everything_is_a_metre_away() -> None:
    assert depth_of(rough(0), 0.0) == pytest.approx(1)


def test_colours_and_opacities_are_those_of_the_pixels() -> None:
    alpha = np.linspace(0.1, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    of = layer(rough(0), alpha)
    gaussians = texture(of)
    assert np.abs(gaussians.colors * 255 - of.colour.reshape(-1, 3)).max() < 0.01
    assert gaussians.opacities == pytest.approx(0.97 * alpha.ravel(), abs=1e-6)


def test_where_a_layer_has_nothing_there_are_no_splats() -> None:
    left = np.where(np.arange(WIDTH) < WIDTH // 2, 1.0, 0.0)[None].repeat(HEIGHT, axis=0)
    assert pixels(lift([layer(rough(0), left)], F_PX, 1.0))[:, 0].max() < WIDTH // 2


def test_backing_stays_behind_its_texture_and_inside_the_silhouette() -> None:
    left = np.where(np.arange(WIDTH) < WIDTH // 2, 1.0, 0.0)[None].repeat(HEIGHT, axis=0)
    gaussians = backing(layer(np.full((HEIGHT, WIDTH), 0.5), left))
    assert len(gaussians) > 0
    assert np.all(gaussians.means[:, 2] > depth_of(np.array(0.5), 1.0))
    reach_px = 3 * gaussians.scales[:, 0] / gaussians.means[:, 2] * F_PX
    assert np.all(pixels(gaussians)[:, 0] + reach_px < WIDTH // 2 + 1.5)


def test_layers_come_one_after_the_other() -> None:
    far, near = layer(np.full((HEIGHT, WIDTH), 0.1)), layer(np.full((HEIGHT, WIDTH), 0.9))
    both = lift([far, near], F_PX, 1.0)
    assert len(both) == len(lift([far], F_PX, 1.0)) + len(lift([near], F_PX, 1.0))
    assert both.means[0, 2] > both.means[-1, 2]


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lift_module, "_CHUNK", 50)
    results = []
    for threads in (1, 2, 7):
        monkeypatch.setattr(compiled, "thread_count", lambda threads=threads: threads)
        results.append(lift([layer(rough(0))], F_PX, 1.0))
    for field in fields(Gaussians):
        first, *others = (getattr(result, field.name) for result in results)
        assert all(np.array_equal(first, other) for other in others)


@pytest.mark.parametrize("shape", [(3, 3), (3, 9), (9, 3), (4, 5)])
def test_tiny_layers_are_lifted(shape: tuple[int, int]) -> None:
    gaussians = lift([layer(np.random.default_rng(0).random(shape))], F_PX, 1.0)
    gaussians.validate()
    assert len(gaussians) >= shape[0] * shape[1]
