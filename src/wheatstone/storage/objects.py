"""Files under keys, whole or absent: photos by their content, results by their task."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from obstore.exceptions import BaseError
from obstore.store import LocalStore

from wheatstone.errors import StorageUnavailableError, WheatstoneError, error_of_system, reason

_SYSTEM_ERROR = re.compile(r"os error (\d+)")
_CHUNK_BYTES = 1 << 20
_MARKER = ".wheatstone"
_PARTIAL = re.compile(r"#\d+$")
PHOTOS, TASKS, WORK, CACHE = OUR_FOLDERS = ("photos", "tasks", "work", "cache")
"""All that a server makes in its folder: photos, files of tasks, files on their way, results kept for later."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What is known of a file without reading it.

    Attributes:
        size_bytes: its size.
        etag: changes when its content does; quoted, as HTTP wants it.
    """

    size_bytes: int
    etag: str


class ObjectStore:
    """Files on the local disk; keys are paths with `/`, made by us."""

    def __init__(self, folder: Path) -> None:
        """Keep them below `folder`, made if need be.

        Raises:
            StorageUnavailableError: it cannot be made or written to.
        """
        self._folder = folder.resolve()
        try:
            self._store = LocalStore(self._folder, mkdir=True, automatic_cleanup=True)
            self.check()
        except (OSError, BaseError) as error:
            raise StorageUnavailableError(f"The folder {folder} cannot be used: {reason(error)}.") from error

    def put(self, key: str, content: bytes | Path) -> None:
        """Store bytes, or a file's.

        Raises:
            StorageFullError: no space is left.
        """
        try:
            self._store.put(key, content)
        except (OSError, BaseError) as error:
            raise _storage_error(error) from error

    def copy(self, source: str, target: str) -> None:
        """Store a file under another key, too; both take the space of one, where the file system can do that.

        Raises:
            FileNotFoundError: there is no such file.
            StorageFullError: no space is left.
        """
        path, other = self.path(source), self.path(target)
        if other.exists() and other.samefile(path):
            return  # one name of a file renamed to another of its names stays, by POSIX, and would be left over
        try:
            self._store.copy(source, target)
        except FileNotFoundError:
            raise
        except (OSError, BaseError):  # a file system without hard links, or a file with too many
            self.put(target, path)

    def path(self, key: str) -> Path:
        """The file itself, to be read, never written."""
        return self._folder / key

    def find(self, key: str) -> StoredObject | None:
        """What is known of a file; None if there is none."""
        try:
            meta = self._store.head(key)
        except FileNotFoundError:
            return None
        return StoredObject(meta["size"], str(meta["e_tag"]))

    async def stream(self, key: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `stop`.

        Raises:
            FileNotFoundError: there is no such file any more.
        """
        found = await self._store.get_async(key, options={"range": (start, stop)})
        async for chunk in found.stream(_CHUNK_BYTES):
            yield bytes(chunk)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete files; those that are not there are none the worse."""
        for key in keys:
            try:
                self._store.delete(key)
            except FileNotFoundError:
                continue

    def keys(self, prefix: str) -> list[str]:
        """All keys below a prefix."""
        return [meta["path"] for page in self._store.list(prefix) for meta in page]

    def claim(self, owner: str) -> None:
        """Make the folder that of one owner, for good; so nobody deletes what is another's.

        Raises:
            StorageUnavailableError: it is another's already, or holds files that we did not put there.
        """
        marker = self._folder / _MARKER
        if marker.is_file():
            if marker.read_text(encoding="utf-8").strip() != owner:
                raise StorageUnavailableError(
                    f"{self._folder} belongs to another database: name that one with storage.db_path, or another "
                    "folder with storage.output_dir."
                )
            return
        for name in OUR_FOLDERS:
            if (self._folder / name).exists():
                raise StorageUnavailableError(
                    f"{self._folder} holds {name!r}, which is not Wheatstone's: name another folder with "
                    "storage.output_dir."
                )
        marker.write_text(f"{owner}\n", encoding="utf-8")

    def delete_partial(self) -> None:
        """Delete what a kill in the middle of `put` left: files with a number, which `keys` does not show."""
        for name in OUR_FOLDERS:
            for path in (self._folder / name).rglob("*#*"):
                if _PARTIAL.search(path.name):
                    path.unlink(missing_ok=True)

    def check(self) -> None:
        """Write and delete a file.

        Raises:
            OSError, obstore.exceptions.BaseError: that does not work.
        """
        key = f"check-{secrets.token_hex(8)}"
        self._store.put(key, b"")
        self._store.delete(key)


def _storage_error(error: Exception) -> WheatstoneError:
    number = _SYSTEM_ERROR.search(str(error))
    known = error_of_system(OSError(int(number[1]), "")) if number else None
    return known or StorageUnavailableError(f"A file could not be stored: {reason(error)}.")
