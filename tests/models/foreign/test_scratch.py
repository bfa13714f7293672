from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from wheatstone.locks import lock
from wheatstone.models.foreign.scratch import scratch_dir


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a process left that was killed long ago."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / "wheatstone-m-1234"
    folder.mkdir()
    (folder / ".lock").touch()
    (folder / "mesh.obj").touch()
    os.utime(folder, (0, 0))
    return folder


def test_a_folder_goes_with_its_block(left: Path) -> None:
    with scratch_dir("m") as folder:
        (folder / "file").touch()
    assert not folder.exists()


def test_what_a_killed_process_left_is_swept(left: Path) -> None:
    with scratch_dir("m"):
        assert not left.exists()


def test_what_is_in_use_stays(left: Path) -> None:
    with lock(left / ".lock"), scratch_dir("m"):
        assert (left / "mesh.obj").exists()


def test_what_is_young_stays_since_it_may_not_be_locked_yet(left: Path) -> None:
    os.utime(left)
    with scratch_dir("m"):
        assert left.exists()


@pytest.mark.parametrize("name", ["wheatstone-other-1", "wheatstone-m"])
def test_what_is_not_of_this_model_stays(name: str, left: Path) -> None:
    other = left.rename(left.with_name(name))
    with scratch_dir("m"):
        assert other.exists()


def test_links_are_not_followed(left: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / ".lock").touch()
    link = tmp_path / "wheatstone-m-link"
    link.symlink_to(tmp_path / "precious")
    os.utime(link, (0, 0), follow_symlinks=False)
    with scratch_dir("m"):
        assert (tmp_path / "precious" / ".lock").exists()
