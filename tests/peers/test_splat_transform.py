"""PlayCanvas's splat-transform, the reference for SOG, opens our files, and we open its.

Install it with `npm ci` in this folder (it brings its own Node).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.peers.splat_transform import MISSING, PROGRAM, convert, errors, rms
from tests.splats.formats.scenes import CAMERA, heavy_tailed, photo_like
from tests.splats.reference import random_gaussians
from wheatstone.splats.formats import ply, sog
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Scene

SCENES = {"photo": photo_like(173), "heavy-tailed": heavy_tailed(60_000)}  # 59,858 and 60,000 Gaussians


@pytest.fixture(autouse=True)
def _installed() -> None:
    if PROGRAM.exists():
        return
    if os.environ.get("CI"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)


def save(gaussians: Gaussians, path: Path) -> Path:
    return Scene(gaussians, CAMERA, "made by a test").save(path)


def assert_same(a: Gaussians, b: Gaussians) -> None:
    """Equal up to float32 and splat-transform's clamp of logits at 1e-6."""
    np.testing.assert_allclose(a.means, b.means, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(a.scales, b.scales, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(a.opacities, b.opacities, atol=3e-6)
    np.testing.assert_allclose(a.sh, b.sh, rtol=1e-6, atol=1e-7)
    assert np.all(np.abs(np.sum(a.quaternions * b.quaternions, axis=1)) > 1 - 1e-5)


@pytest.mark.parametrize("name", SCENES)
def test_it_finds_in_our_sog_what_we_find(tmp_path: Path, name: str) -> None:
    ours = save(SCENES[name], tmp_path / "ours.sog")
    assert_same(ply.read(convert(ours, tmp_path / "theirs.ply")).gaussians, sog.read(ours).gaussians)


@pytest.mark.parametrize("name", SCENES)
def test_we_find_in_its_sog_what_it_finds(tmp_path: Path, name: str) -> None:
    theirs = convert(save(SCENES[name], tmp_path / "ours.plain.ply"), tmp_path / "theirs.sog")
    assert_same(sog.read(theirs).gaussians, ply.read(convert(theirs, tmp_path / "theirs.ply")).gaussians)


@pytest.mark.parametrize("name", SCENES)
def test_no_error_of_our_sog_exceeds_that_of_its_own(tmp_path: Path, name: str) -> None:
    # Its SOG is in Morton order: sort the scene that way first, so that both keep the order.
    source = save(SCENES[name], tmp_path / "source.plain.ply")
    their_source = convert(source, tmp_path / "sorted.ply", "--morton-order")
    theirs = convert(their_source, tmp_path / "theirs.sog")
    before = ply.read(their_source).gaussians
    their_errors = errors(before, sog.read(theirs).gaussians)
    our_errors = errors(before, sog.read(save(before, tmp_path / "ours.sog")).gaussians)
    for attribute, their_error in their_errors.items():
        assert rms(our_errors[attribute]) <= rms(their_error), attribute
        assert our_errors[attribute].max() <= their_error.max(), attribute


@pytest.mark.parametrize("name", SCENES)
def test_more_effort_gives_a_smaller_sog_that_says_the_same(tmp_path: Path, name: str) -> None:
    fastest = save(SCENES[name], tmp_path / "fastest.sog")
    with (tmp_path / "smaller.sog").open("wb") as file:
        sog.write(Scene(SCENES[name], CAMERA, "made by a test"), file, effort=1)
    assert (tmp_path / "smaller.sog").stat().st_size < fastest.stat().st_size
    theirs = ply.read(convert(tmp_path / "smaller.sog", tmp_path / "theirs.ply")).gaussians
    assert_same(theirs, sog.read(fastest).gaussians)


@pytest.mark.parametrize("name", SCENES)
def test_our_sog_is_not_larger_than_its_own(tmp_path: Path, name: str) -> None:
    theirs = convert(save(SCENES[name], tmp_path / "source.plain.ply"), tmp_path / "theirs.sog")
    ours = save(SCENES[name], tmp_path / "ours.sog")
    assert ours.stat().st_size <= 1.01 * theirs.stat().st_size


@pytest.mark.parametrize("suffix", [".ply", ".plain.ply"])
def test_it_reads_our_ply_losslessly(tmp_path: Path, suffix: str) -> None:
    gaussians = random_gaussians(500, degree=3)
    theirs = convert(save(gaussians, tmp_path / f"ours{suffix}"), tmp_path / "theirs.ply")
    assert_same(ply.read(theirs).gaussians, gaussians)


def test_view_dependent_colour_agrees_both_ways(tmp_path: Path) -> None:
    ours = save(random_gaussians(3000, degree=2), tmp_path / "ours.sog")
    assert_same(ply.read(convert(ours, tmp_path / "a.ply")).gaussians, sog.read(ours).gaussians)
    theirs = convert(ours, tmp_path / "theirs.sog", "-i", "2")
    assert_same(sog.read(theirs).gaussians, ply.read(convert(theirs, tmp_path / "b.ply")).gaussians)


def test_we_read_its_loose_meta_json(tmp_path: Path) -> None:
    source = save(random_gaussians(2000), tmp_path / "source.ply")
    bundled = sog.read(convert(source, tmp_path / "theirs.sog"))
    (tmp_path / "loose").mkdir()
    loose = sog.read(convert(source, tmp_path / "loose" / "meta.json"))
    assert np.array_equal(loose.gaussians.means, bundled.gaussians.means)


def test_flat_gaussians_agree_both_ways(tmp_path: Path) -> None:
    gaussians = random_gaussians(2000)
    flat = gaussians.scales.copy()
    flat[::5, 2] = 0
    scene = Gaussians(gaussians.means, flat, gaussians.quaternions, gaussians.opacities, gaussians.sh)
    ours = save(scene, tmp_path / "ours.sog")
    assert_same(ply.read(convert(ours, tmp_path / "theirs.ply")).gaussians, sog.read(ours).gaussians)
    theirs = sog.read(convert(save(scene, tmp_path / "ours.plain.ply"), tmp_path / "theirs.sog")).gaussians
    assert np.count_nonzero(theirs.scales < 1e-8) == np.count_nonzero(flat == 0)
