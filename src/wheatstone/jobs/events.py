"""What is told while jobs run: changes of status from the database, progress from memory.

Each topic, a job or a batch, that somebody follows has one tail in this process, which reads the topic's events
and wakes all followers. A job has a handful of events, so the tail keeps them all: a follower that is slow, or
comes late, misses none. Of a job's progress only the newest is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from wheatstone.storage import Event, News, Task, Topic

_log = logging.getLogger(__name__)

_POLL_S = 5.0
"""How often a tail looks without being told; another process may have changed the task."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job's present stage is.

    Attributes:
        task_id: of the job.
        stage: its name.
        fraction: 0 to 1.
    """

    task_id: str
    stage: str
    fraction: float


@dataclass(slots=True, eq=False)
class _Tail:
    events: list[Event] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
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

    def __init__(self, read: Callable[[Topic, int], News]) -> None:
        """`read` gives what is new of a topic after the event of a number; it is called in threads."""
        self._read = read
        self._loop = asyncio.get_running_loop()
        self._tails: dict[Topic, _Tail] = {}
        self._progress: dict[str, Progress] = {}
        self._closed = False

    def notify(self, task: Task) -> None:
        """Say, from any thread, that a task has new events, or is gone."""
        self._loop.call_soon_threadsafe(self._mark_stale, task)

    def report(self, task: Task, stage: str, fraction: float) -> None:
        """Say, from any thread, how far a task is."""
        self._loop.call_soon_threadsafe(self._set_progress, task, Progress(task.id, stage, fraction))

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
        """How many jobs and batches are being followed."""
        return len(self._tails)

    @property
    def followers(self) -> int:
        """How many follow them."""
        return sum(tail.followers for tail in self._tails.values())

    async def follow(self, topic: Topic, after: int = 0, *, progress: bool = False) -> Follower:
        """The events of a topic after a place, then new ones until the last.

        With `progress`, that comes in between. Ends with the final event, or when the server is going.

        Args:
            topic: a task, whose places are sequence numbers, or a batch, whose are events' numbers.
            after: the place.
            progress: whether to tell that, too.
        """
        tail = self._tails.setdefault(topic, _Tail())
        tail.followers += 1
        if tail.reader is None:
            if not topic.is_batch and (now := self._progress.get(topic.id)):
                tail.progress[topic.id] = now
            tail.reader = asyncio.create_task(self._keep_reading(topic, tail))
        told: dict[str, Progress] = {}
        seen = 0
        try:
            while not self._closed:
                news, is_over = (tail.moved if progress else tail.changed), tail.is_over
                while seen < len(tail.events):
                    event = tail.events[seen]
                    seen += 1
                    if place(topic, event) > after:
                        yield event
                if is_over:
                    return
                moves = [now for now in tail.progress.values() if told.get(now.task_id) is not now]
                for now in moves if progress else ():
                    told[now.task_id] = now
                    yield now
                await news.wait()
        finally:
            tail.followers -= 1
            if tail.followers == 0:
                self._tails.pop(topic, None)
                tail.reader.cancel()

    async def _keep_reading(self, topic: Topic, tail: _Tail) -> None:
        while not tail.is_over:
            tail.stale.clear()
            last = tail.events[-1].number if tail.events else 0
            try:
                news = await asyncio.to_thread(self._read, topic, last)
            except SQLAlchemyError:
                _log.exception("the events of %s cannot be read; it is tried again", topic.id)
                news = News((), is_over=False)
            if news.events or news.is_over:
                tail.events += news.events
                for event in news.events:
                    if event.status.is_final:
                        tail.ended.add(event.task_id)
                        tail.progress.pop(event.task_id, None)
                tail.is_over = news.is_over
                tail.wake()
            try:
                async with asyncio.timeout(0 if tail.is_over else _POLL_S):
                    await tail.stale.wait()
            except TimeoutError:
                continue

    def _tails_of(self, task: Task) -> list[_Tail]:
        topics = [Topic(task.id), *([Topic(task.batch_id, is_batch=True)] if task.batch_id else [])]
        return [tail for topic in topics if (tail := self._tails.get(topic))]

    def _mark_stale(self, task: Task) -> None:
        for tail in self._tails_of(task):
            tail.stale.set()

    def _set_progress(self, task: Task, progress: Progress) -> None:
        self._progress[task.id] = progress
        for tail in self._tails_of(task):
            if task.id not in tail.ended:  # a cancelled job's model may go on for a moment
                tail.progress[task.id] = progress
                tail.move()


def place(topic: Topic, event: Event) -> int:
    """Where an event is among those of a topic, to go on from there later."""
    return event.number if topic.is_batch else event.sequence
