"""Callbacks: the results of a task, sent to whoever asked for them, file by file, and then how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote

import sqlalchemy as sa

from wheatstone.delivery.couriers import Letter, Message
from wheatstone.delivery.forms import FileForm
from wheatstone.delivery.policy import Failure
from wheatstone.delivery.signatures import signer_of
from wheatstone.egress import Limits, Streamed, checked_url
from wheatstone.errors import BadOptionError, reason
from wheatstone.models.roles import MESH_PARTS
from wheatstone.settings import ReconstructionSettings
from wheatstone.storage import (
    CALLBACK,
    Artifact,
    CallbackStore,
    Delivery,
    DeliveryStatus,
    DeliveryStore,
    ObjectStore,
    Status,
    Task,
)

_ANSWER_BYTES = 64_000
_STATUS_LIMITS = Limits(_ANSWER_BYTES, total_s=10, silence_s=10, redirects=0)
_RESULT_SILENCE_S = 30.0
"""Who gets a file may have to put it somewhere before the answer."""
_SLOWEST_BYTES_S = 100_000


class CallbackEvent(StrEnum):
    """What is called back."""

    RESULT = "result"
    STATUS = "status"


class Callbacks:
    """Courier of callbacks, and what they are to say."""

    def __init__(
        self,
        settings: ReconstructionSettings,
        store: CallbackStore,
        deliveries: DeliveryStore,
        objects: ObjectStore,
    ) -> None:
        """Check what the settings say.

        Raises:
            BadOptionError: the secret cannot be used.
        """
        self.store = store
        self._deliveries = deliveries
        self._objects = objects
        self._signer = signer_of(
            settings.callback_secret.get_secret_value(),
            "WHEATSTONE_RECONSTRUCTION__CALLBACK_SECRET",
            takes_text=True,
        )

    def of_part(self, connection: sa.Connection, task: Task, artifact: Artifact) -> list[Letter]:
        """What is to be told of a file that a task has made; nothing if it was told, as a step may run twice."""
        callback = self.store.of_task(connection, task.id)
        if callback is None or artifact.name not in MESH_PARTS:
            return []
        if artifact.name in map(_name_of, self._results(task.id, connection)):
            return []
        url = f"{callback.url}/result/{quote(callback.remote_task_id, safe='')}"
        payload = {"name": artifact.name, "type": artifact.media_type, "key": artifact.key}
        return [Letter(CALLBACK, CallbackEvent.RESULT, task.id, url, json.dumps(payload), in_turn=True)]

    def of_end(self, connection: sa.Connection, task: Task) -> list[Letter]:
        """What is to be told of a task that has ended: results that were not told yet, and the status.

        The files of one that failed are deleted: those that are on their way are given up.
        """
        callback = self.store.of_task(connection, task.id)
        if callback is None:
            return []
        letters: list[Letter] = []
        if task.status is Status.COMPLETED:
            for artifact in filter(None, map(task.artifact, MESH_PARTS)):
                letters += self.of_part(connection, task, artifact)
        else:
            self._deliveries.give_up(connection, task.id, CALLBACK, f"The task was not completed: {task.status}.")
        payload = {
            "taskId": callback.remote_task_id,
            "status": "completed" if task.status is Status.COMPLETED else "failed",
            "error": task.error_message,
        }
        text, url = json.dumps(payload, ensure_ascii=False), f"{callback.url}/status"
        return [*letters, Letter(CALLBACK, CallbackEvent.STATUS, task.id, url, text, in_turn=True)]

    @contextmanager
    def message(self, delivery: Delivery, now: datetime) -> Iterator[Message | Failure]:
        """The request of an attempt that is made now, or why there can be none."""
        if delivery.event == CallbackEvent.STATUS:
            body = self._status(delivery)
            headers = {"Content-Type": "application/json", **self._signer.headers(delivery.id, now, [body])}
            yield Message(headers, body, _STATUS_LIMITS)
            return
        part = json.loads(delivery.payload)
        try:
            file = self._objects.path(part["key"]).open("rb")
        except FileNotFoundError:
            yield Failure("Its file is not here any more.", is_final=True)
            return
        except OSError as error:
            yield Failure(f"Its file cannot be read: {reason(error)}.")
            return
        with file:
            form = FileForm(part["name"], part["type"], file, boundary=f"wheatstone-{delivery.id}")
            signed = self._signer.headers(delivery.id, now, form.chunks())
            size_bytes = form.size_bytes
            total_s = 2 * _RESULT_SILENCE_S + size_bytes / _SLOWEST_BYTES_S
            limits = Limits(_ANSWER_BYTES, total_s=total_s, silence_s=_RESULT_SILENCE_S, redirects=0)
            headers = {"Content-Type": form.content_type, **signed}
            yield Message(headers, Streamed(size_bytes, form.chunks()), limits)

    def _status(self, delivery: Delivery) -> bytes:
        """What it says now; a completed task names the results that never got through."""
        said = json.loads(delivery.payload)
        lost = [_name_of(sent) for sent in self._results(delivery.task_id) if sent.status is DeliveryStatus.DEAD]
        if said["status"] == "completed" and lost:
            said["error"] = f"Not delivered: {', '.join(lost)}."
        return json.dumps(said, ensure_ascii=False).encode()

    def _results(self, task_id: str, connection: sa.Connection | None = None) -> list[Delivery]:
        return [
            delivery
            for delivery in self._deliveries.of_task(task_id, connection)
            if (delivery.kind, delivery.event) == (CALLBACK, CallbackEvent.RESULT)
        ]


def checked_callback_url(text: str) -> str:
    """The URL below which results are told, without a slash at its end.

    Raises:
        EgressRefusedError: nothing can be sent to such a URL. Whether its host may be reached shows later.
        BadOptionError: nothing can be added to it.
    """
    url = checked_url(text)
    if url.query or url.fragment or "?" in text or "#" in text:
        raise BadOptionError(
            "callback_url must have no query and no fragment: /result/… and /status are added to it."
        )
    return text.rstrip("/")


def _name_of(result: Delivery) -> str:
    name: str = json.loads(result.payload)["name"]
    return name
