"""Photos become splats on another machine, and the files come here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TaskID

from wheatstone.cli.parameters import refuse_to_lose
from wheatstone.cli.summary import Row, print_error, print_summary, progress_bar, stage_text
from wheatstone.client import Client
from wheatstone.client.outcomes import FINAL, JobFailedError, completed
from wheatstone.client.uploads import names_on_the_wire
from wheatstone.errors import BadOptionError, WheatstoneError
from wheatstone.wire import Batch, Job, ProgressEvent, StatusEvent

_BATCH = 50
"""Photos sent at once: the server begins with them while the next ones are on their way."""

_SUFFIXES = (".sog", ".ply")
_POSTER = ".webp"


_API_KEY = "WHEATSTONE_API_KEY"
"""The variable with the key; a flag would be seen by everybody on this machine."""


def client_of(server: str) -> Client:
    """A client of the server at this address, with the key of the environment."""
    return Client(server, api_key=os.environ.get(_API_KEY))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the server.

    Attributes:
        suffixes: of the files to fetch.
        poster: also fetch a picture of the splat.
        model: its name; None for the server's choice.
        f_px: focal length in pixels; None for that of the photo.
        overwrite: replace files that exist.
    """

    suffixes: Sequence[str]
    poster: bool
    model: str | None
    f_px: float | None
    overwrite: bool

    def artifacts(self, base: Path) -> dict[str, Path]:
        """Name of each file on the server, and where it goes."""
        found = {f"output{suffix}": base.with_name(base.name + suffix) for suffix in self.suffixes}
        if self.poster:
            found["poster.webp"] = base.with_name(base.name + _POSTER)
        return found


def splat_remotely(server: str, photos: Sequence[Path], bases: Sequence[Path], wanted: Wanted) -> int:
    """Let a server turn photos into splats; tells what came of them and gives the exit code.

    A photo that fails is named, the others are still done. Ctrl-C cancels what is left on the server.

    Args:
        server: its address.
        photos: files.
        bases: where each photo's files go, without ending.
        wanted: what is asked for.

    Raises:
        BadOptionError: an option cannot be used.
    """
    if not set(wanted.suffixes) <= set(_SUFFIXES):
        raise BadOptionError("--server gives the formats sog and ply; `wheatstone convert` makes others of them.")
    with client_of(server) as client, progress_bar(Console(stderr=True)) as bar:
        work = _Work(client, wanted, bar, bar.add_task("", total=len(photos), photo="", stage=""))
        ready = [
            (photo, base) for photo, base in zip(photos, bases, strict=True) if work.is_ready(photo, base, photos)
        ]
        with work.cancelled_on_interrupt():
            with work.failures_told():
                for start in range(0, len(ready), _BATCH):
                    work.submit(ready[start : start + _BATCH])
            with work.failures_told():
                for batch in work.batches:
                    work.follow(batch)
    if work.rows:
        print_summary(work.rows, *work.made_by)
    return 0 if len(work.rows) == len(photos) else 2


class _Work:
    """Photos on their way to a server and back."""

    def __init__(self, client: Client, wanted: Wanted, bar: Progress, task: TaskID) -> None:
        self._client = client
        self._wanted = wanted
        self._bar = bar
        self._task = task
        self._photos: dict[str, tuple[Path, Path]] = {}
        self.batches: list[Batch] = []
        self.rows: list[Row] = []
        self.made_by = "", ""

    def is_ready(self, photo: Path, base: Path, photos: Sequence[Path]) -> bool:
        """Whether a photo of these can be sent and its results have a place; tells if not."""
        try:
            refuse_to_lose(self._wanted.artifacts(base).values(), photos, overwrite=self._wanted.overwrite)
            photo.open("rb").close()
        except OSError as error:
            print_error(self._bar.console, f"{photo} cannot be read: {error.strerror}.")
        except WheatstoneError as error:
            print_error(self._bar.console, error)
        else:
            return True
        self._bar.advance(self._task)
        return False

    def submit(self, photos: Sequence[tuple[Path, Path]]) -> None:
        """Send photos."""
        named = dict(zip(names_on_the_wire([photo for photo, _base in photos]), photos, strict=True))
        self._bar.update(self._task, stage=f"sending {len(photos)} photos")
        keep_ply = True if ".ply" in self._wanted.suffixes else None
        batch = self._client.submit_batch(
            [photo for photo, _base in photos],
            model=self._wanted.model,
            focal_length=self._wanted.f_px,
            keep_ply=keep_ply,
        )
        self.batches.append(batch)
        for job in batch.jobs:
            self._photos[job.id] = named[job.source_name]
        for refused in batch.rejected:
            print_error(self._bar.console, refused.error.detail)
            self._bar.advance(self._task)

    def follow(self, batch: Batch) -> None:
        """Show how far a batch is, and fetch what it makes as soon as it is there."""
        for event in self._client.follow_batch(batch):
            photo, _base = self._photos[event.job_id]
            self._bar.update(self._task, photo=escape(photo.name))
            if isinstance(event, ProgressEvent):
                self._bar.update(self._task, stage=stage_text(event.stage, event.fraction))
            elif isinstance(event, StatusEvent) and event.status in FINAL:
                with self.failures_told():
                    self._fetch(completed(self._client.job(event.job_id)))
                self._bar.advance(self._task)
            elif isinstance(event, StatusEvent):
                self._bar.update(self._task, stage=event.status)

    @contextmanager
    def cancelled_on_interrupt(self) -> Iterator[None]:
        """Ctrl-C ends the work on the server, too."""
        try:
            yield
        except KeyboardInterrupt:
            with suppress(WheatstoneError):  # whatever the server says, the person wants an end
                for batch in self.batches:
                    self._client.cancel_batch(batch)
            raise

    @contextmanager
    def failures_told(self) -> Iterator[None]:
        """What cannot be done is named, and the rest goes on."""
        try:
            yield
        except JobFailedError as error:
            print_error(self._bar.console, f"{error.job.source_name}: {error}")
        except WheatstoneError as error:
            print_error(self._bar.console, error)

    def _fetch(self, job: Job) -> None:
        photo, base = self._photos[job.id]
        files = [
            self._client.download(job, path, artifact=name, overwrite=self._wanted.overwrite)
            for name, path in self._wanted.artifacts(base).items()
        ]
        self.rows.append(Row(photo, job.gaussians or 0, job.seconds, files))
        self.made_by = job.label or "", job.licence or ""
