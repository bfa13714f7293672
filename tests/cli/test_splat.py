from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import wheatstone
from tests.cli.command import Command
from wheatstone.executors import InlineExecutor
from wheatstone.models import registry
from wheatstone.models.relief import Relief
from wheatstone.pictures import Picture
from wheatstone.settings import Settings
from wheatstone.splats import clips
from wheatstone.splats.formats import html
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages


def test_a_photo_becomes_a_splat_beside_its_poster(command: Command, photo: Path, tmp_path: Path) -> None:
    result = command("splat", photo, "-o", tmp_path / "out", "--format", "sog,ply,plain-ply", "--poster")
    assert result.code == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["photo.plain.ply", "photo.ply", "photo.sog", "photo.webp"]
    assert len(wheatstone.load(tmp_path / "out" / "photo.sog").gaussians) > 0


def test_a_photo_becomes_a_clip(
    command: Command, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "SECONDS", 0.1)
    result = command("splat", photo, "-o", tmp_path / "scene.sog", "--turntable", "--poster")
    assert result.code == 0
    assert {path.name for path in tmp_path.iterdir()} >= {"scene.sog", "scene.webp", "scene.mp4"}
    assert "turntable" in result.out
    assert b"ftyp" in (tmp_path / "scene.mp4").read_bytes()[:12]


def test_the_summary_tells_counts_times_sizes_and_what_made_it(
    command: Command, photo: Path, tmp_path: Path
) -> None:
    result = command("splat", photo, "-o", tmp_path / "out")
    count = len(wheatstone.load(tmp_path / "out" / "photo.sog").gaussians)
    assert f"{count:,}" in result.out
    assert "matte" in result.out
    assert "kB" in result.out or "MB" in result.out
    assert "relief: procedural estimate, no learned depth" in result.out


def test_a_file_that_is_no_picture_is_named_and_the_rest_done(
    command: Command, photo: Path, tmp_path: Path
) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a picture")
    result = command("splat", text, photo, "-o", tmp_path / "out")
    assert result.code == 2
    assert result.err.count("error:") == 1
    assert "notes.txt" in result.err
    assert (tmp_path / "out" / "photo.sog").exists()


