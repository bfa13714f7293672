from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.cli.command import Command
from wheatstone.arrays import F64


def test_a_scene_is_rendered_from_its_own_camera(command: Command, scene_file: Path) -> None:
    assert command("render", scene_file, "--size", "64").code == 0
    with Image.open(scene_file.with_suffix(".webp")) as poster:
        assert poster.format == "WEBP"
        assert poster.size == (64, 48)
        red, green, _ = np.asarray(poster.convert("RGB"))[24, 26].tolist()
    assert red > 2 * green


def test_several_yaws_stand_side_by_side(command: Command, scene_file: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    assert command("render", scene_file, "--size", "64", "--yaw", "-10,0,10", "-o", sheet).code == 0
    with Image.open(sheet) as picture:
        assert picture.format == "PNG"
        assert picture.size == (192, 48)


def test_a_yaw_that_is_no_number_is_refused(command: Command, scene_file: Path) -> None:
    result = command("render", scene_file, "--yaw", "left")
    assert result.code == 2
    assert "--yaw" in result.err


def test_an_existing_picture_needs_overwrite(command: Command, scene_file: Path) -> None:
    assert command("render", scene_file, "--size", "16").code == 0
    assert command("render", scene_file, "--size", "16").code == 2
    assert command("render", scene_file, "--size", "16", "--overwrite").code == 0


def test_a_picture_format_nobody_knows_is_refused(command: Command, scene_file: Path, tmp_path: Path) -> None:
    result = command("render", scene_file, "--size", "16", "-o", tmp_path / "picture.xyz")
    assert result.code == 2
    assert ".png" in result.err


def frames_of(path: Path) -> list[F64]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(np.float64) for frame in container.decode(video=0)]


def test_a_turntable_is_an_mp4_beside_the_scene(command: Command, scene_file: Path) -> None:
    result = command("render", scene_file, "--turntable", "--size", "64", "--seconds", "0.5", "--fps", "12")
    assert result.code == 0
    frames = frames_of(scene_file.with_suffix(".mp4"))
    assert len(frames) == 6
    assert frames[0].shape == (48, 64, 3)
    assert "scene.mp4: 64×48, 6 frames, 0.5 s" in result.out


@pytest.mark.parametrize("suffix", [".webm", ".webp"])
def test_the_outputs_ending_decides_the_clips_format(
    suffix: str, command: Command, scene_file: Path, tmp_path: Path
) -> None:
    clip = tmp_path / f"clip{suffix}"
    arguments = (
        "--turntable",
        "--size",
        "32",
        "--seconds",
        "0.2",
        "--camera",
        "dolly",
        "--reach",
        "0.1",
        "-o",
        clip,
    )
    assert command("render", scene_file, *arguments).code == 0
    assert clip.read_bytes()[:4] in (b"RIFF", b"\x1aE\xdf\xa3")


def test_a_turntable_begins_at_the_view_asked_for(command: Command, scene_file: Path, tmp_path: Path) -> None:
    view = ("--size", "64", "--yaw", "-30", "--pitch", "-5", "--dolly", "0.2")
    still, clip = tmp_path / "still.png", tmp_path / "clip.mp4"
    assert command("render", scene_file, *view, "-o", still).code == 0
    assert command("render", scene_file, *view, "--turntable", "--seconds", "0.2", "-o", clip).code == 0
    with Image.open(still) as picture:
        assert np.abs(frames_of(clip)[0] - np.asarray(picture)).mean() < 4


