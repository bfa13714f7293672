from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dbos import DBOS
from standardwebhooks import Webhook

from tests.delivery.host import AT_ONCE, PATIENCE_S, delivering, ended, until
from tests.delivery.receiver import receiving
from tests.servers import Answer, redirects, sends
from wheatstone.delivery import RetryPolicy
from wheatstone.settings import EgressSettings
from wheatstone.storage import DeliveryStatus, Status

SECRET = "whsec_" + b64encode(bytes(range(24))).decode()
ROOT = Path(__file__).parents[2]
LATER = RetryPolicy((3600.0,), jitter=0)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def workflows() -> set[str]:
    """Ids of all workflows."""
    return {workflow.workflow_id for workflow in DBOS.list_workflows()}


def test_what_is_committed_is_delivered_once(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving() as receiver:
            async with delivering(tmp_path, receiver.url) as host:
                host.end()
                delivery = await host.settled()
                assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 1)
                host.end("b")
                await host.settled("b")
            assert [call.headers["webhook-id"] for call in receiver.calls] == [delivery.id, host.of("b").id]

    run(test())


def test_the_request_is_as_documented(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving() as receiver:
            async with delivering(tmp_path, receiver.url) as host:
                host.end()
                delivery = await host.settled()
        (call,) = receiver.calls
        assert call.body == delivery.payload.encode()
        assert call.headers["content-type"] == "application/json"
        assert call.headers["x-webhook-event"] == "task_completed"
        assert call.headers["x-webhook-timestamp"] == call.headers["webhook-timestamp"]
        assert call.headers["user-agent"] == "wheatstone"
        assert "webhook-signature" not in call.headers

    run(test())


def test_what_is_rolled_back_is_never_delivered(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving() as receiver:
            async with delivering(tmp_path, receiver.url) as host:
                task = ended(host.tasks, "undone")
                with host.engine.begin() as connection:
                    host.deliveries.on_final(connection, task)
                    connection.rollback()
                assert host.deliveries.store.of_task("undone") == []
                assert await asyncio.to_thread(workflows) == set()
                host.end("b")
                await host.settled("b")
        assert len(receiver.calls) == 1

    run(test())


def test_nobody_is_told_of_a_task_that_is_attended(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving() as receiver:
            async with delivering(tmp_path, receiver.url) as host:
                task = replace(ended(host.tasks, "attended"), attended=True)
                with host.engine.begin() as connection:
                    host.deliveries.on_final(connection, task)
                assert host.deliveries.store.of_task("attended") == []
        assert receiver.calls == []

    run(test())


def test_a_failure_is_tried_again_as_the_same_message(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving(sends(b"", 500), sends(b"")) as receiver:
            async with delivering(tmp_path, receiver.url, secret=SECRET) as host:
                host.end()
                delivery = await host.settled()
        assert (delivery.status, delivery.attempts, delivery.last_error) == (DeliveryStatus.DELIVERED, 2, None)
        assert [call.headers["webhook-id"] for call in receiver.calls] == [delivery.id] * 2
        assert receiver.calls[0].body == receiver.calls[1].body
        for call in receiver.calls:
            Webhook(SECRET).verify(call.body, call.headers)

    run(test())


def test_what_never_gets_through_is_kept_as_a_dead_letter(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving(sends(b"secret page", 503)) as receiver:
            async with delivering(tmp_path, receiver.url, policy=AT_ONCE) as host:
                host.end()
                delivery = await host.settled()
                assert (delivery.status, delivery.attempts) == (DeliveryStatus.DEAD, 3)
                assert delivery.last_error == "The receiver answered 503."
                assert delivery.finished_at is not None
                assert delivery.next_attempt_at is None
        assert len(receiver.calls) == 3

    run(test())


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (sends(b"", 204), DeliveryStatus.DELIVERED, None),
        (sends(b"x" * 1_000_000), DeliveryStatus.DELIVERED, None),
        (sends(b"", 410), DeliveryStatus.DEAD, "The receiver answered 410."),
        (sends(b"", 401), DeliveryStatus.PENDING, "The receiver answered 401."),
    ],
)
def test_the_status_of_the_answer_decides(
    answer: Answer, status: DeliveryStatus, error: str | None, tmp_path: Path
) -> None:
    async def test() -> None:
        with receiving(answer) as receiver:
            async with delivering(tmp_path, receiver.url, policy=LATER) as host:
                host.end()
                delivery = await host.attempted(1)
        assert (delivery.status, delivery.last_error) == (status, error)

    run(test())


def test_a_redirect_is_a_failure_and_not_followed(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving() as elsewhere, receiving(redirects(elsewhere.url)) as receiver:
            async with delivering(tmp_path, receiver.url, policy=LATER) as host:
                host.end()
                delivery = await host.attempted(1)
        assert (delivery.status, delivery.last_error) == (DeliveryStatus.PENDING, "The receiver answered 302.")
        assert elsewhere.calls == []

    run(test())


def test_a_private_address_is_not_told_unless_it_is_allowed(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving() as receiver:
            async with delivering(tmp_path, receiver.url, policy=LATER, egress=EgressSettings()) as host:
                host.end()
                delivery = await host.attempted(1)
        assert delivery.status is DeliveryStatus.PENDING
        assert "not at a public address" in (delivery.last_error or "")
        assert receiver.calls == []

    run(test())


def test_a_receiver_may_ask_to_be_left_alone_for_a_while(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving(sends(b"", 429, Retry_After="7200")) as receiver:
            async with delivering(tmp_path, receiver.url, policy=AT_ONCE) as host:
                host.end()
                delivery = await host.attempted(1)
        assert delivery.next_attempt_at is not None
        assert delivery.next_attempt_at - delivery.created_at >= timedelta(hours=2)

    run(test())


def test_nothing_is_told_while_webhooks_are_switched_off(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving(sends(b"", 500)) as receiver:
            async with delivering(tmp_path, receiver.url, policy=AT_ONCE) as host:
                host.end()
                await host.attempted(1)
            calls = len(receiver.calls)
            async with delivering(tmp_path, receiver.url, enabled=False) as host:
                host.end("b")
                delivery = await host.settled()
                assert host.deliveries.store.of_task("b") == []
        assert delivery.status is DeliveryStatus.DEAD
        assert delivery.last_error == "Webhooks are switched off."
        assert len(receiver.calls) == calls

    run(test())


def test_many_deliveries_to_a_receiver_that_hangs_do_not_hold_up_another(tmp_path: Path) -> None:
    goes_on = threading.Event()

    def hang(request: BaseHTTPRequestHandler) -> None:
        goes_on.wait(PATIENCE_S)
        sends(b"")(request)

    async def test() -> None:
        with receiving(hang) as hung, receiving() as good:
            try:
                async with delivering(tmp_path, hung.url, task_failed=good.url) as host:
                    tasks = [ended(host.tasks, f"hung-{number}") for number in range(200)]
                    with host.engine.begin() as connection:
                        for task in tasks:
                            host.deliveries.on_final(connection, task)
                    await until(lambda: len(hung.calls) > 0)
                    host.end("good", Status.FAILED)
                    assert (await host.settled("good")).status is DeliveryStatus.DELIVERED
                    # The hung ones are still in their first attempts: none of them has even timed out.
                    assert all(host.of(task.id).attempts == 0 for task in tasks)
                    assert len(hung.calls) <= 8
                    goes_on.set()
            finally:
                goes_on.set()

    run(test())


def test_what_waits_for_its_turn_when_the_server_ends_goes_on_at_the_next_start(tmp_path: Path) -> None:
    goes_on = threading.Event()

    def hang(request: BaseHTTPRequestHandler) -> None:
        goes_on.wait(PATIENCE_S)
        sends(b"")(request)

    async def test() -> None:
        with receiving(hang) as receiver:
            async with delivering(tmp_path, receiver.url) as host:
                for number in range(10):
                    host.end(f"task-{number}")
                await until(lambda: len(receiver.calls) == 8)
                draining = asyncio.create_task(host.deliveries.drain())
                await asyncio.sleep(0)
                goes_on.set()
                await draining
                assert len(receiver.calls) == 8
            async with delivering(tmp_path, receiver.url) as host:
                for number in range(10):
                    assert (await host.settled(f"task-{number}")).attempts == 1
        assert len({call.headers["webhook-id"] for call in receiver.calls}) == len(receiver.calls) == 10

    run(test())


def test_a_process_killed_between_two_attempts_goes_on_where_it_was(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.delivery.host", str(tmp_path), "webhook"]

    async def test() -> None:
        with receiving(sends(b"", 500), sends(b"")) as receiver:
            with subprocess.Popen([*command, receiver.url, "a"], cwd=ROOT, stdout=subprocess.PIPE) as process:
                engine = None
                try:
                    assert process.stdout is not None
                    assert process.stdout.readline() == b"ready\n"
                    engine = sa.create_engine(f"sqlite:///{tmp_path / 'tasks.db'}")
                    query = sa.text("SELECT attempts FROM deliveries")
                    await until(lambda: _scalar(engine, query) == 1)
                finally:
                    os.kill(process.pid, signal.SIGKILL)
                    if engine is not None:
                        engine.dispose()
            async with delivering(tmp_path, receiver.url) as host:
                delivery = await host.settled()
        assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 2)
        assert [call.headers["webhook-id"] for call in receiver.calls] == [delivery.id] * 2

    run(test())


def test_a_process_killed_during_an_attempt_makes_it_again(tmp_path: Path) -> None:
    goes_on = threading.Event()

    def hang(request: BaseHTTPRequestHandler) -> None:
        goes_on.wait(PATIENCE_S)

    command = [sys.executable, "-m", "tests.delivery.host", str(tmp_path), "webhook"]

    async def test() -> None:
        with receiving(hang, sends(b"")) as receiver:
            with subprocess.Popen([*command, receiver.url, "a"], cwd=ROOT) as process:
                try:
                    await until(lambda: len(receiver.calls) == 1)
                finally:
                    os.kill(process.pid, signal.SIGKILL)
                    goes_on.set()
            async with delivering(tmp_path, receiver.url) as host:
                delivery = await host.settled()
        assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 1)
        assert [call.headers["webhook-id"] for call in receiver.calls] == [delivery.id] * 2

    run(test())


def test_a_lost_attempt_is_found_and_made(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving(sends(b"", 500), sends(b"")) as receiver:
            async with delivering(tmp_path, receiver.url, policy=LATER) as host:
                host.end()
                delivery = await host.attempted(1)
                await asyncio.to_thread(DBOS.delete_workflow, f"{delivery.id}:2")
                await asyncio.to_thread(host.deliveries.sweep)
                assert f"{delivery.id}:2" in await asyncio.to_thread(workflows)

    run(test())


def test_a_delivery_is_forgotten_once_it_has_ended_and_its_task_is_gone(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving(sends(b""), sends(b"", 500)) as receiver:
            async with delivering(tmp_path, receiver.url, policy=LATER) as host:
                host.end("told")
                await host.settled("told")
                host.end("waits")
                waits = await host.attempted(1, "waits")
                await asyncio.to_thread(host.deliveries.sweep)
                assert host.of("told").status is DeliveryStatus.DELIVERED
                host.tasks.delete(["told", "waits"])
                await asyncio.to_thread(host.deliveries.sweep)
                assert host.deliveries.store.of_task("told") == []
                assert host.of("waits") == waits
                assert await asyncio.to_thread(workflows) == {f"{waits.id}:1", f"{waits.id}:2"}

    run(test())


def test_an_unregistered_receiver_is_told_no_more(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving(sends(b"", 500)) as receiver:
            async with delivering(tmp_path, receiver.url, policy=RetryPolicy((1.0,), jitter=0)) as host:
                host.end()
                await host.attempted(1)
                await asyncio.to_thread(host.deliveries.webhooks.unregister, "task_completed")
                assert (await host.settled()).last_error == "The webhook was unregistered."
                host.end("b", Status.FAILED)  # another event: told still
                await host.attempted(1, "b")
        assert [call.headers["x-webhook-event"] for call in receiver.calls[:2]] == [
            "task_completed",
            "task_failed",
        ]

    run(test())


def _scalar(engine: sa.Engine, query: sa.TextClause) -> object:
    with engine.connect() as connection:
        return connection.execute(query).scalar()