def test_a_folder_stands_for_its_pictures(command: Command, photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    shutil.copy(photo, folder / "a.png")
    shutil.copy(photo, folder / "b.png")
    (folder / "notes.txt").write_text("left out")
    result = command("splat", folder, "-o", tmp_path / "out")
    assert result.code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.sog", "b.sog"]


def test_photos_of_one_name_do_not_overwrite_each_other(command: Command, photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "photo.png"
    other.parent.mkdir()
    shutil.copy(photo, other)
    assert command("splat", photo, other, "-o", tmp_path / "out").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["photo-2.sog", "photo.sog"]


def test_a_file_name_as_output_names_all_formats(command: Command, photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "scene.sog"
    assert command("splat", photo, "-o", target, "--format", "sog,ply").code == 0
    assert sorted(path.name for path in target.parent.iterdir()) == ["scene.ply", "scene.sog"]


def test_one_file_name_for_two_photos_is_refused(command: Command, photo: Path, tmp_path: Path) -> None:
    result = command("splat", photo, photo, "-o", tmp_path / "scene.sog")
    assert result.code == 2
    assert "name a folder" in result.err


def test_existing_results_stay_unless_overwriting_is_asked_for(
    command: Command, photo: Path, tmp_path: Path
) -> None:
    target = tmp_path / "photo.sog"
    target.write_bytes(b"mine")
    refused = command("splat", photo, "-o", tmp_path)
    assert refused.code == 2
    assert "--overwrite" in refused.err
    assert target.read_bytes() == b"mine"
    assert command("splat", photo, "-o", tmp_path, "--overwrite").code == 0
    assert len(wheatstone.load(target).gaussians) > 0


def test_the_focal_length_given_is_the_scenes(command: Command, photo: Path, tmp_path: Path) -> None:
    assert command("splat", photo, "-o", tmp_path, "--focal-length", "222").code == 0
    camera = wheatstone.load(tmp_path / "photo.sog").camera
    assert camera is not None
    assert camera.fx_px == 222


def test_bad_options_are_refused_before_any_work(command: Command, photo: Path, tmp_path: Path) -> None:
    for arguments in (
        ["--focal-length", "-3"],
        ["--format", "obj"],
        ["--format", ","],
        ["--model", "sharpest"],
        ["--effort", "2"],
        ["--format", "ply", "--effort", "1"],
    ):
        result = command("splat", photo, "-o", tmp_path / "out", *arguments)
        assert result.code == 2, arguments
        assert "error:" in result.err
        assert not (tmp_path / "out").exists()


def test_effort_is_for_the_formats_that_have_it(command: Command, photo: Path, tmp_path: Path) -> None:
    for effort in (0, 1):
        result = command("splat", photo, "-o", tmp_path / str(effort), "-f", "sog,ply", "--effort", effort)
        assert result.code == 0
    fast, small = ({path.suffix: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "01")
    assert len(small[".sog"]) < len(fast[".sog"])
    assert small[".ply"] == fast[".ply"]


@pytest.mark.parametrize("formats", ["html", "sog,html"])
def test_without_a_viewer_a_page_is_refused_before_any_work(
    command: Command, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formats: str
) -> None:
    monkeypatch.setattr(html, "TEMPLATE", "absent.html")
    monkeypatch.setattr(InlineExecutor, "predict_splats", lambda *_: pytest.fail("computed"))
    result = command("splat", photo, "-o", tmp_path / "out", "-f", formats)
    assert result.code == 2
    assert "installed without its viewer" in result.err
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_named(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = command("splat", tmp_path / "empty")
    assert result.code == 2
    assert "empty" in result.err


def test_metadata_stand_beside_the_results(command: Command, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert command("splat", photo, "-o", out, "--model", "relief", "--metadata").code == 0
    facts = json.loads((out / "photo.json").read_text())
    scene = wheatstone.load(out / "photo.sog")
    assert (facts["model"], facts["label"], facts["licence"]) == ("relief", scene.label, scene.licence)
    assert (facts["device"], facts["dtype"], facts["input_size"]) == ("cpu", "", 128)
    assert facts["gaussians"] == len(scene.gaussians)
    assert (facts["camera"]["width_px"], facts["camera"]["height_px"]) == (128, 96)
    assert len(facts["camera"]["intrinsic_matrix"]) == 9
    assert len(facts["camera"]["extrinsic_matrix"]) == 16
    assert {"decode", "lift", "sog"} <= set(facts["seconds"])


def test_metadata_that_exist_are_kept(command: Command, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.json").write_text("mine")
    assert command("splat", photo, "-o", tmp_path, "--metadata").code == 2
    assert (tmp_path / "photo.json").read_text() == "mine"


def test_flags_say_what_networks_run_on_and_how(
    command: Command, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Settings] = []
    relief = registry.splat_model_named("relief")

    def load(settings: Settings, _progress: registry.Progress) -> Relief:
        told.append(settings)
        return Relief(None)

    monkeypatch.setattr(registry, "SPLAT_MODELS", (replace(relief, load=load),))
    flags = ["--mode", "cpu", "--no-amp", "--no-cudnn-benchmark", "--gradient-checkpointing", "--compile"]
    for arguments in ([], flags):
        assert command("splat", photo, "-o", tmp_path, "--overwrite", *arguments).code == 0
    before, after = told
    assert before.mode is None
    assert before.gpu.enable_amp
    assert after.mode == "cpu"
    assert after.gpu.model_dump() == {
        "enable_amp": False,
        "enable_cudnn_benchmark": False,
        "enable_tf32": True,
        "compile": True,
    }
    assert after.optimization.gradient_checkpointing


def test_an_unknown_mode_is_refused(command: Command, photo: Path, tmp_path: Path) -> None:
    result = command("splat", photo, "-o", tmp_path / "out", "--mode", "quantum")
    assert result.code != 0
    assert not (tmp_path / "out").exists()


class Pairwise(Relief):
    """Sees two photos together."""

    photos_at_once = 2

    def __init__(self) -> None:
        super().__init__(None)
        self.batches: list[list[str]] = []

    def predict_many(self, pictures: Sequence[Picture], stages: Stages) -> list[Scene]:
        self.batches.append([picture.name for picture in pictures])
        return [self.predict(picture, stages) for picture in pictures]


def test_a_model_that_sees_several_photos_together_gets_them_after_the_first(
    command: Command, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairwise = Pairwise()
    relief = registry.splat_model_named("relief")
    monkeypatch.setattr(registry, "SPLAT_MODELS", (replace(relief, load=lambda *_: pairwise),))
    folder = tmp_path / "holiday"
    folder.mkdir()
    for name in "abcdef":
        shutil.copy(photo, folder / f"{name}.png")
    (folder / "d.png").write_bytes(photo.read_bytes()[:500])  # broken
    result = command("splat", folder, "-o", tmp_path / "out")
    assert result.code == 2
    assert result.err.count("error:") == 1
    assert "d.png" in result.err
    assert pairwise.batches == [["a.png"], ["b.png", "c.png"], ["e.png"], ["f.png"]]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{name}.sog" for name in "abcef"]
