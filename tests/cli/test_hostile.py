"""What the command does with hostile files; `tests/test_hostile.py` tries many more on the readers."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.hostile.inputs import hostile_input
from bench.hostile.pictures import KINDS

from tests.cli.command import Command, Result


def assert_done_or_refused_in_one_line(result: Result) -> None:
    if result.code:
        assert result.code == 2
        assert result.err.startswith("error: ")
        assert result.err.count("\n") == 1
    else:
        assert result.err == ""


@pytest.mark.parametrize("kind", KINDS)
def test_info_of_a_hostile_picture(command: Command, tmp_path: Path, kind: str) -> None:
    for number in range(15):
        path = tmp_path / f"it.{kind.lower()}"
        path.write_bytes(hostile_input(kind, number))
        assert_done_or_refused_in_one_line(command("info", path))


@pytest.mark.parametrize("kind", ["PLY", "SOG"])
@pytest.mark.parametrize("verb", ["info", "convert", "render"])
def test_a_hostile_scene(command: Command, tmp_path: Path, kind: str, verb: str) -> None:
    for number in range(15):
        path = tmp_path / f"it.{kind.lower()}"
        path.write_bytes(hostile_input(kind, number))
        more = {
            "info": [],
            "convert": [tmp_path / "out.ply", "--overwrite"],
            "render": ["--size", 32, "--overwrite"],
        }
        assert_done_or_refused_in_one_line(command(verb, path, *more[verb]))
