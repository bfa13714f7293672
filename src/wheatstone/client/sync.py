"""A client for programs without an event loop."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, Unpack

from wheatstone.client.aio import AsyncClient
from wheatstone.client.following import Event
from wheatstone.client.retries import Retries
from wheatstone.client.transports import BlockingTransport, run
from wheatstone.client.uploads import Options, Photo
from wheatstone.wire import Batch, Delivery, Job, SignedLink

T = TypeVar("T")


class Client:
    """A Wheatstone server, seen from a program.

    Requests that fail on the way are made again; a job is never made twice by that. What is raised is a
    `WheatstoneError`: the server's own problem, or what came between.
    """

    def __init__(
        self,
        address: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        tls: ssl.SSLContext | None = None,
        retries: Retries = Retries(),  # noqa: B008 - frozen
    ) -> None:
        """Nothing is sent yet; proxies and `.netrc` are not used.

        Args:
            address: of the server, for instance `http://127.0.0.1:8000`.
            api_key: sent with each request, to this server only.
            timeout_s: the longest wait for the server to say something, in seconds.
            tls: whom to trust; by default the usual authorities.
            retries: how often a request is made.

        Raises:
            BadOptionError: the address is none.
        """
        self._client = AsyncClient(
            address,
            api_key=api_key,
            timeout_s=timeout_s,
            tls=tls,
            retries=retries,
            transport=BlockingTransport(tls),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        run(self._client.close())

    def submit(
        self,
        photo: Photo | None = None,
        *,
        picture_id: str | None = None,
        name: str | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> Job:
        """Ask for a splat of a photo; it is read from the disk as it is sent.

        Args:
            photo: a path, what a file holds, an open file (sent from its beginning), or a URL that the server
                fetches.
            picture_id: of a photo that the server has, instead.
            name: what the photo is called; by default as its file.
            idempotency_key: makes a second submission with the same key give the same job, for a day. By default
                each call has its own.
            options: see `Options`.

        Returns:
            The job; done at once if the server had the result already.

        Raises:
            WheatstoneError: the photo cannot be read, or the server refuses it.
        """
        return run(
            self._client.submit(
                photo, picture_id=picture_id, name=name, idempotency_key=idempotency_key, **options
            )
        )

    def job(self, job: Job | str) -> Job:
        """A job as it is now.

        Raises:
            UnknownTaskError: the server knows none of that id.
        """
        return run(self._client.job(job))

    def jobs(
        self,
        *,
        status: str | Sequence[str] | None = None,
        model: str | None = None,
        batch: Batch | str | None = None,
    ) -> Iterator[Job]:
        """All jobs, the newest first, fetched as they are asked for.

        Args:
            status: only those with this status, or one of these.
            model: only those of this model.
            batch: only those of this batch.
        """
        return _each(self._client.jobs(status=status, model=model, batch=batch))

    def follow(self, job: Job | str, *, timeout_s: float | None = None) -> Iterator[Event]:
        """What happens to a job, as it happens, until it has ended.

        A stream that breaks goes on where it stopped; where none can be had, the job is asked for again and again.

        Args:
            job: or its id.
            timeout_s: how long at most, in seconds.

        Raises:
            StillRunningError: `timeout_s` is over.
        """
        return _each(self._client.follow(job, timeout_s=timeout_s))

    def wait(
        self, job: Job | str, *, timeout_s: float | None = 600.0, on_event: Callable[[Event], None] | None = None
    ) -> Job:
        """The job once it is completed.

        Args:
            job: or its id.
            timeout_s: how long at most, in seconds.
            on_event: called with each event.

        Raises:
            JobFailedError: it failed.
            JobCancelledError: it was cancelled.
            StillRunningError: `timeout_s` is over; the job goes on.
        """
        return run(self._client.wait(job, timeout_s=timeout_s, on_event=on_event))

    def cancel(self, job: Job | str) -> Job:
        """End a job early; one that has ended stays as it is."""
        return run(self._client.cancel(job))

    def delete(self, job: Job | str) -> None:
        """Forget a job and its files; it is cancelled if need be."""
        run(self._client.delete(job))

    def link(self, job: Job | str, artifact: str = "output.sog", *, lifetime_s: int = 3600) -> SignedLink:
        """A link to a file of a job that works without a key, for a while.

        Args:
            job: or its id.
            artifact: name of the file.
            lifetime_s: how long it works, in seconds.
        """
        return run(self._client.link(job, artifact, lifetime_s=lifetime_s))

    def download(
        self,
        job: Job | str,
        target: str | PathLike[str] = ".",
        *,
        artifact: str | None = None,
        overwrite: bool = True,
    ) -> Path:
        """Fetch a file of a completed job; it is written whole or not at all, and resumed when it breaks off.

        Args:
            job: or its id.
            target: a file, whose ending says which of the job's files is meant, or a folder, where it is named
                like the photo.
            artifact: name of the job's file, for instance `output.ply`; by default as `target` says, else the
                splat.
            overwrite: replace a file that exists.

        Returns:
            The file.

        Raises:
            JobFailedError: the job failed, or was cancelled.
            UnknownTaskError: it has no such file.
            OutputExistsError: `target` exists, and `overwrite` is false.
        """
        return run(self._client.download(job, target, artifact=artifact, overwrite=overwrite))

    def splat(
        self,
        photo: Photo,
        target: str | PathLike[str] = ".",
        *,
        timeout_s: float | None = 600.0,
        on_event: Callable[[Event], None] | None = None,
        overwrite: bool = True,
        **options: Unpack[Options],
    ) -> Path:
        """Turn a photo into a splat file: `submit`, `wait` and `download`.

        Args:
            photo: as for `submit`.
            target: as for `download`.
            timeout_s: how long to wait at most, in seconds.
            on_event: called with each event.
            overwrite: replace a file that exists.
            options: see `Options`.

        Returns:
            The file.

        Raises:
            JobFailedError: the job failed, or was cancelled.
            StillRunningError: `timeout_s` is over; the job goes on.
            WheatstoneError: the photo cannot be read, or the server refuses it.
        """
        return run(
            self._client.splat(
                photo, target, timeout_s=timeout_s, on_event=on_event, overwrite=overwrite, **options
            )
        )

    def mesh(
        self,
        photo: Photo,
        target: str | PathLike[str] = ".",
        *,
        timeout_s: float | None = 600.0,
        on_event: Callable[[Event], None] | None = None,
        overwrite: bool = True,
        **options: Unpack[Options],
    ) -> Path:
        """Turn a photo of an object into a mesh: `splat`, for meshes.

        `on_event` is told of each part, an `ArtifactEvent`, as soon as the server has it.

        Args:
            photo: as for `submit`.
            target: as for `download`; `.glb` or `.zip`.
            timeout_s: how long to wait at most, in seconds.
            on_event: called with each event.
            overwrite: replace a file that exists.
            options: see `Options`.

        Returns:
            The file.

        Raises:
            WheatstoneError: as for `splat`.
        """
        options["kind"] = "mesh"
        return self.splat(photo, target, timeout_s=timeout_s, on_event=on_event, overwrite=overwrite, **options)

    def submit_batch(
        self, photos: Iterable[Photo], *, idempotency_key: str | None = None, **options: Unpack[Options]
    ) -> Batch:
        """Ask for splats of many photos at once.

        Args:
            photos: paths, what files hold, or open files; those of one name get a number.
            idempotency_key: as for `submit`.
            options: see `Options`.

        Returns:
            The batch; files that are no photos are among its `rejected`.

        Raises:
            WheatstoneError: a file cannot be read, or the server refuses them all.
        """
        return run(self._client.submit_batch(photos, idempotency_key=idempotency_key, **options))

    def batch(self, batch: Batch | str) -> Batch:
        """A batch as it is now.

        Raises:
            UnknownTaskError: the server knows none of that id.
        """
        return run(self._client.batch(batch))

    def follow_batch(self, batch: Batch | str, *, timeout_s: float | None = None) -> Iterator[Event]:
        """What happens to the jobs of a batch, as it happens, until all have ended.

        Args:
            batch: or its id.
            timeout_s: how long at most, in seconds.

        Raises:
            StillRunningError: `timeout_s` is over.
        """
        return _each(self._client.follow_batch(batch, timeout_s=timeout_s))

    def wait_batch(
        self,
        batch: Batch | str,
        *,
        timeout_s: float | None = 3600.0,
        on_event: Callable[[Event], None] | None = None,
    ) -> Batch:
        """The batch once all its jobs have ended, well or not.

        Args:
            batch: or its id.
            timeout_s: how long at most, in seconds.
            on_event: called with each event.

        Raises:
            StillRunningError: `timeout_s` is over; the jobs go on.
        """
        return run(self._client.wait_batch(batch, timeout_s=timeout_s, on_event=on_event))

    def download_batch(
        self,
        batch: Batch | str,
        folder: str | PathLike[str] = ".",
        *,
        artifact: str | None = None,
        overwrite: bool = True,
    ) -> list[Path]:
        """Fetch a file of each completed job of a batch, as `download` does; those of one name get a number.

        Args:
            batch: or its id.
            folder: where they go, named like the photos.
            artifact: name of the jobs' file; by default the splat.
            overwrite: replace files that exist.

        Returns:
            The files.

        Raises:
            UnknownTaskError: a job has no such file.
            OutputExistsError: a file exists, and `overwrite` is false.
        """
        return run(self._client.download_batch(batch, folder, artifact=artifact, overwrite=overwrite))

    def cancel_batch(self, batch: Batch | str) -> Batch:
        """End all jobs of a batch early; those that have ended stay as they are."""
        return run(self._client.cancel_batch(batch))

    def delete_batch(self, batch: Batch | str) -> None:
        """Forget a batch, its jobs and their files; they are cancelled if need be."""
        run(self._client.delete_batch(batch))

    def deliveries(self, *statuses: str) -> list[Delivery]:
        """The webhooks and callbacks with one of these statuses, or all; the oldest first, a thousand at most."""
        return run(self._client.deliveries(*statuses))

    def replay(self, delivery: Delivery | str) -> Delivery:
        """Begin anew with a delivery that was given up; any other stays as it is.

        Raises:
            UnknownDeliveryError: the server knows none of that id.
        """
        return run(self._client.replay(delivery))

    def replay_all(self) -> int:
        """Begin anew with all deliveries that were given up; gives how many."""
        return run(self._client.replay_all())


def _each(items: AsyncGenerator[T, None]) -> Iterator[T]:
    try:
        while True:
            try:
                item = run(anext(items))
            except StopAsyncIteration:
                return
            yield item
    finally:
        run(items.aclose())
