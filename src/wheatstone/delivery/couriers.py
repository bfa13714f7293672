"""What differs between kinds of deliveries: what is to be told, and the request that tells it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wheatstone.delivery.policy import Failure
from wheatstone.egress import Limits, Streamed
from wheatstone.storage import Delivery


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be told, before it is a delivery.

    Attributes:
        kind: which courier takes it.
        event: what it tells.
        task_id: of the task that it tells about.
        url: where it goes.
        payload: what it says, or what that is made of when it is sent.
        in_turn: whether it waits for those of this kind before it, of the same task.
    """

    kind: str
    event: str
    task_id: str
    url: str
    payload: str
    in_turn: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A request that is ready to be made.

    Attributes:
        headers: header fields.
        body: what is sent.
        limits: how long it may take.
    """

    headers: Mapping[str, str]
    body: bytes | Streamed
    limits: Limits


class Courier(Protocol):
    """Knows how deliveries of one kind are made."""

    def message(self, delivery: Delivery, now: datetime) -> AbstractContextManager[Message | Failure]:
        """The request of an attempt that is made now, or why there can be none; to be sent within the block."""
        ...
