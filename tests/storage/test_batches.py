from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from wheatstone.errors import IdempotencyMismatchError, UnknownTaskError
from wheatstone.storage import BatchStore, NewTask, Rejected, RequestKey, TaskStore, open_database

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
NO_PHOTO = Rejected("notes.txt", "bad-picture", "It is a diary.")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_database(tmp_path / "tasks.db")
    yield engine
    engine.dispose()


def add(engine: sa.Engine, batch_id: str, *tasks: str, ago: timedelta = timedelta()) -> None:
    batches = BatchStore(engine, lambda: BEGAN - ago)
    new = [NewTask(id=task, model="auto", photo_sha256="0", photo_bytes=0, batch_id=batch_id) for task in tasks]
    TaskStore(engine).create(new, lambda connection: batches.add(connection, batch_id, [NO_PHOTO]))


def test_a_batch_tells_what_became_no_task(engine: sa.Engine) -> None:
    add(engine, "batch", "a")
    batch = BatchStore(engine).get("batch")
    assert (batch.rejected, batch.created_at) == ((NO_PHOTO,), BEGAN)
    with pytest.raises(UnknownTaskError, match="no batch 'other'"):
        BatchStore(engine).get("other")


def test_batches_of_which_nothing_is_left_go_after_a_day(engine: sa.Engine) -> None:
    add(engine, "old", ago=timedelta(days=2))
    add(engine, "old with a task", "a", ago=timedelta(days=2))
    add(engine, "new")
    store = BatchStore(engine, lambda: BEGAN)
    store.delete_empty()
    assert store.get("new").id == "new"
    assert store.get("old with a task").id == "old with a task"
    with pytest.raises(UnknownTaskError):
        store.get("old")


def test_a_key_stands_for_one_request_for_a_day(engine: sa.Engine) -> None:
    store = BatchStore(engine, lambda: BEGAN)
    request = RequestKey("key", "fingerprint")
    assert store.made_by(request) is None
    with engine.begin() as connection:
        store.remember(connection, request, "a")
    assert store.made_by(request) == "a"
    with pytest.raises(IdempotencyMismatchError, match="asked for something else"):
        store.made_by(RequestKey("key", "another"))
    later = BatchStore(engine, lambda: BEGAN + timedelta(hours=25))
    assert later.made_by(request) is None
    with engine.begin() as connection:
        later.remember(connection, request, "b")
    assert later.made_by(request) == "b"


def test_what_is_deleted_frees_its_key(engine: sa.Engine) -> None:
    store = BatchStore(engine)
    with engine.begin() as connection:
        store.remember(connection, RequestKey("task", "f"), "a")
        store.remember(connection, RequestKey("batch", "f"), "b")
    TaskStore(engine).delete(["a"])
    store.delete("b")
    assert store.made_by(RequestKey("task", "f")) is None
    assert store.made_by(RequestKey("batch", "f")) is None
