"""Deliveries: accepted in the transaction of what they tell, then tried until they get through or are given up.

Each attempt is a workflow of its own, and one that fails enqueues the next, delayed, in the transaction that
records it. So a delivery that waits is two rows, and nothing in memory: no number of them blocks another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, EnqueueOptions

from wheatstone.delivery.callbacks import Callbacks
from wheatstone.delivery.couriers import Courier, Letter
from wheatstone.delivery.liveness import workflows_alive
from wheatstone.delivery.policy import Failure, RetryPolicy, failure_of
from wheatstone.delivery.webhooks import KIND, Webhooks
from wheatstone.delivery.workflows import deliver, set_current
from wheatstone.egress import Egress, Streamed
from wheatstone.errors import EgressFailedError, EgressRefusedError, UnknownDeliveryError, reason
from wheatstone.storage import CALLBACK, Artifact, Delivery, DeliveryStatus, DeliveryStore, Task

_log = logging.getLogger(__name__)

_QUEUE = "deliveries"
_QUEUE_POLL_S = 0.25
"""A look costs some 2 ms; who waits for a part of a mesh gets it this much later."""
_AT_ONCE = 64
_AT_ONCE_A_RECEIVER = 8
"""Attempts under way: one receiver that hangs leaves room for the others."""


def _now() -> datetime:
    return datetime.now(UTC)


class _GoingError(Exception):
    """The server is going, in the middle of what it sends."""


class Deliveries:
    """Takes deliveries and makes them; one a process."""

    def __init__(
        self,
        store: DeliveryStore,
        webhooks: Webhooks,
        callbacks: Callbacks,
        egress: Egress,
        client: DBOSClient,
        *,
        policy: RetryPolicy | None = None,
        clock: Callable[[], datetime] = _now,
        poll_s: float = _QUEUE_POLL_S,
    ) -> None:
        """Make it ready; `start` begins.

        Args:
            store: the rows.
            webhooks: who is told of all tasks.
            callbacks: who is sent the results of a task.
            egress: the way out.
            client: enqueues workflows, in the database of the rows.
            policy: when to try again.
            clock: tells the time.
            poll_s: how often to look for what is to be sent, in seconds.
        """
        self.store = store
        self.webhooks = webhooks
        self.callbacks = callbacks
        self._couriers: Mapping[str, Courier] = {KIND: webhooks, CALLBACK: callbacks}
        self._egress = egress
        self._client = client
        self._policy = policy or RetryPolicy()
        self._clock = clock
        self._poll_s = poll_s
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
            polling_interval_sec=self._poll_s,
        )
        await asyncio.to_thread(self.sweep)

    async def drain(self) -> None:
        """Begin no attempt any more, and let those that are being made end: a matter of half a minute at most."""
        self._is_draining = True
        while self._under_way:
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        """End; what has not ended goes on at the next start."""
        set_current(None)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def on_artifact(self, connection: sa.Connection, task: Task, artifact: Artifact) -> None:
        """Send a file that a task has made, if somebody wants it; in the transaction that adds it to the task."""
        self._enqueue(connection, self.callbacks.of_part(connection, task, artifact))

    def on_final(self, connection: sa.Connection, task: Task) -> None:
        """Tell that a task has ended, if somebody wants to know; in the transaction that ends it.

        Nobody is told of one that is attended: nothing of it stays.
        """
        if task.attended:
            return
        self._enqueue(connection, self.webhooks.of_end(connection, task))
        self._enqueue(connection, self.callbacks.of_end(connection, task))

    def _enqueue(self, connection: sa.Connection, letters: Iterable[Letter]) -> None:
        """Accept deliveries in the caller's transaction: they are made if, and only if, that is committed."""
        for letter in letters:
            delivery = self.store.add(connection, **asdict(letter))
            if delivery.status is DeliveryStatus.PENDING:
                self._enqueue_attempt(connection, delivery)

    def replay(self, delivery_id: str) -> Delivery:
        """Begin anew with a delivery that was given up; any other stays as it is.

        Raises:
            UnknownDeliveryError: there is none.
        """
        delivery = self._get(delivery_id)
        if delivery.status is DeliveryStatus.DEAD:
            DBOS.delete_workflows(_workflow_ids(delivery))  # what it begins has other ids
            if self.store.replay(delivery_id, self._enqueue_attempt):
                _log.info("delivery %s begins anew", delivery_id)
        return self._get(delivery_id)

    def replay_all(self) -> int:
        """Begin anew with all that were given up; returns how many."""
        ids = self.store.dead()
        for delivery_id in ids:
            with contextlib.suppress(UnknownDeliveryError):  # its task was deleted meanwhile
                self.replay(delivery_id)
        return len(ids)

    def _get(self, delivery_id: str) -> Delivery:
        delivery = self.store.find(delivery_id)
        if delivery is None:
            raise UnknownDeliveryError(f"There is no delivery {delivery_id!r}.")
        return delivery

    def sweep(self) -> None:
        """Enqueue attempts that were lost, for instance to a full disk; forget deliveries of deleted tasks."""
        pending = {_workflow_id(delivery, delivery.attempts + 1): delivery for delivery in self.store.pending()}
        alive = workflows_alive(pending)
        for workflow_id, delivery in pending.items():
            if workflow_id not in alive:
                self._requeue(delivery, workflow_id)
        self.store.advance(self._enqueue_attempt)
        if workflows := [each for orphan in self.store.delete_orphans() for each in _workflow_ids(orphan)]:
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
            "queue_partition_key": delivery.receiver,
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
        except _GoingError:
            raise asyncio.CancelledError from None
        finally:
            self._under_way -= 1

    def _attempt(self, delivery_id: str, number: int) -> None:
        delivery = self.store.find(delivery_id)
        if delivery is None or delivery.status is not DeliveryStatus.PENDING or delivery.attempts != number - 1:
            return
        try:
            failure = self._send(delivery)
        except _GoingError:
            raise
        except Exception:  # whatever it is, it holds up those behind it no longer than any other failure
            _log.exception("delivery %s cannot be sent", delivery.id)
            failure = Failure("Something went wrong in the server; its log says more.")
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
        now = self._clock()
        with self._couriers[delivery.kind].message(delivery, now) as message:
            if isinstance(message, Failure):
                return message
            body = message.body
            if isinstance(body, Streamed):
                body = replace(body, chunks=self._unless_going(body.chunks))
            try:
                with self._egress.stream(
                    "POST", delivery.url, limits=message.limits, headers=message.headers, content=body
                ) as answer:
                    failure = failure_of(answer.status, answer.headers.get("retry-after"), now)
                    # The status says it all; reading on lets the receiver see the exchange end well.
                    with contextlib.suppress(EgressFailedError, EgressRefusedError):
                        for _chunk in answer.chunks:
                            pass
                    return failure
            except (EgressFailedError, EgressRefusedError) as error:
                return Failure(str(error))
            except OSError as error:  # of a file that is sent
                return Failure(f"It cannot be read: {reason(error)}.")

    def _unless_going(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """What is sent, until the server has to go: a large file would keep it for long."""
        for chunk in chunks:
            if self._is_draining:
                raise _GoingError
            yield chunk


def _workflow_id(delivery: Delivery, number: int) -> str:
    return f"{delivery.id}:{number}" + (f":{delivery.replays}" if delivery.replays else "")


def _workflow_ids(delivery: Delivery) -> list[str]:
    """Of all its attempts since it began, and of the next one."""
    return [_workflow_id(delivery, number) for number in range(1, delivery.attempts + 2)]
