"""What is told while jobs run: changes of status from the database, progress from memory.

Each job that somebody follows has one tail in this process, which reads the job's events and wakes all followers.
A job has a handful of events, so the tail keeps them all: a follower that is slow, or comes late, misses none.
Progress is only ever the newest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from wheatstone.storage import Event

_log = logging.getLogger(__name__)

_POLL_S = 5.0
"""How often a tail looks without being told; another process may have changed the task."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job's present stage is.

    Attributes:
        stage: its name.
        fraction: 0 to 1.
    """

    stage: str
    fraction: float


@dataclass(slots=True, eq=False)
class _Tail:
    events: list[Event] = field(default_factory=list)
    progress: Progress | None = None
    stale: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    followers: int = 0
    is_over: bool = False
    reader: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Let all followers look: there are new events."""
        self.changed.set()
        self.changed = asyncio.Event()
        self.move()

    def move(self) -> None:
        """Let those look who also want progress."""
        self.moved.set()
        self.moved = asyncio.Event()


Follower = AsyncGenerator[Event | Progress]


class EventHub:
    """Fans the events of jobs out to whoever follows them; lives on one event loop."""

    def __init__(self, read: Callable[[str], list[Event]]) -> None:
        """`read` gives the events of a task so far; it is called in threads."""
        self._read = read
        self._loop = asyncio.get_running_loop()
        self._tails: dict[str, _Tail] = {}
        self._progress: dict[str, Progress] = {}
        self._closed = False

    def notify(self, task_id: str) -> None:
        """Say, from any thread, that a task has new events."""
        self._loop.call_soon_threadsafe(self._mark_stale, task_id)

    def report(self, task_id: str, stage: str, fraction: float) -> None:
        """Say, from any thread, how far a task is."""
        self._loop.call_soon_threadsafe(self._set_progress, task_id, Progress(stage, fraction))

    def forget(self, task_id: str) -> None:
        """Say, from any thread, that a task makes no more progress."""
        self._loop.call_soon_threadsafe(self._progress.pop, task_id, None)

    def progress(self, task_id: str) -> Progress | None:
        """How far a task is, if it runs in this process."""
        return self._progress.get(task_id)

    def close(self) -> None:
        """End all followers: the server is going."""
        self._closed = True
        for tail in self._tails.values():
            tail.wake()

    @property
    def followed(self) -> int:
        """How many jobs are being followed."""
        return len(self._tails)

    async def follow(self, task_id: str, after: int = 0, *, progress: bool = False) -> Follower:
        """The events of a task with a sequence number over `after`, then new ones until the final one.

        With `progress`, that comes in between. Ends with the final event, or when the server is going.
        """
        tail = self._tails.setdefault(task_id, _Tail(progress=self._progress.get(task_id)))
        tail.followers += 1
        if tail.reader is None:
            tail.reader = asyncio.create_task(self._keep_reading(task_id, tail))
        told: Progress | None = None
        try:
            while not self._closed:
                # All may be others after a yield.
                news, events = tail.moved if progress else tail.changed, tail.events
                for event in events:
                    if event.sequence > after:
                        after = event.sequence
                        yield event
                if tail.is_over or (events and events[-1].status.is_final):
                    return
                if progress and tail.progress is not told and tail.progress is not None:
                    told = tail.progress
                    yield told
                await news.wait()
        finally:
            tail.followers -= 1
            if tail.followers == 0:
                self._tails.pop(task_id, None)
                tail.reader.cancel()

    async def _keep_reading(self, task_id: str, tail: _Tail) -> None:
        while not (tail.events and tail.events[-1].status.is_final):
            tail.stale.clear()
            try:
                events = await asyncio.to_thread(self._read, task_id)
            except SQLAlchemyError:
                _log.exception("the events of task %s cannot be read; it is tried again", task_id)
                events = tail.events
            if tail.events and not events:  # the task was deleted
                tail.is_over = True
                tail.wake()
                return
            if len(events) != len(tail.events):
                tail.events = events
                tail.wake()
            try:
                async with asyncio.timeout(_POLL_S):
                    await tail.stale.wait()
            except TimeoutError:
                continue

    def _mark_stale(self, task_id: str) -> None:
        if tail := self._tails.get(task_id):
            tail.stale.set()

    def _set_progress(self, task_id: str, progress: Progress) -> None:
        self._progress[task_id] = progress
        if tail := self._tails.get(task_id):
            tail.progress = progress
            tail.move()
