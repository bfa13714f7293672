"""A client for programs with an event loop."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack
from urllib.parse import quote

from pydantic import BaseModel

from wheatstone.client.connection import Connection
from wheatstone.client.downloads import artifact_for, download, file_name, is_folder
from wheatstone.client.following import Event, follow
from wheatstone.client.outcomes import completed
from wheatstone.client.retries import Retries
from wheatstone.client.transports import Transport, WaitingTransport
from wheatstone.client.uploads import Options, Photo, Upload, checked, checked_key, is_url, new_key, unique_name
from wheatstone.errors import BadOptionError
from wheatstone.wire import Batch, Delivery, DeliveryPage, Job, JobPage, JobRequest, Replayed, SignedLink

M = TypeVar("M", bound=BaseModel)

_PAGE = 100
_DELIVERIES = 1000


class AsyncClient:
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
        transport: Transport | None = None,
    ) -> None:
        """Nothing is sent yet; proxies and `.netrc` are not used.

        Args:
            address: of the server, for instance `http://127.0.0.1:8000`.
            api_key: sent with each request, to this server only.
            timeout_s: the longest wait for the server to say something, in seconds.
            tls: whom to trust; by default the usual authorities.
            retries: how often a request is made.
            transport: what waits for the network; by default the event loop.

        Raises:
            BadOptionError: the address is none.
        """
        transport = transport or WaitingTransport(tls)
        self._connection = Connection(address, transport, api_key=api_key, timeout_s=timeout_s, retries=retries)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._connection.transport.end()

    async def submit(
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
        if (photo is None) == (picture_id is None):
            raise BadOptionError("Name either a photo or a picture_id.")
        if picture_id is None and photo is not None and not is_url(photo):
            with Upload([photo], options, name) as upload:
                return await self._post(Job, "/v1/jobs", upload, idempotency_key)
        source = {"picture_id": picture_id} if photo is None else {"image_url": photo}
        return await self._post(Job, "/v1/jobs", JobRequest(**source, **checked(options)), idempotency_key)

    async def job(self, job: Job | str) -> Job:
        """A job as it is now.

        Raises:
            UnknownTaskError: the server knows none of that id.
        """
        return await self._connection.ask(Job, "GET", _job_path(job))

    async def jobs(
        self,
        *,
        status: str | Sequence[str] | None = None,
        model: str | None = None,
        batch: Batch | str | None = None,
    ) -> AsyncGenerator[Job, None]:
        """All jobs, the newest first, fetched as they are asked for.

        Args:
            status: only those with this status, or one of these.
            model: only those of this model.
            batch: only those of this batch.
        """
        of_batch = None if batch is None else _id(batch)
        params: dict[str, Any] = {"limit": _PAGE, "status": status, "model": model, "batch": of_batch}
        while True:
            page = await self._connection.ask(JobPage, "GET", "/v1/jobs", params=params)
            for job in page.jobs:
                yield job
            if page.next is None:
                return
            params["cursor"] = page.next

    async def follow(self, job: Job | str, *, timeout_s: float | None = None) -> AsyncGenerator[Event, None]:
        """What happens to a job, as it happens, until it has ended.

        A stream that breaks goes on where it stopped; where none can be had, the job is asked for again and again.

        Args:
            job: or its id.
            timeout_s: how long at most, in seconds.

        Raises:
            StillRunningError: `timeout_s` is over.
        """

        async def look() -> list[Job]:
            return [await self.job(job)]

        path = f"{_job_path(job)}/events"
        async with aclosing(follow(self._connection, path, [_id(job)], look, timeout_s=timeout_s)) as events:
            async for event in events:
                yield event

    async def wait(
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
        if isinstance(job, Job) and job.done:
            return completed(job)
        async with aclosing(self.follow(job, timeout_s=timeout_s)) as events:
            async for event in events:
                if on_event is not None:
                    on_event(event)
        return completed(await self.job(job))

    async def cancel(self, job: Job | str) -> Job:
        """End a job early; one that has ended stays as it is."""
        return await self._connection.ask(Job, "POST", f"{_job_path(job)}/cancel")

    async def delete(self, job: Job | str) -> None:
        """Forget a job and its files; it is cancelled if need be."""
        await self._connection.open("DELETE", _job_path(job), reads=True, fine_when_repeated=(404,))

    async def link(self, job: Job | str, artifact: str = "output.sog", *, lifetime_s: int = 3600) -> SignedLink:
        """A link to a file of a job that works without a key, for a while.

        Args:
            job: or its id.
            artifact: name of the file.
            lifetime_s: how long it works, in seconds.
        """
        path = f"{_artifact_path(job, artifact)}/link"
        return await self._connection.ask(SignedLink, "POST", path, params={"lifetime_s": lifetime_s})

    async def download(
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
        known = completed(await self._ended(job))
        into_folder = is_folder(target)
        found = artifact_for(known, None if into_folder else Path(target).suffix, artifact)
        path = Path(target, file_name(known, found)) if into_folder else Path(target)
        return await download(self._connection, _artifact_path(known, found.name), path, overwrite=overwrite)

    async def splat(
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
        job = await self.wait(await self.submit(photo, **options), timeout_s=timeout_s, on_event=on_event)
        return await self.download(job, target, overwrite=overwrite)

    async def mesh(
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
        return await self.splat(
            photo, target, timeout_s=timeout_s, on_event=on_event, overwrite=overwrite, **options
        )

    async def submit_batch(
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
        with Upload(photos, options) as upload:
            if not upload.files:
                raise BadOptionError("A batch needs at least one photo.")
            return await self._post(Batch, "/v1/batches", upload, idempotency_key)

    async def batch(self, batch: Batch | str) -> Batch:
        """A batch as it is now.

        Raises:
            UnknownTaskError: the server knows none of that id.
        """
        return await self._connection.ask(Batch, "GET", _batch_path(batch))

    async def follow_batch(
        self, batch: Batch | str, *, timeout_s: float | None = None
    ) -> AsyncGenerator[Event, None]:
        """What happens to the jobs of a batch, as it happens, until all have ended.

        Args:
            batch: or its id.
            timeout_s: how long at most, in seconds.

        Raises:
            StillRunningError: `timeout_s` is over.
        """

        async def look() -> list[Job]:
            return (await self.batch(batch)).jobs

        job_ids = [job.id for job in (batch if isinstance(batch, Batch) else await self.batch(batch)).jobs]
        path = f"{_batch_path(batch)}/events"
        async with aclosing(follow(self._connection, path, job_ids, look, timeout_s=timeout_s)) as events:
            async for event in events:
                yield event

    async def wait_batch(
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
        if isinstance(batch, Batch) and batch.done:
            return batch
        async with aclosing(self.follow_batch(batch, timeout_s=timeout_s)) as events:
            async for event in events:
                if on_event is not None:
                    on_event(event)
        return await self.batch(batch)

    async def download_batch(
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
        files: list[Path] = []
        taken: set[str] = set()
        for job in (await self.batch(batch)).jobs:
            if job.status == "completed":
                found = artifact_for(job, None, artifact)
                path = Path(folder, unique_name(file_name(job, found), taken))
                source = _artifact_path(job, found.name)
                files.append(await download(self._connection, source, path, overwrite=overwrite))
        return files

    async def cancel_batch(self, batch: Batch | str) -> Batch:
        """End all jobs of a batch early; those that have ended stay as they are."""
        return await self._connection.ask(Batch, "POST", f"{_batch_path(batch)}/cancel")

    async def delete_batch(self, batch: Batch | str) -> None:
        """Forget a batch, its jobs and their files; they are cancelled if need be."""
        await self._connection.open("DELETE", _batch_path(batch), reads=True, fine_when_repeated=(404,))

    async def deliveries(self, *statuses: str) -> list[Delivery]:
        """The webhooks and callbacks with one of these statuses, or all; the oldest first, a thousand at most."""
        params = {"limit": _DELIVERIES, "status": statuses}
        return (await self._connection.ask(DeliveryPage, "GET", "/v1/deliveries", params=params)).deliveries

    async def replay(self, delivery: Delivery | str) -> Delivery:
        """Begin anew with a delivery that was given up; any other stays as it is.

        Raises:
            UnknownDeliveryError: the server knows none of that id.
        """
        path = f"/v1/deliveries/{quote(_id(delivery), safe='')}/replay"
        return await self._connection.ask(Delivery, "POST", path)

    async def replay_all(self) -> int:
        """Begin anew with all deliveries that were given up; gives how many."""
        return (await self._connection.ask(Replayed, "POST", "/v1/deliveries/replay")).replayed

    async def _post(self, kind: type[M], path: str, body: JobRequest | Upload, key: str | None) -> M:
        headers = {"Idempotency-Key": new_key() if key is None else checked_key(key)}
        return await self._connection.ask(kind, "POST", path, headers=headers, body=body)

    async def _ended(self, job: Job | str) -> Job:
        return job if isinstance(job, Job) and job.done else await self.job(job)


def _id(known: Job | Batch | Delivery | str) -> str:
    return known if isinstance(known, str) else known.id


def _job_path(job: Job | str) -> str:
    return f"/v1/jobs/{quote(_id(job), safe='')}"


def _batch_path(batch: Batch | str) -> str:
    return f"/v1/batches/{quote(_id(batch), safe='')}"


def _artifact_path(job: Job | str, name: str) -> str:
    return f"{_job_path(job)}/artifacts/{quote(name, safe='')}"
