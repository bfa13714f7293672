"""Where the photo of a new task comes from: sent along, fetched, or here already."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from wheatstone.egress import Egress, Limits
from wheatstone.errors import EgressFailedError, QueueFullError, UnknownTaskError
from wheatstone.jobs.photos import photo_key
from wheatstone.jobs.services import Services
from wheatstone.pictures import check_file_size

_FETCH_S = 60.0
_SILENCE_S = 10.0
_CHUNK_BYTES = 1 << 20
_MAX_NAME_CHARACTERS = 255


def shown(name: str) -> str:
    """A client's name for a file, fit to be shown."""
    return "".join(character for character in name if character.isprintable())[-_MAX_NAME_CHARACTERS:]


@dataclass(frozen=True, slots=True)
class Content:
    """A photo as it came.

    Attributes:
        data: the file's bytes.
        name: what it is called where it comes from; to be shown.
    """

    data: bytes
    name: str


class Source(Protocol):
    """Gives a photo."""

    def identity(self) -> str:
        """The same for the same photo, told without fetching it."""
        ...

    def read(self, services: Services) -> Content:
        """The photo.

        Raises:
            WheatstoneError: it cannot be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo that a client sends along.

    Attributes:
        name: what the client calls it.
        file: its content, at the beginning.
    """

    name: str
    file: BinaryIO = field(repr=False)

    def identity(self) -> str:
        """By name and content."""
        return f"{self.name} {self.sha256()}"

    def sha256(self) -> str:
        """Of the content."""
        digest = hashlib.sha256()
        self.file.seek(0)
        while chunk := self.file.read(_CHUNK_BYTES):
            digest.update(chunk)
        self.file.seek(0)
        return digest.hexdigest()

    def read(self, services: Services) -> Content:
        """The photo.

        Raises:
            BadPictureError, PictureTooLargeError: it is empty, or larger than the limit; it is not read then.
        """
        size_bytes = self.file.seek(0, os.SEEK_END)
        self.file.seek(0)
        check_file_size(size_bytes, shown(self.name) or "The picture", services.settings.pictures)
        return Content(self.file.read(), self.name)


@dataclass(frozen=True, slots=True)
class Link:
    """A photo to be fetched.

    Attributes:
        url: where it is.
    """

    url: str

    def identity(self) -> str:
        """By address."""
        return self.url

    def read(self, services: Services) -> Content:
        """The photo.

        Raises:
            EgressRefusedError: it may not be fetched, or is too large.
            EgressFailedError: it cannot be fetched.
            QueueFullError: the server is going.
        """
        settings = services.settings
        limits = Limits(settings.pictures.max_bytes, total_s=_FETCH_S, silence_s=_SILENCE_S)
        data = bytearray()
        with Egress(settings.egress).stream("GET", self.url, limits=limits) as answer:
            if answer.status != HTTPStatus.OK:
                raise EgressFailedError(f"The picture cannot be fetched: its server answers {answer.status}.")
            for chunk in answer.chunks:
                data += chunk
                if services.is_draining:  # which waits for this thread
                    raise QueueFullError("The server is going; come again when it is back.")
        return Content(bytes(data), PurePosixPath(unquote(urlsplit(self.url).path)).name)


@dataclass(frozen=True, slots=True)
class Known:
    """A photo that a task here has.

    Attributes:
        picture_id: its SHA-256.
    """

    picture_id: str

    def identity(self) -> str:
        """By its id."""
        return self.picture_id

    def read(self, services: Services) -> Content:
        """The photo.

        Raises:
            UnknownTaskError: no task has it.
        """
        task = services.tasks.with_photo(self.picture_id)
        if task is None:
            raise UnknownTaskError(f"No job here has the picture {self.picture_id!r}.")
        try:
            data = services.objects.path(photo_key(task.photo_sha256)).read_bytes()
        except FileNotFoundError as error:
            raise UnknownTaskError(f"The picture {self.picture_id!r} is not here any more.") from error
        return Content(data, task.source_name)
