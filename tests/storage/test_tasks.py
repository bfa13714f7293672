from __future__ import annotations

import dataclasses
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from wheatstone.errors import BadPictureError, UnknownTaskError
from wheatstone.storage import (
    Artifact,
    BatchStore,
    Event,
    News,
    NewTask,
    Result,
    Status,
    Task,
    TaskStore,
    Topic,
    open_database,
)
from wheatstone.storage.statuses import FOLLOWING

MADE = Artifact("output.sog", "tasks/a/output.sog", "application/octet-stream", 12)


class Clock:
    """Time that passes by a second at each look."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_database(tmp_path / "tasks.db")
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TaskStore]:
    engine = open_database(tmp_path_factory.mktemp("database") / "tasks.db")
    yield TaskStore(engine, Clock())
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> TaskStore:
    return TaskStore(engine, Clock())


def create(store: TaskStore, task_id: str = "a", photo: str = "00", **more: Any) -> Task:
    values = {"model": "auto", "photo_bytes": 3, "source_name": "a.jpg", "f_px": 500.0, **more}
    new = NewTask(id=task_id, photo_sha256=photo, **values)
    (task,) = store.create([new], lambda _connection: None)
    return task


def events(store: TaskStore, topic: str, after: int = 0, *, is_batch: bool = False) -> list[Event]:
    return list(store.news(Topic(topic, is_batch), after).events)


def test_a_new_task_is_queued_and_its_first_event_says_so(store: TaskStore) -> None:
    task = create(store)
    assert store.get("a") == task
    assert task.status is Status.QUEUED
    assert [(event.sequence, event.status) for event in events(store, "a")] == [(1, Status.QUEUED)]


def test_a_task_whose_workflow_cannot_be_enqueued_does_not_exist(store: TaskStore) -> None:
    def also(_: sa.Connection) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.create([NewTask(id="a", model="auto", photo_sha256="0", photo_bytes=0)], also)
    with pytest.raises(UnknownTaskError):
        store.get("a")
    assert events(store, "a") == []


def test_a_task_goes_its_way_with_an_event_for_each_step(store: TaskStore) -> None:
    create(store)
    for status in (Status.CONVERTING, Status.COMPRESSING):
        assert store.transition("a", status)
    assert store.transition("a", Status.COMPLETED, artifacts=[MADE], facts={"gaussians": 5})
    task = store.get("a")
    assert task.artifacts == (MADE,)
    assert task.artifact("output.sog") == MADE
    assert task.artifact("other") is None
    assert task.facts == {"gaussians": 5}
    assert task.started_at is not None
    assert task.finished_at is not None
    assert task.created_at < task.started_at < task.finished_at
    assert [event.sequence for event in events(store, "a")] == [1, 2, 3, 4]
    assert events(store, "a")[-1].created_at == task.finished_at


def test_the_same_status_again_changes_nothing(store: TaskStore) -> None:
    create(store)
    assert store.transition("a", Status.CONVERTING)
    before = store.get("a")
    assert not store.transition("a", Status.CONVERTING)
    assert store.get("a") == before
    assert len(events(store, "a")) == 2


def test_a_failure_says_why(store: TaskStore) -> None:
    create(store)
    store.transition("a", Status.FAILED, error=BadPictureError("It is a sonnet."))
    task = store.get("a")
    assert (task.error_code, task.error_message) == ("bad-picture", "It is a sonnet.")
    assert events(store, "a")[-1].message == "It is a sonnet."


@given(st.lists(st.sampled_from(Status), max_size=8))
def test_only_what_may_follow_follows_and_the_end_is_the_end(
    shared_store: TaskStore, statuses: list[Status]
) -> None:
    store, task_id = shared_store, str(uuid.uuid4())
    create(store, task_id)
    for status in statuses:
        before = store.get(task_id).status
        if status is before or before.is_final:
            assert not store.transition(task_id, status)
        elif status in FOLLOWING[before]:
            assert store.transition(task_id, status)
        else:
            with pytest.raises(ValueError, match="cannot follow"):
                store.transition(task_id, status)
    told = events(store, task_id)
    assert [event.sequence for event in told] == list(range(1, len(told) + 1))
    assert sum(event.status.is_final for event in told) <= 1
    assert told[-1].status is store.get(task_id).status


def test_of_two_ends_at_once_only_one_counts(store: TaskStore) -> None:
    ready = threading.Barrier(2)

    def end(task_id: str, status: Status) -> Task | None:
        ready.wait()
        return store.transition(task_id, status)

    with ThreadPoolExecutor(2) as threads:
        for number in range(20):
            create(store, str(number))
            ends = list(threads.map(end, [str(number)] * 2, [Status.CANCELLED, Status.FAILED]))
            (ended,) = filter(None, ends)
            assert [event.status for event in events(store, str(number))] == [Status.QUEUED, ended.status]


def test_a_place_in_the_queue_counts_those_before(store: TaskStore) -> None:
    for name in "abc":
        create(store, name)
    create(store, "urgent", priority=1)
    assert store.queue_positions() == {"urgent": 1, "a": 2, "b": 3, "c": 4}
    store.transition("a", Status.CONVERTING)
    assert store.queue_positions() == {"urgent": 1, "b": 2, "c": 3}


def test_tasks_made_together_wait_in_their_order(store: TaskStore) -> None:
    names = [str(uuid.uuid4()) for _ in range(9)]
    values: dict[str, Any] = {"photo_sha256": "00", "photo_bytes": 3, "source_name": "a.jpg", "f_px": None}
    store.create([NewTask(id=name, model="auto", **values) for name in names], lambda _: None)
    places = store.queue_positions()
    assert [places[name] for name in names] == sorted(places[name] for name in names)


def test_a_task_that_comes_with_a_result_is_completed_at_once(store: TaskStore) -> None:
    task = create(store, result=Result((MADE,), {"gaussians": 5}))
    assert (task.status, task.artifacts, task.facts) == (Status.COMPLETED, (MADE,), {"gaussians": 5})
    assert (task.started_at, task.finished_at) == (None, task.created_at)
    assert [event.status for event in events(store, "a")] == [Status.QUEUED, Status.COMPLETED]


def test_what_belongs_to_the_end_is_done_in_its_transaction(engine: sa.Engine) -> None:
    ended: list[Task] = []

    def on_final(connection: sa.Connection, task: Task) -> None:
        assert connection.in_transaction()
        ended.append(task)
        if task.id == "b":
            raise RuntimeError

    store = TaskStore(engine, Clock(), on_final)
    create(store, "a")
    create(store, "b")
    store.transition("a", Status.CONVERTING)
    assert ended == []
    store.transition("a", Status.FAILED)
    assert [(task.id, task.status) for task in ended] == [("a", Status.FAILED)]
    with pytest.raises(RuntimeError):
        store.transition("b", Status.CANCELLED)
    assert store.get("b").status is Status.QUEUED
    create(store, "c", result=Result((), {}))
    assert ended[-1].id == "c"


def test_a_topic_is_over_when_all_its_tasks_have_ended_or_are_gone(store: TaskStore, engine: sa.Engine) -> None:
    batches = BatchStore(engine)
    new = [NewTask(id=name, model="auto", photo_sha256="0", photo_bytes=0, batch_id="batch") for name in "abc"]
    store.create(new, lambda connection: batches.add(connection, "batch", []))
    assert [event.task_id for event in events(store, "batch", is_batch=True)] == ["a", "b", "c"]
    last = events(store, "batch", is_batch=True)[-1].number
    store.transition("b", Status.FAILED)
    assert store.news(Topic("b")).is_over
    store.transition("a", Status.CANCELLED)
    news = store.news(Topic("batch", is_batch=True), last)
    assert ([event.task_id for event in news.events], news.is_over) == (["b", "a"], False)
    store.delete(["c"])
    assert store.news(Topic("batch", is_batch=True)).is_over
    assert store.news(Topic("never")) == News((), is_over=True)


def test_pages_go_from_the_newest_to_the_oldest_and_miss_none(store: TaskStore) -> None:
    for name in "abcde":
        create(store, name, model="other" if name == "c" else "auto")
    store.transition("d", Status.FAILED)
    seen: list[str] = []
    before = None
    while page := store.page(2, before=before):
        seen += [task.id for task in page]
        before = (page[-1].created_at, page[-1].id)
    assert seen == list("edcba")
    assert [task.id for task in store.page(9, statuses=[Status.FAILED])] == ["d"]
    assert [task.id for task in store.page(9, model="other")] == ["c"]


def test_unfinished_and_ended_tasks_are_told_apart(store: TaskStore) -> None:
    for name in "abc":
        create(store, name)
    store.transition("b", Status.CANCELLED)
    store.transition("a", Status.FAILED)
    assert store.unfinished() == ["c"]
    assert [task.id for task in store.ended()] == ["b", "a"]


def test_a_photo_is_in_use_while_a_task_has_it(store: TaskStore) -> None:
    create(store, "a", "11")
    create(store, "b", "11")
    create(store, "c", "22")
    store.delete(["a", "c"])
    assert store.photos_in_use({"11", "22"}) == {"11"}


def test_deleted_tasks_leave_no_events(store: TaskStore) -> None:
    create(store)
    store.delete(["a"])
    assert events(store, "a") == []


def test_tasks_that_have_not_ended_are_counted_by_status(store: TaskStore) -> None:
    assert store.counts() == {}
    for task_id in "abcd":
        create(store, task_id)
    store.transition("a", Status.CONVERTING)
    store.transition("b", Status.CANCELLED)
    assert store.counts() == {Status.QUEUED: 2, Status.CONVERTING: 1}


PART = Artifact("pixel_images.png", "tasks/a/pixel_images.png", "image/png", 5)
NEXT = Artifact("output3d.zip", "tasks/a/output3d.zip", "application/zip", 7)


def told(store: TaskStore, task_id: str = "a") -> list[str]:
    return [event.artifact or event.status for event in events(store, task_id)]


def test_what_a_task_makes_on_the_way_is_its_own_at_once_and_told_once(store: TaskStore) -> None:
    create(store, kind="mesh")
    store.transition("a", Status.CONVERTING)
    for artifact in (PART, NEXT, dataclasses.replace(PART, size_bytes=6)):
        assert store.add_artifact("a", artifact)
    assert [(made.name, made.size_bytes) for made in store.get("a").artifacts] == [(PART.name, 6), (NEXT.name, 7)]
    store.transition("a", Status.COMPLETED)
    assert told(store) == ["queued", "converting", PART.name, NEXT.name, "completed"]
    assert [event.sequence for event in events(store, "a")] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_a_task_that_ends_badly_has_made_nothing_and_makes_nothing_any_more(
    status: Status, store: TaskStore
) -> None:
    create(store)
    store.transition("a", Status.CONVERTING)
    store.add_artifact("a", PART)
    store.transition("a", status, error=BadPictureError("bad"))
    assert store.get("a").artifacts == ()
    assert store.add_artifact("a", NEXT) is None
    assert told(store) == ["queued", "converting", PART.name, status]


def test_a_kept_result_that_comes_in_parts_is_told_in_parts(store: TaskStore) -> None:
    create(store, result=Result((PART, NEXT), {}, comes_in_parts=True))
    create(store, "b", result=Result((PART, NEXT), {}))
    assert told(store) == ["queued", PART.name, NEXT.name, "completed"]
    assert told(store, "b") == ["queued", "completed"]


def test_attended_tasks_are_known(store: TaskStore) -> None:
    create(store, "a")
    create(store, "b", attended=True)
    assert [task.id for task in store.attended()] == ["b"]
