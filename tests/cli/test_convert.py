from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wheatstone
from tests.cli.command import Command
from wheatstone.splats.formats import html


def test_ply_becomes_sog_and_ply_again(command: Command, scene_file: Path, tmp_path: Path) -> None:
    assert command("convert", scene_file, tmp_path / "a.sog").code == 0
    assert command("convert", tmp_path / "a.sog", tmp_path / "b.ply").code == 0
    before, after = wheatstone.load(scene_file), wheatstone.load(tmp_path / "b.ply")
    order = np.argsort(after.gaussians.means[:, 0])
    expected = before.gaussians.means[np.argsort(before.gaussians.means[:, 0])]
    np.testing.assert_allclose(after.gaussians.means[order], expected, atol=1e-4)
    assert after.label == before.label


def test_an_existing_target_needs_overwrite(command: Command, scene_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.sog"
    target.write_bytes(b"mine")
    assert command("convert", scene_file, target).code == 2
    assert target.read_bytes() == b"mine"
    assert command("convert", scene_file, target, "--overwrite").code == 0


def test_an_unknown_ending_is_refused_with_the_known_ones(
    command: Command, scene_file: Path, tmp_path: Path
) -> None:
    result = command("convert", scene_file, tmp_path / "a.obj")
    assert result.code == 2
    assert ".sog" in result.err


def test_a_damaged_file_is_named_and_nothing_is_written(
    command: Command, scene_file: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.ply"
    damaged.write_bytes(scene_file.read_bytes()[:-40])
    result = command("convert", damaged, tmp_path / "a.sog")
    assert result.code == 2
    assert "damaged.ply" in result.err
    assert not (tmp_path / "a.sog").exists()


def test_without_a_viewer_a_page_is_refused_before_reading(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "TEMPLATE", "absent.html")
    result = command("convert", tmp_path / "absent.sog", tmp_path / "a.html")
    assert result.code == 2
    assert "installed without its viewer" in result.err


def test_effort_makes_a_smaller_sog(command: Command, scene_file: Path, tmp_path: Path) -> None:
    fast, small = tmp_path / "fast.sog", tmp_path / "small.sog"
    assert command("convert", scene_file, fast).code == 0
    assert command("convert", scene_file, small, "--effort", 1).code == 0
    assert small.stat().st_size < fast.stat().st_size


def test_effort_for_a_format_that_has_none_is_refused_before_reading(command: Command, tmp_path: Path) -> None:
    result = command("convert", tmp_path / "absent.sog", tmp_path / "a.ply", "--effort", 1)
    assert result.code == 2
    assert "ply has no effort to choose" in result.err


@pytest.mark.parametrize("ending", [".glb", ".obj", ".zip", ".usdz", ".ply", ".stl"])
def test_a_mesh_becomes_any_other_mesh(command: Command, mesh_file: Path, tmp_path: Path, ending: str) -> None:
    result = command("convert", mesh_file, tmp_path / f"a{ending}")
    assert result.code == 0, result.err
    assert f"a{ending}: 4 faces" in result.out
    assert (tmp_path / f"a{ending}").stat().st_size > 0


def test_a_mesh_can_be_compressed_and_is_the_same(command: Command, mesh_file: Path, tmp_path: Path) -> None:
    assert command("convert", mesh_file, tmp_path / "small.glb", "--draco").code == 0
    assert b"KHR_draco_mesh_compression" in (tmp_path / "small.glb").read_bytes()
    assert "4, closed" in command("info", tmp_path / "small.glb").out


def test_a_mesh_is_printed_as_large_as_asked(command: Command, mesh_file: Path, tmp_path: Path) -> None:
    assert command("convert", mesh_file, tmp_path / "a.stl", "--size-mm", "30").code == 0
    triangles = np.frombuffer((tmp_path / "a.stl").read_bytes()[84:], np.dtype("(12,)<f4, <u2"))
    assert np.ptp(triangles["f0"].reshape(-1, 4, 3)[:, 1:], axis=(0, 1)).max() == pytest.approx(30)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("corner.glb", "a.sog"), "a.sog: no mesh format"),
        (("corner.glb", "a.obj", "--draco"), "--draco is for .glb"),
        (("corner.glb", "a.glb", "--size-mm", "3"), "--size-mm is for .stl"),
        (("corner.glb", "a.glb", "--effort", "1"), "--effort is for splats"),
        (("scene.ply", "a.sog", "--draco"), "--draco and --size-mm are for meshes"),
        (("corner.usdz", "a.glb"), "corner.usdz: neither the name of a splat"),
    ],
)
@pytest.mark.usefixtures("mesh_file")
def test_what_does_not_go_together_is_refused(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    source, target, *options = arguments
    result = command("convert", tmp_path / source, tmp_path / target, *options)
    assert result.code == 2
    assert told in result.err
    assert not (tmp_path / target).exists()
