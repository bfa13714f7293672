"""`/v1/deliveries`: what was not delivered is kept, and replayed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.receiver import Receiver, receiving
from tests.live import PATIENCE_S, LiveServer, running_server
from tests.servers import sends
from wheatstone.client import Client
from wheatstone.errors import UnknownDeliveryError
from wheatstone.wire import Delivery

SETTINGS: dict[str, Any] = {
    "model": {"name": "instant"},
    "egress": {"allow_private": ["127.0.0.0/8"]},
    "webhook": {"enabled": True},
}


def given_up(server: LiveServer, receiver: Receiver) -> Delivery:
    """A webhook that its receiver refuses for good."""
    server.http.post("/v1/webhooks", json={"event_type": "task_completed", "url": receiver.url})
    task_id = server.submit()
    with Client(server.url) as client:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for delivery in client.deliveries("dead"):
                if delivery.job_id == task_id:
                    return delivery
            time.sleep(0.02)
    raise AssertionError("it was never given up")


def test_what_was_given_up_is_listed_and_replayed(tmp_path: Path) -> None:
    with (
        receiving(sends(b"", 410), sends(b"")) as receiver,
        running_server(tmp_path, **SETTINGS) as server,
        Client(server.url) as client,
    ):
        dead = given_up(server, receiver)
        assert (dead.kind, dead.event, dead.attempts) == ("webhook", "task_completed", 1)
        assert dead.error == "The receiver answered 410."
        assert dead.receiver == receiver.url.removesuffix("/hook")
        assert client.replay(dead).status in ("pending", "delivered")
        deadline = time.monotonic() + PATIENCE_S
        while not (delivered := client.deliveries("delivered")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert [each.id for each in delivered] == [dead.id]
        assert client.deliveries("dead") == []
        assert client.replay_all() == 0
        assert client.replay(dead.id) == delivered[0]
        first, second = receiver.calls
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == dead.id
        with pytest.raises(UnknownDeliveryError):
            client.replay("another")
