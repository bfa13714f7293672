"""What the command does with hostile files; `tests/test_hostile.py` tries many more on the readers."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.hostile.inputs import hostile_input
from bench.hostile.pictures import KINDS

from tests.cli.command import Command, Result

COMPILING = "compiling for this processor"
"""What the first use of a kernel on a machine says."""


def assert_done_or_refused_in_one_line(result: Result) -> None:
    told = [line for line in result.err.splitlines() if COMPILING not in line]
    if result.code:
        assert result.code == 2
        assert len(told) == 1
        assert told[0].startswith("error: ")
    else:
        assert told == []


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
