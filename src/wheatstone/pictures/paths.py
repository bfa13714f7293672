"""Which files a user means by the paths on a command line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wheatstone.errors import BadPictureError

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".hif", ".avif", ".tif", ".tiff")
"""Lower-case endings of file names that are taken for pictures when a folder is given."""


def picture_paths(paths: Iterable[Path]) -> list[Path]:
    """The files that the paths name: a folder stands for its pictures, a file for itself.

    Folders are not searched deeper, their pictures come sorted by name, and hidden files are left out. A
    path that is not a folder is kept as it is, whatever it ends in: reading it tells what is wrong with it.

    Raises:
        BadPictureError: a folder holds no picture or cannot be listed.
    """
    files: list[Path] = []
    for path in paths:
        try:
            found = _pictures_in(path) if path.is_dir() else [path]
        except OSError as error:
            raise BadPictureError(f"The folder {path} cannot be listed: {error.strerror}.") from error
        if not found:
            raise BadPictureError(f"The folder {path} holds no picture ({', '.join(PICTURE_SUFFIXES)}).")
        files.extend(found)
    return files


def _pictures_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
