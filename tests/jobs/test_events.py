from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import OperationalError

from tests.rows import task
from wheatstone.jobs.events import EventHub, Progress
from wheatstone.storage import Event, News, Status, Topic

TOPIC = Topic("a")
TASK = task(batch_id="batch")
WAY = [Status.QUEUED, Status.CONVERTING, Status.COMPRESSING, Status.COMPLETED]


class Job:
    """A task whose events are made by the test."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.reads = 0
        self.fails = False

    def add(self, status: Status) -> None:
        number = len(self.events) + 1
        self.events.append(Event(number, "a", number, status, None, datetime.now(UTC)))

    def read(self, _topic: Topic, after: int) -> News:
        self.reads += 1
        if self.fails:
            raise OperationalError("SELECT", None, Exception("made by a test"))
        new = tuple(event for event in self.events if event.number > after)
        return News(new, is_over=not self.events or self.events[-1].status.is_final)


def run(test: Callable[[EventHub, Job], Awaitable[None]]) -> None:
    async def main() -> None:
        job = Job()
        async with asyncio.timeout(20):
            await test(EventHub(job.read), job)

    asyncio.run(main())


async def statuses(hub: EventHub, after: int = 0) -> list[Status]:
    return [told.status async for told in hub.follow(TOPIC, after) if isinstance(told, Event)]


async def follow_all(hub: EventHub, job: Job, followers: int) -> list[list[Status]]:
    """What each of many followers hears of a job that goes its way."""
    job.add(WAY[0])
    following = [asyncio.create_task(statuses(hub)) for _ in range(followers)]
    for status in WAY[1:]:
        await asyncio.sleep(0.01)
        job.add(status)
        hub.notify(TASK)
    return await asyncio.gather(*following)


def test_a_follower_hears_every_event_in_order_then_the_end() -> None:
    async def test(hub: EventHub, job: Job) -> None:
        assert await follow_all(hub, job, 1) == [WAY]

    run(test)


def test_many_followers_of_a_job_share_one_reader() -> None:
    async def test(hub: EventHub, job: Job) -> None:
        assert await follow_all(hub, job, 200) == [WAY] * 200
        assert job.reads <= 2 * len(WAY)

    run(test)


def test_who_comes_back_hears_only_what_was_missed() -> None:
    async def test(hub: EventHub, job: Job) -> None:
        for status in WAY:
            job.add(status)
        for seen in range(4):
            assert await statuses(hub, after=seen) == WAY[seen:]

    run(test)


def test_a_slow_follower_misses_no_event_and_hears_the_newest_progress_only() -> None:
    async def test(hub: EventHub, job: Job) -> None:
        job.add(Status.QUEUED)
        follower = hub.follow(TOPIC, progress=True)
        first = await anext(follower)
        assert isinstance(first, Event)
        for percent in range(100):
            hub.report(TASK, "lift", percent / 100)
        for status in WAY[1:]:
            job.add(status)
            hub.notify(TASK)
            await asyncio.sleep(0.01)
        told = [told async for told in follower]
        assert [event.status for event in told if isinstance(event, Event)] == WAY[1:]
        assert [item for item in told if isinstance(item, Progress)] in ([], [Progress("a", "lift", 0.99)])

    run(test)


def test_progress_is_told_between_events() -> None:
    async def test(hub: EventHub, job: Job) -> None:
        job.add(Status.CONVERTING)
        follower = hub.follow(TOPIC, progress=True)
        await anext(follower)
        hub.report(TASK, "lift", 0.5)
        assert await anext(follower) == Progress("a", "lift", 0.5)
        assert hub.progress("a") == Progress("a", "lift", 0.5)
        hub.forget("a")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert hub.progress("a") is None
        await follower.aclose()

    run(test)


def test_a_job_that_has_ended_makes_no_progress() -> None:
    async def test(hub: EventHub, job: Job) -> None:
        job.add(Status.QUEUED)
        job.add(Status.CANCELLED)
        job.events.append(Event(3, "b", 1, Status.QUEUED, None, datetime.now(UTC)))  # another one of the batch
        follower = hub.follow(Topic("batch", is_batch=True), progress=True)
        for _ in range(3):
            await anext(follower)
        hub.report(TASK, "lift", 0.5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(follower), 0.1)

    run(test)


def test_who_does_not_ask_for_progress_sleeps_through_it() -> None:
    async def test(hub: EventHub, job: Job) -> None:
        job.add(Status.CONVERTING)
        follower = hub.follow(TOPIC)
        await anext(follower)
        hub.report(TASK, "lift", 0.5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(follower), 0.1)

    run(test)


def test_a_follower_that_leaves_leaves_nothing_behind() -> None:
    async def test(hub: EventHub, job: Job) -> None:
        job.add(Status.QUEUED)
        following = asyncio.create_task(statuses(hub))
        await asyncio.sleep(0.05)
        assert hub.followed == 1
        following.cancel()
        await asyncio.wait([following])
        assert hub.followed == 0
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) == 1

    run(test)


def test_a_read_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wheatstone.jobs.events._POLL_S", 0.05)

    async def test(hub: EventHub, job: Job) -> None:
        job.add(Status.QUEUED)
        following = asyncio.create_task(statuses(hub))
        await asyncio.sleep(0.02)
        job.fails = True
        hub.notify(TASK)
        await asyncio.sleep(0.02)
        job.fails = False
        job.add(Status.CANCELLED)
        assert await following == [Status.QUEUED, Status.CANCELLED]

    run(test)


def test_followers_end_when_the_task_is_deleted() -> None:
    async def test(hub: EventHub, job: Job) -> None:
        job.add(Status.QUEUED)
        following = asyncio.create_task(statuses(hub))
        await asyncio.sleep(0.02)
        job.events.clear()
        hub.notify(TASK)
        assert await following == [Status.QUEUED]

    run(test)


def test_followers_end_when_the_server_goes() -> None:
    async def test(hub: EventHub, job: Job) -> None:
        job.add(Status.QUEUED)
        following = asyncio.create_task(statuses(hub))
        await asyncio.sleep(0.05)
        hub.close()
        assert await following == [Status.QUEUED]

    run(test)
