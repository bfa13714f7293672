"""A form with a file, as bytes that are the same whenever they are read, and never in memory together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

_CHUNK_BYTES = 1 << 18


class FileForm:
    """The `multipart/form-data` of one field, `name`, and one file, `file`, which is called the same."""

    def __init__(self, name: str, media_type: str, file: BinaryIO, boundary: str) -> None:
        """Nothing is read yet.

        Args:
            name: of the file; printable ASCII without quotes.
            media_type: of the file.
            file: its content; stays open for as long as the form is used.
            boundary: what stands between the parts, and in none of them.
        """
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._file = file
        self._before = (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="name"\r\n'
            f"\r\n{name}\r\n"
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
            f"Content-Type: {media_type}\r\n\r\n"
        ).encode()
        self._after = f"\r\n--{boundary}--\r\n".encode()

    @property
    def size_bytes(self) -> int:
        """Of all of it."""
        return len(self._before) + self._file.seek(0, os.SEEK_END) + len(self._after)

    def chunks(self) -> Iterator[bytes]:
        """The form, from its beginning."""
        yield self._before
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK_BYTES):
            yield chunk
        yield self._after
