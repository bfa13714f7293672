"""Photos on their way to a server, read from the disk as they are sent."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, TypeAlias, TypedDict, cast

from pydantic import ValidationError

from wheatstone.errors import BadOptionError, BadPictureError
from wheatstone.wire import JobRequest

Photo: TypeAlias = str | PathLike[str] | bytes | BinaryIO
"""A path, what a photo's file holds, or an open file."""

_NAMELESS = "photo"


class JobOptions(TypedDict, total=False):
    """How a job is to be done; by default as the server's settings say.

    Attributes:
        model: name of a model.
        focal_length: in pixels; by default from the photo's EXIF.
        keep_ply: keep the PLY beside the SOG.
        priority: of the jobs that wait, higher ones go first; -100 to 100.
        time_limit_s: how long it may work, in seconds, waiting not counted.
    """

    model: str | None
    focal_length: float | None
    keep_ply: bool | None
    priority: int
    time_limit_s: float | None


class Upload:
    """A form with files, to be sent once or several times; closes what it opened."""

    def __init__(self, photos: Iterable[Photo], options: Mapping[str, Any], name: str | None = None) -> None:
        """Look at the photos; none is read yet.

        Raises:
            BadPictureError: a file cannot be read.
            BadOptionError: an option is unknown or cannot be used.
        """
        self._opened = ExitStack()
        self.fields = {key: value for key, value in checked(options).items() if value is not None}
        names: set[str] = set()
        self.files: list[tuple[str, tuple[str, IO[bytes] | bytes]]] = []
        for photo in photos:
            unique = unique_name(name or _name(photo), names)
            self.files.append(("file", (unique, self._content(photo))))

    @property
    def names(self) -> list[str]:
        """What the photos are called on the wire, in their order; no two the same."""
        return [name for _field, (name, _content) in self.files]

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def _content(self, photo: Photo) -> IO[bytes] | bytes:
        if isinstance(photo, bytes):
            return photo
        if isinstance(photo, str | PathLike):
            return cast("IO[bytes]", self._opened.enter_context(_Sleeping(Path(photo))))
        return photo if photo.seekable() else photo.read()  # to be sent again, it must be read again


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, in the range that the server takes.

    Raises:
        BadOptionError: one is unknown or cannot be used.
    """
    try:
        return JobRequest.model_validate(dict(options)).model_dump(exclude_unset=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadOptionError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


def is_url(photo: Photo | None) -> bool:
    """Whether a photo is to be fetched by the server."""
    return isinstance(photo, str) and photo.lower().startswith(("http://", "https://"))


def new_key() -> str:
    """A value of `Idempotency-Key` that nobody has."""
    return secrets.token_urlsafe(24)


def unique_name(name: str, taken: set[str]) -> str:
    """`a.jpg`, then `a-2.jpg`, `a-3.jpg`; adds it to those that are taken."""
    path, number, unique = Path(name), 2, name
    while unique in taken:
        unique, number = f"{path.stem}-{number}{path.suffix}", number + 1
    taken.add(unique)
    return unique


class _Sleeping(io.RawIOBase):
    """A file that is open only while it is read: a batch may have more of them than a process may open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: io.FileIO | None = None
        self._position = 0
        try:
            with path.open("rb"):
                self._size = path.stat().st_size
        except OSError as error:
            raise _unreadable(path, error) from error

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        try:
            if self._file is None:
                self._file = self._path.open("rb", buffering=0)
            self._file.seek(self._position)
            count = self._file.readinto(buffer) or 0
        except OSError as error:
            raise _unreadable(self._path, error) from error
        self._position += count
        if count == 0 or self._position >= self._size:
            self._sleep()
        return count

    def close(self) -> None:
        self._sleep()
        super().close()

    def _sleep(self) -> None:
        file = self._file  # close() is also called where __init__ failed
        if file is not None:
            file.close()
            self._file = None


def _unreadable(path: Path, error: OSError) -> BadPictureError:
    return BadPictureError(f"{path} cannot be read: {error.strerror}.")


def _name(photo: Photo) -> str:
    if isinstance(photo, bytes):
        return _NAMELESS
    if isinstance(photo, str | PathLike):
        return Path(photo).name
    name = getattr(photo, "name", None)  # an int for a file opened by its descriptor
    return Path(name).name if isinstance(name, str) and name else _NAMELESS
