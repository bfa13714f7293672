from __future__ import annotations

from pathlib import Path

import pytest

from wheatstone.errors import BadPictureError
from wheatstone.pictures import picture_paths


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"x")


def test_a_folder_stands_for_its_pictures_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "c.HEIC", "a.jpg", "b.Png", "d.tiff", "notes.txt", "._a.jpg")
    assert [path.name for path in picture_paths([tmp_path])] == ["a.jpg", "b.Png", "c.HEIC", "d.tiff"]


def test_folders_are_not_searched_deeper(tmp_path: Path) -> None:
    (tmp_path / "inner.jpg").mkdir()
    touch(tmp_path, "a.jpg")
    touch(tmp_path / "inner.jpg", "b.jpg")
    assert picture_paths([tmp_path]) == [tmp_path / "a.jpg"]


def test_given_files_are_kept_as_they_are(tmp_path: Path) -> None:
    touch(tmp_path, "photo.weird")
    given = [tmp_path / "photo.weird", tmp_path / "missing.jpg", tmp_path / "photo.weird"]
    assert picture_paths(given) == given


def test_the_order_of_the_arguments_is_kept(tmp_path: Path) -> None:
    (tmp_path / "z").mkdir()
    touch(tmp_path / "z", "1.jpg")
    touch(tmp_path, "a.jpg")
    assert picture_paths([tmp_path / "z", tmp_path / "a.jpg"]) == [tmp_path / "z" / "1.jpg", tmp_path / "a.jpg"]


def test_a_folder_without_pictures_is_refused_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    with pytest.raises(BadPictureError, match=rf"{tmp_path.name} holds no picture"):
        picture_paths([tmp_path])


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(BadPictureError, match="cannot be listed: Permission denied"):
        picture_paths([tmp_path])
