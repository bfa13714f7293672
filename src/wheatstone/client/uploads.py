"""Photos on their way to a server, read from the disk as they are sent."""

from __future__ import annotations

import io
import os
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Literal, TypeAlias, TypedDict, cast

from pydantic import ValidationError

from wheatstone.errors import BadOptionError, BadPictureError
from wheatstone.wire import JobOptions

Photo: TypeAlias = str | PathLike[str] | bytes | BinaryIO
"""A path, what a photo's file holds, or an open file."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_NAMELESS = "photo"
_MAX_NAME_CHARACTERS = 250


class Options(TypedDict, total=False):
    """How a job is to be done; by default as the server's settings say.

    Attributes:
        kind: what to make, a splat or a mesh.
        model: name of a model.
        focal_length: in pixels; by default from the photo's EXIF.
        keep_ply: keep the PLY beside the SOG.
        priority: of the jobs that wait, higher ones go first; -100 to 100.
        time_limit_s: how long it may work, in seconds, waiting not counted.
    """

    kind: Literal["splat", "mesh"]
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
        listed = list(photos)
        names = [name] if name is not None else names_on_the_wire(listed)
        self.files: list[tuple[str, tuple[str, IO[bytes] | bytes]]] = [
            ("file", (called, self._content(photo))) for called, photo in zip(names, listed, strict=True)
        ]

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
        return JobOptions.model_validate(dict(options)).model_dump(exclude_unset=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadOptionError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


def is_url(photo: Photo | None) -> bool:
    """Whether a photo is to be fetched by the server."""
    return isinstance(photo, str) and photo.lower().startswith(("http://", "https://"))


def new_key() -> str:
    """A value of `Idempotency-Key` that nobody has."""
    return secrets.token_urlsafe(24)


def checked_key(key: str) -> str:
    """A caller's key.

    Raises:
        BadOptionError: it is no value of `Idempotency-Key`.
    """
    if not _KEY.fullmatch(key):
        raise BadOptionError(f"idempotency_key: 1 to 255 printable ASCII characters but spaces, not {key[:40]!r}.")
    return key


def names_on_the_wire(photos: Sequence[Photo]) -> list[str]:
    """What photos are called: like their files, without what a form or a server would change; no two the same."""
    taken: set[str] = set()
    return [unique_name(_name(photo), taken) for photo in photos]


def _name(photo: Photo) -> str:
    if isinstance(photo, bytes):
        return _NAMELESS
    if isinstance(photo, str | PathLike):
        name = Path(photo).name
    else:
        named = getattr(photo, "name", None)  # a number for a file opened by its descriptor
        name = Path(named).name if isinstance(named, str) else ""
    kept = [letter if letter.isprintable() and letter not in '"\\' else "_" for letter in name]
    return "".join(kept)[-_MAX_NAME_CHARACTERS:] or _NAMELESS


def unique_name(name: str, taken: set[str]) -> str:
    """`a.jpg`, then `a-2.jpg`, `a-3.jpg`; adds it to those that are taken."""
    path, number, unique = Path(name), 2, name
    while unique.casefold() in taken:  # on many systems one file
        unique, number = f"{path.stem}-{number}{path.suffix}", number + 1
    taken.add(unique.casefold())
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
            wanted = memoryview(buffer)[: max(0, self._size - self._position)]  # a file may grow meanwhile
            count = self._file.readinto(wanted) or 0
        except OSError as error:
            raise _unreadable(self._path, error) from error
        self._position += count
        if count == 0 and self._position < self._size:
            raise BadPictureError(f"{self._path} became shorter while it was sent.")
        if self._position >= self._size:
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