@pytest.mark.parametrize(("layout", "width"), [("parallel", 128), ("cross", 128), ("anaglyph", 64)])
def test_two_eyes_have_pictures_of_their_own(
    layout: str, width: int, command: Command, scene_file: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "eyes.png"
    assert command("render", scene_file, "--size", "64", "--stereo", layout, "-o", picture).code == 0
    with Image.open(picture) as file:
        assert file.size == (width, 48)


def test_more_parallax_sets_the_eyes_farther_apart(command: Command, scene_file: Path, tmp_path: Path) -> None:
    differences = []
    for parallax in ("0.01", "0.1"):
        path = tmp_path / f"{parallax}.png"
        eyes = ("--stereo", "parallel", "--parallax", parallax)
        assert command("render", scene_file, "--size", "64", *eyes, "-o", path).code == 0
        with Image.open(path) as file:
            both = np.asarray(file).astype(int)
        differences.append(np.abs(both[:, :64] - both[:, 64:]).mean())
    assert differences[1] > 3 * differences[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seconds", "2"], "--turntable"),
        (["--anaglyph", "--stereo", "cross"], "exclude"),
        (["--fps", "10"], "--turntable"),
        (["--reach", "3"], "--turntable"),
        (["-o", "clip.mp4"], "--turntable"),
        (["--turntable", "--yaw", "1,2"], "one view"),
        (["--turntable", "--camera", "spiral"], "swing"),
        (["--turntable", "-o", "clip.png"], ".mp4, .webm, .webp"),
        (["--turntable", "--seconds", "0"], "frames"),
        (["--turntable", "--seconds", "nan"], "frames"),
        (["--turntable", "--fps", "1000"], "frames"),
        (["--turntable", "--size", "5000"], "4096"),
        (["--turntable", "--size", "0"], "pixels"),
        (["--size", "-4"], "pixels"),
        (["--turntable", "--camera", "swing", "--reach", "120"], "reaches"),
        (["--parallax", "0.1"], "--stereo"),
        (["--stereo", "anaglyph", "--parallax", "2"], "Parallax"),
        (["--stereo", "lenticular"], "anaglyph"),
        (["--dolly", "1"], "dolly"),
        (["--pitch", "nan"], "pitch"),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: list[str],
    said: str,
    command: Command,
    scene_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = command("render", scene_file, *arguments)
    assert result.code == 2
    assert said in result.err
    assert [path.name for path in tmp_path.iterdir()] == [scene_file.name]


def test_naming_how_the_camera_moves_makes_a_clip(command: Command, scene_file: Path) -> None:
    result = command("render", scene_file, "--camera", "dolly", "--size", "64", "--seconds", "0.2")
    assert result.code == 0
    assert scene_file.with_suffix(".mp4").exists()


def test_anaglyph_is_short_for_stereo_anaglyph(command: Command, scene_file: Path, tmp_path: Path) -> None:
    for name, flags in (("a.png", ["--anaglyph"]), ("b.png", ["--stereo", "anaglyph"])):
        assert command("render", scene_file, *flags, "--size", "64", "-o", tmp_path / name).code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_mesh_is_seen_from_where_it_is_asked(command: Command, mesh_file: Path, tmp_path: Path) -> None:
    assert command("render", mesh_file, "--size", "64").code == 0
    with Image.open(mesh_file.with_suffix(".webp")) as picture:
        assert picture.size == (64, 64)
    sheet = tmp_path / "sheet.png"
    result = command("render", mesh_file, "--yaw", "0,90,360", "--pitch", "0", "--size", "64", "-o", sheet)
    assert "192×64" in result.out
    with Image.open(sheet) as picture:
        front, side, again = np.split(np.asarray(picture).astype(int), 3, axis=1)
    assert np.abs(front - again).max() <= 1
    assert np.abs(front - side).max() > 50
    assert 0.05 < (front[..., 0] > 60).mean() < 0.6


def test_the_clip_of_a_mesh_goes_all_the_way_round(command: Command, mesh_file: Path) -> None:
    options = ("--turntable", "--size", "64", "--seconds", "0.4", "--fps", "10")
    assert command("render", mesh_file, *options).code == 0
    assert len(frames_of(mesh_file.with_suffix(".mp4"))) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dolly", "0.1"], "--dolly is for splats"),
        (["--anaglyph"], "--stereo is for splats"),
        (["--turntable", "--yaw", "3"], "--yaw with --turntable is for splats"),
        (["--turntable", "--camera", "swing"], "--camera is for splats"),
        (["--size", "0"], "pixels"),
        (["--turntable", "--size", "63"], "even"),
    ],
)
def test_what_a_mesh_cannot_have_is_refused(
    arguments: list[str], said: str, command: Command, mesh_file: Path, tmp_path: Path
) -> None:
    result = command("render", mesh_file, *arguments)
    assert result.code == 2
    assert said in result.err
    assert [path.name for path in tmp_path.iterdir()] == [mesh_file.name]
