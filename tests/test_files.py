from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wheatstone.errors import OutputExistsError
from wheatstone.files import atomic_write

DIE_WHILE_WRITING = """
import os, sys
from pathlib import Path
from wheatstone.files import atomic_write
with atomic_write(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os._exit(9)
"""


def test_what_was_written_is_there_and_nothing_else(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "out.ply") as file:
        file.write(b"whole")
    assert (tmp_path / "out.ply").read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == ["out.ply"]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a" / "b" / "out.ply") as file:
        file.write(b"whole")
    assert (tmp_path / "a" / "b" / "out.ply").read_bytes() == b"whole"


def test_after_an_error_the_file_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "out.ply"
    path.write_bytes(b"before")
    with pytest.raises(UnicodeEncodeError), atomic_write(path) as file:
        file.writelines(line.encode("ascii") for line in ("half", "\N{SNOWMAN}"))
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_after_a_kill_the_file_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "out.ply"
    path.write_bytes(b"before")
    died = subprocess.run([sys.executable, "-c", DIE_WHILE_WRITING, str(path)], check=False)
    assert died.returncode == 9
    assert path.read_bytes() == b"before"


def test_an_existing_file_is_kept_unless_overwriting_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "out.ply"
    path.write_bytes(b"before")
    with pytest.raises(OutputExistsError, match=r"out\.ply exists already"), atomic_write(path, overwrite=False):
        pytest.fail("the block must not run")
    assert path.read_bytes() == b"before"
    with atomic_write(path) as file:
        file.write(b"after")
    assert path.read_bytes() == b"after"


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".ply")
    with atomic_write(path) as file:
        file.write(b"whole")
    assert path.read_bytes() == b"whole"
