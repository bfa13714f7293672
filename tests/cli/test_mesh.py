from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import wheatstone
from tests.cli.command import Command
from wheatstone import clips
from wheatstone.meshes.formats import read_mesh
from wheatstone.settings import load_settings

QUICK = ("--faces", 500, "--texture-size", 64)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Weights are used if they are here, and never fetched."""
    monkeypatch.setenv("WHEATSTONE_CHECKPOINTS__OFFLINE", "true")
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture
def thing(tmp_path: Path) -> Path:
    """A red ball, cut out."""
    ball = np.zeros((90, 100, 4), np.uint8)
    cv2.circle(ball, (50, 45), 35, (200, 40, 40, 255), -1)
    path = tmp_path / "thing.png"
    Image.fromarray(ball).save(path)
    return path


def test_a_photo_becomes_meshes_beside_their_poster(command: Command, thing: Path, tmp_path: Path) -> None:
    result = command("mesh", thing, "-o", tmp_path / "out", "--format", "glb,zip,obj,stl", "--poster", *QUICK)
    assert result.code == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"thing.glb", "thing.zip", "thing.obj", "thing.mtl", "thing.png", "thing.stl", "thing.webp"}
    for suffix in (".glb", ".zip", ".obj"):
        mesh = read_mesh(tmp_path / "out" / f"thing{suffix}")
        assert mesh.is_watertight
        assert len(mesh.faces) <= 500


def test_the_parts_can_be_kept(command: Command, thing: Path, tmp_path: Path) -> None:
    assert command("mesh", thing, "-o", tmp_path / "it.glb", "--parts", *QUICK).code == 0
    names = {path.name for path in (tmp_path / "it.parts").iterdir()}
    assert names == {
        "matte.png", "pixel_images.png", "xyz_images.png", "preview.glb", "output3d.zip", "model.glb",
    }  # fmt: skip
    assert (tmp_path / "it.parts" / "model.glb").read_bytes() == (tmp_path / "it.glb").read_bytes()


def test_a_photo_becomes_a_clip(
    command: Command, thing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "SECONDS", 0.1)
    assert command("mesh", thing, "-o", tmp_path / "it.glb", "--turntable", *QUICK).code == 0
    assert b"ftyp" in (tmp_path / "it.mp4").read_bytes()[:12]


def test_the_summary_tells_faces_times_sizes_and_what_made_it(
    command: Command, thing: Path, tmp_path: Path
) -> None:
    result = command("mesh", thing, "-o", tmp_path / "it.glb", *QUICK)
    assert f"{len(read_mesh(tmp_path / 'it.glb').faces):,}" in result.out
    assert "faces" in result.out
    assert "matte" in result.out
    assert "kB" in result.out or "MB" in result.out
    assert "inflated silhouette; sides and back are invented" in result.out


def test_a_photo_without_object_is_named_and_the_rest_done(command: Command, thing: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    Image.new("RGB", (64, 48), (90, 90, 90)).save(empty)
    result = command("mesh", empty, thing, "-o", tmp_path / "out", *QUICK)
    assert result.code == 2
    assert result.err.count("error:") == 1
    assert "empty.png shows no object" in result.err
    assert (tmp_path / "out" / "thing.glb").exists()


def test_existing_files_are_kept_unless_told_otherwise(command: Command, thing: Path, tmp_path: Path) -> None:
    target = tmp_path / "it.glb"
    target.write_bytes(b"precious")
    assert command("mesh", thing, "-o", target, *QUICK).code == 2
    assert target.read_bytes() == b"precious"
    assert command("mesh", thing, "-o", target, "--overwrite", *QUICK).code == 0
    assert read_mesh(target).is_watertight


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--faces", 5), "100 to 1,000,000 faces"),
        (("--texture-size", 5), "64 to 4096 pixels"),
        (("--format", "gibberish"), "Unknown format 'gibberish'"),
        (("--format", ","), "names no format"),
        (("--model", "gibberish"), "Unknown model 'gibberish'"),
    ],
)
def test_bad_options_are_refused_in_one_line(
    command: Command, thing: Path, tmp_path: Path, options: tuple[object, ...], message: str
) -> None:
    result = command("mesh", thing, "-o", tmp_path / "out", *options)
    assert result.code == 2
    assert result.err.count("error:") == 1
    assert message in result.err
    assert not (tmp_path / "out").exists()


def test_an_output_of_an_ending_only_is_refused(command: Command, thing: Path, tmp_path: Path) -> None:
    result = command("mesh", thing, "-o", tmp_path / ".glb")
    assert result.code == 2
    assert "has nothing before its ending" in result.err


def test_the_library_gives_the_mesh_itself(thing: Path) -> None:
    wheatstone._executor.cache_clear()
    mesh = wheatstone.mesh(thing)
    wheatstone._executor.cache_clear()
    assert isinstance(mesh, wheatstone.Mesh)
    assert mesh.is_watertight
    assert mesh.texture is not None
    assert mesh.texture[..., 0].mean() > 3 * mesh.texture[..., 1].mean()


def test_without_a_format_the_output_names_it(command: Command, thing: Path, tmp_path: Path) -> None:
    assert command("mesh", thing, "-o", tmp_path / "it.STL", *QUICK).code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"thing.png", "it.stl"}


def test_a_format_named_twice_is_written_once(command: Command, thing: Path, tmp_path: Path) -> None:
    assert command("mesh", thing, "-o", tmp_path / "out", "--format", "glb,glb", *QUICK).code == 0


@pytest.mark.parametrize("options", [("--format", "obj"), ("--format", "obj", "--overwrite")])
def test_a_photo_is_never_replaced(
    command: Command, thing: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    before = thing.read_bytes()
    result = command("mesh", thing, "-o", tmp_path, *options, *QUICK)
    assert result.code == 2
    assert "thing.png is a photo itself" in result.err
    assert thing.read_bytes() == before
    assert list(tmp_path.iterdir()) == [thing]


def test_not_even_another_photo_by_a_poster(command: Command, thing: Path, tmp_path: Path) -> None:
    other = tmp_path / "thing.webp"
    Image.open(thing).save(other, lossless=True)
    before = other.read_bytes()
    result = command("mesh", thing, other, "-o", tmp_path, "--poster", "--overwrite", *QUICK)
    assert result.code == 2
    assert "thing.webp is a photo itself" in result.err
    assert other.read_bytes() == before
    assert (tmp_path / "thing-2.glb").exists()


def test_what_stands_beside_an_obj_is_kept_too_and_that_is_said_before_any_work(
    command: Command, thing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wheatstone.cli.mesh.photo_to_mesh", lambda *_arguments, **_options: pytest.fail("worked"))
    (tmp_path / "it.mtl").write_bytes(b"precious")
    result = command("mesh", thing, "-o", tmp_path / "it.obj", *QUICK)
    assert result.code == 2
    assert "it.mtl exists already" in result.err


def test_an_output_that_cannot_be_written_is_told_in_one_line_a_photo(
    command: Command, thing: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_bytes(b"")
    result = command("mesh", thing, thing, "-o", tmp_path / "taken", *QUICK)
    assert result.code == 2
    assert result.err.count("error:") == 2
    assert "taken: File exists." in result.err
    assert "Traceback" not in result.err


@pytest.mark.skipif(sys.platform != "linux", reason="names there are text")
def test_a_name_of_any_bytes_is_one(command: Command, thing: Path, tmp_path: Path) -> None:
    odd = thing.rename(tmp_path / os.fsdecode(b"a  \xff.png"))
    assert command("mesh", odd, "-o", tmp_path / "out", "--format", "obj", *QUICK).code == 0
    assert read_mesh(tmp_path / "out" / os.fsdecode(b"a  \xff.obj")).texture is not None
