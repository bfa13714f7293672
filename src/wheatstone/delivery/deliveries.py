"""Deliveries: accepted in the transaction of what they tell, then tried until they get through or are given up.

Each attempt is a workflow of its own, and one that fails enqueues the next, delayed, in the transaction that
records it. So a delivery that waits is two rows, and nothing in memory: no number of them blocks another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, EnqueueOptions

from wheatstone.delivery.liveness import workflows_alive
from wheatstone.delivery.policy import Failure, RetryPolicy, failure_of
from wheatstone.delivery.webhooks import KIND, Webhooks, event_of, payload_of
from wheatstone.delivery.workflows import deliver, set_current
from wheatstone.egress import Egress, Limits
from wheatstone.errors import EgressFailedError, EgressRefusedError
from wheatstone.storage import Delivery, DeliveryStatus, DeliveryStore, Task

_log = logging.getLogger(__name__)

_QUEUE = "deliveries"
_QUEUE_POLL_S = 0.5
"""A look costs some 2 ms, and who is told that way is in no hurry."""
_AT_ONCE = 64
_AT_ONCE_A_RECEIVER = 8
"""Attempts under way: one receiver that hangs leaves room for the others."""
_LIMITS = Limits(max_bytes=64_000, total_s=10, silence_s=10, redirects=0)


def _now() -> datetime:
    return datetime.now(UTC)


class Deliveries:
    """Takes deliveries and makes them; one a process."""

    def __init__(
        self,
        store: DeliveryStore,
        webhooks: Webhooks,
        egress: Egress,
        client: DBOSClient,
        *,
        policy: RetryPolicy | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Make it ready; `start` begins.

        Args:
            store: the rows.
            webhooks: who is told.
            egress: the way out.
            client: enqueues workflows, in the database of the rows.
            policy: when to try again.
            clock: tells the time.
        """
        self.store = store
        self.webhooks = webhooks
        self._egress = egress
        self._client = client
        self._policy = policy or RetryPolicy()
        self._clock = clock
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="delivery")
        self._under_way = 0
        self._is_draining = False
        set_current(self)

    async def start(self) -> None:
        """Begin to deliver; DBOS runs."""
        await DBOS.register_queue_async(
            _QUEUE,
            worker_concurrency=_AT_ONCE,
            partition_worker_concurrency=_AT_ONCE_A_RECEIVER,
            polling_interval_sec=_QUEUE_POLL_S,
        )
        await asyncio.to_thread(self.sweep)

    async def drain(self) -> None:
        """Begin no attempt any more, and let those that are being made end: a matter of ten seconds at most."""
        self._is_draining = True
        while self._under_way:
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        """End; what has not ended goes on at the next start."""
        set_current(None)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def on_final(self, connection: sa.Connection, task: Task) -> None:
        """Tell that a task has ended, if somebody wants to know; in the transaction that ends it.

        Nobody is told of one that is attended: nothing of it stays.
        """
        if not self.webhooks.enabled or task.attended:
            return
        event = event_of(task)
        if url := self.webhooks.urls(connection).get(event):
            self.enqueue(connection, kind=KIND, event=event, task_id=task.id, url=url, payload=payload_of(task))

    def enqueue(
        self, connection: sa.Connection, *, kind: str, event: str, task_id: str, url: str, payload: str
    ) -> Delivery:
        """Accept a delivery in the caller's transaction: it is made if, and only if, that is committed."""
        delivery = self.store.add(connection, kind=kind, event=event, task_id=task_id, url=url, payload=payload)
        self._enqueue_attempt(connection, delivery)
        return delivery

    def sweep(self) -> None:
        """Enqueue attempts that were lost, for instance to a full disk; forget deliveries of deleted tasks."""
        pending = {_workflow_id(delivery, delivery.attempts + 1): delivery for delivery in self.store.pending()}
        alive = workflows_alive(pending)
        for workflow_id, delivery in pending.items():
            if workflow_id not in alive:
                self._requeue(delivery, workflow_id)
        orphans = self.store.delete_orphans()
        workflows = [
            _workflow_id(orphan, number) for orphan in orphans for number in range(1, orphan.attempts + 2)
        ]
        if workflows:
            DBOS.delete_workflows(workflows)

    def _requeue(self, delivery: Delivery, workflow_id: str) -> None:
        now = self.store.find(delivery.id)
        if now is None or now != delivery:
            return  # its attempt ended while we looked
        _log.warning("delivery %s: attempt %d was lost; it is enqueued again", delivery.id, delivery.attempts + 1)
        DBOS.delete_workflows([workflow_id])  # a workflow that has ended would keep another from its id
        self.store.requeue(delivery, self._enqueue_attempt)

    def _enqueue_attempt(self, connection: sa.Connection, delivery: Delivery) -> None:
        """Without a version: whichever server runs then makes it."""
        number = delivery.attempts + 1
        options: EnqueueOptions = {
            "queue_name": _QUEUE,
            "workflow_name": deliver.__name__,
            "workflow_id": _workflow_id(delivery, number),
            "queue_partition_key": "/".join(delivery.url.split("/", 3)[:3]),  # scheme, host and port
        }
        if delivery.next_attempt_at is not None:
            options["delay_seconds"] = max((delivery.next_attempt_at - self._clock()).total_seconds(), 0)
        self._client.enqueue_in_transaction(connection, options, delivery.id, number)

    async def attempt(self, delivery_id: str, number: int) -> None:
        """Make the delivery's attempt of this number, unless it was made, or given up.

        Raises:
            asyncio.CancelledError: the server is going; nothing is recorded, and it is made after the next start.
        """
        if self._is_draining:
            raise asyncio.CancelledError
        self._under_way += 1
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._threads, self._attempt, delivery_id, number)
        finally:
            self._under_way -= 1

    def _attempt(self, delivery_id: str, number: int) -> None:
        delivery = self.store.find(delivery_id)
        if delivery is None or delivery.status is not DeliveryStatus.PENDING or delivery.attempts != number - 1:
            return
        failure = self._send(delivery)
        status, error, next_attempt_at = DeliveryStatus.DELIVERED, None, None
        if failure is not None:
            error = failure.error
            delay_s = None if failure.is_final else self._policy.delay_s(number, failure.retry_after_s)
            if delay_s is None:
                status = DeliveryStatus.DEAD
                _log.error("delivery %s is given up after attempt %d: %s", delivery.id, number, error)
            else:
                status = DeliveryStatus.PENDING
                next_attempt_at = self._clock() + timedelta(seconds=delay_s)
                _log.warning(
                    "delivery %s: attempt %d failed: %s Next in %.0f s.", delivery.id, number, error, delay_s
                )
        self.store.record(
            delivery, status, error=error, next_attempt_at=next_attempt_at, enqueue=self._enqueue_attempt
        )

    def _send(self, delivery: Delivery) -> Failure | None:
        """Make the request; what is wrong if it does not get through."""
        if not self.webhooks.enabled:
            return Failure("Webhooks are switched off.", is_final=True)
        now = self._clock()
        try:
            with self._egress.stream(
                "POST",
                delivery.url,
                limits=_LIMITS,
                headers=self.webhooks.headers(delivery, now),
                content=delivery.payload.encode(),
            ) as answer:
                failure = failure_of(answer.status, answer.headers.get("retry-after"), now)
                # The status says it all; the body is read only so that the receiver sees the exchange end well.
                with contextlib.suppress(EgressFailedError, EgressRefusedError):
                    for _chunk in answer.chunks:
                        pass
                return failure
        except (EgressFailedError, EgressRefusedError) as error:
            return Failure(str(error))


def _workflow_id(delivery: Delivery, number: int) -> str:
    return f"{delivery.id}:{number}"
