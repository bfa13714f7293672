"""Files from a server, whole or absent: what breaks off goes on where it stopped."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import httpx2

from wheatstone.client.connection import Connection
from wheatstone.errors import BadOptionError, OutputExistsError, UnknownTaskError, error_of_system
from wheatstone.wire import Job, JobArtifact

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_UNFIT_FOR_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_MAIN = ("output.sog", "output.ply", "model.glb", "output3d.zip")


@dataclass(slots=True)
class Transfer:
    """How far a download is.

    Attributes:
        received_bytes: what is here.
        total_bytes: what will be; None if the server did not say.
        etag: names the version of the file that is being fetched.
        ended: whether the answer ended as it should.
    """

    received_bytes: int = 0
    total_bytes: int | None = None
    etag: str | None = None
    ended: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """What asks for the rest; another version of the file would come whole."""
        if not self.received_bytes or self.etag is None:
            return {}
        return {"Range": f"bytes={self.received_bytes}-", "If-Range": self.etag}

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return self.ended if self.total_bytes is None else self.received_bytes == self.total_bytes

    def begin(self, response: httpx2.Response) -> int:
        """Where in the file the bytes of this answer begin; what is beyond is void.

        Raises:
            httpx2.RemoteProtocolError: they are not what was asked for; what was received is void.
        """
        start_bytes, self.received_bytes, self.ended = self.received_bytes, 0, False
        self.etag = response.headers.get("etag")
        if response.status_code == httpx2.codes.PARTIAL_CONTENT:
            found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            if found is None or int(found[1]) != start_bytes:
                raise httpx2.RemoteProtocolError("it sends another part than was asked for")
            self.received_bytes, self.total_bytes = start_bytes, int(found[2])
        else:
            length = response.headers.get("content-length")
            self.total_bytes = None if length is None else int(length)
        return self.received_bytes


async def download(connection: Connection, path: str, target: Path, *, overwrite: bool) -> Path:
    """Write what is at `path` of the server into the file `target`.

    Raises:
        OutputExistsError: it exists and `overwrite` is false.
        StorageFullError: no space is left.
        WheatstoneError: the server's problem; or it breaks off, however often it is tried.
    """
    if target.exists() and not overwrite:
        raise OutputExistsError(f"{target} exists already; overwrite=True replaces it.")
    temporary = target.with_name(f".{os.urandom(8).hex()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        await _fetch(connection, path, temporary)
        temporary.replace(target)
    except OSError as error:
        if known := error_of_system(error):
            raise known from error
        raise BadOptionError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target


async def _fetch(connection: Connection, path: str, target: Path) -> None:
    transfer, fruitless = Transfer(), 0
    with target.open("xb") as file:
        while not transfer.is_whole:
            before_bytes = transfer.received_bytes
            failure: Exception = httpx2.ReadError("it sends less than it promised")
            response = await connection.open("GET", path, headers=transfer.headers)
            try:
                file.seek(transfer.begin(response))
                file.truncate()
                async with aclosing(connection.chunks(response)) as chunks:
                    async for chunk in chunks:
                        file.write(chunk)
                        transfer.received_bytes += len(chunk)
                transfer.ended = True
            except httpx2.TransportError as error:
                failure = error
            finally:
                await connection.transport.close(response)
            if not transfer.is_whole:
                fruitless = 1 if transfer.received_bytes > before_bytes else fruitless + 1
                pause_s = connection.retries.pause_s(fruitless)
                if pause_s is None:
                    raise connection.unreachable(failure) from failure
                await connection.transport.sleep(pause_s)
        file.flush()
        await connection.transport.apart(lambda: os.fsync(file.fileno()))


def artifact_for(job: Job, suffix: str | None, name: str | None) -> JobArtifact:
    """The file of a job that is meant.

    Args:
        job: with its artifacts.
        suffix: how the file's name ends; None for the splat or mesh, whatever its format.
        name: that of the artifact, if it is told.

    Raises:
        UnknownTaskError: the job has none like it.
    """
    artifacts = {artifact.name: artifact for artifact in job.artifacts}
    if name is not None:
        wanted: Sequence[str] = (name,)
    elif suffix is None:
        wanted = _MAIN
    else:
        wanted = [known for known in artifacts if Path(known).suffix == suffix.lower()]
    for known in wanted:
        if known in artifacts:
            return artifacts[known]
    raise UnknownTaskError(
        f"Job {job.id} has no {name or suffix or _MAIN[0]}; it has {', '.join(artifacts) or 'no files'}."
    )


def is_folder(target: str | PathLike[str]) -> bool:
    """Whether a file is to be put into `target`, under a name of its own: it has no ending, or is there."""
    return os.fspath(target).endswith(("/", os.sep)) or not Path(target).suffix or Path(target).is_dir()


def file_name(job: Job, artifact: JobArtifact) -> str:
    """What to call a job's file: like its photo. A name from elsewhere never leads out of a folder."""
    stem = _UNFIT_FOR_NAMES.sub("_", Path(job.source_name.replace("\\", "/")).stem).strip(". ")
    return f"{stem or job.id}{Path(artifact.name).suffix}"
