from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from wheatstone.storage import Delivery, DeliveryStatus, DeliveryStore, WebhookStore, open_database


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_database(tmp_path / "tasks.db")
    yield engine
    engine.dispose()


def add(engine: sa.Engine, event: str = "task_completed") -> Delivery:
    with engine.begin() as connection:
        return DeliveryStore(engine).add(
            connection, kind="webhook", event=event, task_id="a", url="http://example.com", payload="{}"
        )


def test_a_new_delivery_is_read_back_as_it_was_made(engine: sa.Engine) -> None:
    delivery = add(engine)
    store = DeliveryStore(engine)
    assert store.find(delivery.id) == delivery
    assert store.of_task("a") == store.pending() == [delivery]
    assert store.find("another") is None


def test_an_attempt_is_recorded_once(engine: sa.Engine) -> None:
    delivery, store = add(engine), DeliveryStore(engine)
    enqueued: list[Delivery] = []

    def record(status: DeliveryStatus) -> bool:
        return store.record(delivery, status, error="no", enqueue=lambda _, after: enqueued.append(after))

    assert record(DeliveryStatus.PENDING)
    assert not record(DeliveryStatus.PENDING)
    assert not record(DeliveryStatus.DEAD)
    assert enqueued == [store.find(delivery.id)]
    assert enqueued[0].attempts == 1


def test_an_attempt_whose_successor_cannot_be_enqueued_is_not_recorded(engine: sa.Engine) -> None:
    delivery, store = add(engine), DeliveryStore(engine)

    def fail(*_: object) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        store.record(delivery, DeliveryStatus.PENDING, error="no", enqueue=fail)
    assert store.find(delivery.id) == delivery


def test_one_that_has_changed_is_not_enqueued_again(engine: sa.Engine) -> None:
    delivery, store = add(engine), DeliveryStore(engine)
    store.record(delivery, DeliveryStatus.DELIVERED, enqueue=lambda *_: None)
    enqueued: list[Delivery] = []
    assert not store.requeue(delivery, lambda _, after: enqueued.append(after))
    assert enqueued == []


def test_unregistering_gives_up_what_is_on_its_way_of_that_event_only(engine: sa.Engine) -> None:
    first, second = add(engine), add(engine, "task_failed")
    WebhookStore(engine).unregister("task_completed", kind="webhook", reason="unregistered")
    store = DeliveryStore(engine)
    given_up = store.find(first.id)
    assert given_up is not None
    assert (given_up.status, given_up.last_error) == (DeliveryStatus.DEAD, "unregistered")
    assert store.pending() == [second]
