"""Events of jobs until all have ended: from a stream that is resumed when it breaks, else by asking repeatedly."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing
from typing import TypeAlias

import httpx2
from pydantic import ValidationError

from wheatstone.client.connection import Connection
from wheatstone.client.events import EventParser, ServerEvent
from wheatstone.client.outcomes import FINAL
from wheatstone.errors import BadAnswerError, StillRunningError
from wheatstone.wire import ArtifactEvent, Job, ProgressEvent, StatusEvent

Event: TypeAlias = StatusEvent | ProgressEvent | ArtifactEvent

_SILENCE_S = 45.0
"""The server says something every 15 s; after three times that, nothing comes any more."""

_RECONNECT_SHARE = 0.8
_FRUITLESS = 3
_FIRST_POLL_S, _LONGEST_POLL_S = 0.25, 5.0


class Deadline:
    """When waiting ends."""

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._end_s = None if timeout_s is None else time.monotonic() + timeout_s

    def cut(self, wait_s: float) -> float:
        """How long a wait may last that alone would last `wait_s` seconds.

        Raises:
            StillRunningError: no longer.
        """
        if self._end_s is None:
            return wait_s
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise StillRunningError(f"Not done after {self._timeout_s:g} s; it goes on: wait again, or cancel it.")
        return min(wait_s, left_s)


class Told:
    """What has been told of some jobs so far.

    Attributes:
        last_id: of the last event that has an id: the stream goes on after it.
    """

    def __init__(self, job_ids: Collection[str]) -> None:
        self.last_id: str | None = None
        self._statuses: dict[str, str] = dict.fromkeys(job_ids, "")
        self._progress: dict[str, tuple[str, float]] = {}
        self._made: set[tuple[str, str]] = set()

    def all_ended(self) -> bool:
        """Whether nothing can follow."""
        return all(status in FINAL for status in self._statuses.values())

    def take(self, event: ServerEvent) -> Event | None:
        """What an event of the stream tells; None for what is known already or of no known kind.

        Raises:
            BadAnswerError: it is malformed.
        """
        if event.id is not None:
            self.last_id = event.id
        try:
            if event.kind == "progress":
                return ProgressEvent.model_validate_json(event.data)
            if event.kind == "artifact":
                return self._new_part(ArtifactEvent.model_validate_json(event.data))
            if event.kind != "status":
                return None
            told = StatusEvent.model_validate_json(event.data)
        except ValidationError as error:
            raise BadAnswerError(f"The server sent an event that cannot be read: {event.data[:80]!r}.") from error
        return self._new(told)

    def catch_up(self, jobs: Sequence[Job]) -> list[Event]:
        """What the jobs' present state tells."""
        news: list[Event] = []
        for job in jobs:
            for made in job.artifacts if job.kind == "mesh" else ():
                if part := self._new_part(ArtifactEvent(job_id=job.id, name=made.name, url=made.url)):
                    news.append(part)
            message = job.error.detail if job.error else None
            if told := self._new(StatusEvent(job_id=job.id, status=job.status, message=message)):
                news.append(told)
            if job.stage is not None and job.progress is not None and not job.done:
                progress = job.stage, job.progress
                if self._progress.get(job.id) != progress:
                    self._progress[job.id] = progress
                    news.append(ProgressEvent(job_id=job.id, stage=job.stage, fraction=job.progress))
        return news

    def _new_part(self, told: ArtifactEvent) -> ArtifactEvent | None:
        part = told.job_id, told.name
        if part in self._made:
            return None
        self._made.add(part)
        return told

    def _new(self, told: StatusEvent) -> StatusEvent | None:
        if self._statuses.get(told.job_id) == told.status:
            return None
        self._statuses[told.job_id] = told.status
        return told


async def follow(
    connection: Connection,
    path: str,
    job_ids: Collection[str],
    look: Callable[[], Awaitable[Sequence[Job]]],
    *,
    timeout_s: float | None,
) -> AsyncGenerator[Event, None]:
    """Every event of the jobs until all have ended.

    Args:
        connection: to the server.
        path: of the stream.
        job_ids: of the jobs.
        look: asks for the jobs as they are now.
        timeout_s: how long, in seconds.

    Raises:
        StillRunningError: `timeout_s` is over.
        WheatstoneError: the server cannot be reached any more, or does not know the jobs any more.
    """
    told, deadline = Told(job_ids), Deadline(timeout_s)
    fruitless, streams, poll_s = 0, True, _FIRST_POLL_S
    while not told.all_ended():
        asks = not streams
        if streams:
            fruitless += 1
            try:
                async with aclosing(_streamed(connection, path, told, deadline)) as events:
                    async for event in events:
                        fruitless = 0
                        if event is not None:
                            yield event
                        if told.all_ended():
                            return
                asks = True  # it ended as if there were no more to tell
            except httpx2.TransportError:
                asks = False
            except BadAnswerError:
                streams, asks = False, True
            streams = streams and fruitless < _FRUITLESS
        if asks:
            jobs = await look()
            if not streams or all(job.done for job in jobs):
                for event in told.catch_up(jobs):
                    yield event
                if all(job.done for job in jobs):
                    return
        if streams:
            attempt = min(fruitless + 1, connection.retries.attempts - 1)
            pause_s = connection.retries.pause_s(attempt) or 0.0
        else:
            pause_s, poll_s = poll_s, min(poll_s * 1.5, _LONGEST_POLL_S)
        await connection.transport.sleep(deadline.cut(pause_s))


async def _streamed(
    connection: Connection, path: str, told: Told, deadline: Deadline
) -> AsyncGenerator[Event | None, None]:
    """Events of one stream, which begins after the last one told; None for each other sign of life.

    Raises:
        httpx2.TransportError: it breaks off.
        BadAnswerError: it is no stream.
    """
    silence_s = deadline.cut(_SILENCE_S)
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if told.last_id is not None:
        headers["Last-Event-ID"] = told.last_id
    response = await connection.open(
        "GET", path, params={"progress": "true"}, headers=headers, silence_s=silence_s
    )
    try:
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise BadAnswerError("The server sends no events.")
        parser = EventParser()
        async with aclosing(connection.chunks(response)) as chunks:
            async for chunk in chunks:
                yield None
                for event in parser.feed(chunk):
                    yield told.take(event)
                if deadline.cut(silence_s) < silence_s * _RECONNECT_SHARE:
                    raise httpx2.ReadTimeout("the wait for more must be shorter now")
    finally:
        await connection.transport.close(response)
