from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.cli.command import Command


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
