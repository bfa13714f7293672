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


def in_turn(engine: sa.Engine, task_id: str = "a") -> Delivery:
    with engine.begin() as connection:
        return DeliveryStore(engine).add(
            connection,
            kind="callback",
            event="result",
            task_id=task_id,
            url="http://example.com/path",
            payload="{}",
            in_turn=True,
        )


def test_those_in_turn_wait_for_the_ones_before_them_of_their_task(engine: sa.Engine) -> None:
    add(engine)  # of another kind
    first, second, third = (in_turn(engine) for _ in range(3))
    assert in_turn(engine, "b").status is DeliveryStatus.PENDING
    assert [each.status for each in (first, second, third)] == ["pending", "waiting", "waiting"]
    enqueued: list[Delivery] = []
    store = DeliveryStore(engine)
    store.record(first, DeliveryStatus.DEAD, enqueue=lambda _, after: enqueued.append(after))
    assert [(each.id, each.status) for each in enqueued] == [(second.id, DeliveryStatus.PENDING)]
    assert store.find(third.id) == third


def test_the_turn_of_the_next_is_part_of_the_record(engine: sa.Engine) -> None:
    first, second = in_turn(engine), in_turn(engine)
    store = DeliveryStore(engine)

    def fail(*_: object) -> None:
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        store.record(first, DeliveryStatus.DELIVERED, enqueue=fail)
    assert (store.find(first.id), store.find(second.id)) == (first, second)


def test_one_that_is_replayed_begins_anew_and_takes_its_turn(engine: sa.Engine) -> None:
    first, second = in_turn(engine), in_turn(engine)
    store = DeliveryStore(engine)
    with engine.begin() as connection:
        store.give_up(connection, "a", "callback", "no")
    assert store.dead() == [first.id, second.id]
    enqueued: list[str] = []
    for delivery_id in store.dead():
        assert store.replay(delivery_id, lambda _, after: enqueued.append(after.id))
        assert not store.replay(delivery_id, lambda _, after: enqueued.append(after.id))
    assert enqueued == [first.id]
    assert [each.status for each in store.of_task("a")] == ["pending", "waiting"]


def test_those_of_a_status_are_listed_the_oldest_first(engine: sa.Engine) -> None:
    first, second = in_turn(engine), in_turn(engine)
    store = DeliveryStore(engine)
    assert store.page(10) == [first, second]
    assert store.page(1) == store.page(10, [DeliveryStatus.PENDING]) == [first]
    assert first.receiver == "http://example.com"
