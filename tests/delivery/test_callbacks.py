from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from base64 import b64encode
from collections.abc import Coroutine
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dbos import DBOS
from standardwebhooks import Webhook

from tests.delivery.backend import backend
from tests.delivery.host import AT_ONCE, PATIENCE_S, RESULTS, Host, delivering, until
from tests.delivery.receiver import receiving
from tests.servers import sends, serving
from wheatstone.delivery import RetryPolicy
from wheatstone.errors import DeviceMemoryError, TaskUnderWayError, UnknownDeliveryError
from wheatstone.settings import EgressSettings
from wheatstone.storage import Artifact, DeliveryStatus

SECRET = "whsec_" + b64encode(bytes(range(24))).decode()
TEXT = "a secret of words, and long"
ROOT = Path(__file__).parents[2]
LATER = RetryPolicy((3600.0,), jitter=0)
ONCE = RetryPolicy(())
"""One attempt."""
CONTENT = {name: name.encode() + bytes(range(256)) * 300 for name in RESULTS}
DONE = ("status", {"status": "completed", "error": None})


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def reconstruct(host: Host, url: str, task_id: str = "a", remote_task_id: str = "remote") -> None:
    """A task that makes all its results and is completed."""
    host.ask(url, task_id, remote_task_id)
    host.finish(task_id, [host.make(name, content, task_id) for name, content in CONTENT.items()])


@pytest.mark.parametrize("secret", [SECRET, TEXT])
@pytest.mark.parametrize("task_id", ["42", "猫/../?a=b c"])
def test_a_receiver_made_after_the_document_gets_every_result_in_order_and_then_the_status(
    secret: str, task_id: str, tmp_path: Path
) -> None:
    async def test() -> None:
        with backend(task_id, secret) as receiver:
            async with delivering(tmp_path, callback_secret=secret) as host:
                reconstruct(host, receiver.url, remote_task_id=task_id)
                await host.all_settled()
            assert receiver.told == [*CONTENT.items(), DONE]
            assert receiver.forged == 0
            assert len(receiver.seen) == len(set(receiver.seen)) == 4

    run(test())


def test_callbacks_are_standard_webhooks(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving() as receiver:
            async with delivering(tmp_path, callback_secret=SECRET) as host:
                host.ask(receiver.url)
                host.finish(artifacts=[host.make("output3d.zip", b"text, which the library can take")])
                await host.all_settled()
        assert [call.path for call in receiver.calls] == ["/hook/result/remote", "/hook/status"]
        for call in receiver.calls:
            Webhook(SECRET).verify(call.body, call.headers, json_parse=False)
            assert call.headers["user-agent"] == "wheatstone"
            assert SECRET not in str(call.headers)
            assert "authorization" not in call.headers

    run(test())


def test_nothing_is_signed_without_a_secret(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving() as receiver:
            async with delivering(tmp_path) as host:
                reconstruct(host, receiver.url)
                await host.all_settled()
        assert len(receiver.calls) == 4
        assert not any("webhook-signature" in call.headers for call in receiver.calls)

    run(test())


def test_a_failure_is_tried_again_as_the_same_message_before_anything_else_is_sent(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving(sends(b"", 500), sends(b"")) as receiver:
            async with delivering(tmp_path, callback_secret=SECRET) as host:
                reconstruct(host, receiver.url)
                deliveries = await host.all_settled()
        first, second, *rest = receiver.calls
        assert first.body == second.body
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == deliveries[0].id
        assert [call.headers["webhook-id"] for call in rest] == [delivery.id for delivery in deliveries[1:]]

    run(test())


def test_files_that_nobody_asked_for_are_not_sent(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving() as receiver:
            async with delivering(tmp_path) as host:
                host.ask(receiver.url)
                host.finish(artifacts=[host.make("model.glb", b"more"), host.make("output3d.zip", b"zip")])
                host.end("b")
                await host.all_settled()
                assert host.deliveries.store.of_task("b") == []
        assert len(receiver.calls) == 2

    run(test())


def test_results_that_came_with_the_end_or_came_twice_are_sent_once(tmp_path: Path) -> None:
    async def test() -> None:
        with backend("remote", SECRET) as receiver:
            async with delivering(tmp_path, callback_secret=SECRET) as host:
                host.ask(receiver.url)
                artifacts = [host.make(name, content) for name, content in CONTENT.items()]
                with host.engine.begin() as connection:
                    connection.execute(sa.text("DELETE FROM deliveries WHERE place > 1"))
                host.make(
                    "pixel_images.png", CONTENT["pixel_images.png"]
                )  # a step that was cut off makes it again
                host.finish(artifacts=artifacts)
                await host.all_settled()
            assert receiver.told == [*CONTENT.items(), DONE]

    run(test())


def test_a_result_that_is_given_up_does_not_keep_the_others_back_and_the_status_names_it(tmp_path: Path) -> None:
    async def test() -> None:
        with backend("remote", SECRET, refusals=[413] * 3) as receiver:
            async with delivering(tmp_path, callback_secret=SECRET, policy=AT_ONCE) as host:
                reconstruct(host, receiver.url)
                deliveries = await host.all_settled()
            assert [each.status for each in deliveries] == ["dead", "delivered", "delivered", "delivered"]
            *results, status = receiver.told
            assert results == list(CONTENT.items())[1:]
            assert status == ("status", {"status": "completed", "error": "Not delivered: pixel_images.png."})

    run(test())


def test_a_task_that_fails_says_why_and_sends_no_results_any_more(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving(sends(b"", 503)) as hung, backend("remote", SECRET) as receiver:
            async with delivering(tmp_path, callback_secret=SECRET, policy=LATER) as host:
                host.ask(hung.url)
                host.make("pixel_images.png", b"pixels")
                host.make("xyz_images.png", b"xyz")
                await until(lambda: len(hung.calls) == 1)
                await until(lambda: host.deliveries.store.of_task("a")[0].attempts == 1)
                with host.engine.begin() as connection:
                    connection.execute(sa.text("UPDATE callbacks SET url = :url"), {"url": receiver.url})
                host.finish(error=DeviceMemoryError("显存不足"))
                *results, status = await host.all_settled()
            assert [each.status for each in results] == [DeliveryStatus.DEAD] * 2
            assert status.status is DeliveryStatus.DELIVERED
            assert receiver.told == [("status", {"status": "failed", "error": "显存不足"})]

    run(test())


def test_a_result_whose_file_is_gone_is_given_up_at_once(tmp_path: Path) -> None:
    async def test() -> None:
        with backend("remote", SECRET) as receiver:
            async with delivering(tmp_path, callback_secret=SECRET, policy=LATER) as host:
                host.ask(receiver.url)
                host.finish(artifacts=[Artifact("output3d.zip", "tasks/a/gone", "application/zip", 3)])
                result, _status = await host.all_settled()
            assert (result.status, result.attempts) == (DeliveryStatus.DEAD, 1)
            assert result.last_error == "Its file is not here any more."

    run(test())


def test_one_that_cannot_be_made_into_a_request_is_given_up_as_any_other(tmp_path: Path) -> None:
    async def test() -> None:
        with backend("remote", SECRET, refusals=[503]) as receiver:
            async with delivering(tmp_path, callback_secret=SECRET, policy=ONCE) as host:
                reconstruct(host, receiver.url)
                first, *_others = await host.all_settled()
                with host.engine.begin() as connection:
                    damaged = sa.text("UPDATE deliveries SET payload = '{\"name\": 3}' WHERE id = :id")
                    connection.execute(damaged, {"id": first.id})
                await asyncio.to_thread(host.deliveries.replay, first.id)
                first, *_others = await host.all_settled()
            assert (first.status, first.attempts) == (DeliveryStatus.DEAD, 1)
            assert first.last_error == "Something went wrong in the server; its log says more."

    run(test())


def test_tasks_do_not_wait_for_each_other(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving(sends(b"", 503)) as hung, backend("remote", SECRET) as receiver:
            async with delivering(tmp_path, callback_secret=SECRET, policy=LATER) as host:
                reconstruct(host, hung.url, "hung", "another")
                await until(lambda: len(hung.calls) == 1)
                reconstruct(host, receiver.url)
                await host.all_settled()
                first, *others = host.deliveries.store.of_task("hung")
                assert first.status is DeliveryStatus.PENDING
                assert {other.status for other in others} == {DeliveryStatus.WAITING}
            assert receiver.told == [*CONTENT.items(), DONE]

    run(test())


def test_a_private_address_is_not_called_unless_it_is_allowed(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving() as receiver:
            async with delivering(tmp_path, policy=ONCE, egress=EgressSettings()) as host:
                reconstruct(host, receiver.url)
                deliveries = await host.all_settled()
        assert {delivery.status for delivery in deliveries} == {DeliveryStatus.DEAD}
        assert "not at a public address" in (deliveries[0].last_error or "")
        assert receiver.calls == []

    run(test())


def test_a_process_killed_between_two_attempts_goes_on_where_it_was(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.delivery.host", str(tmp_path), "callback"]

    async def test() -> None:
        with receiving(sends(b""), sends(b"", 500), sends(b"")) as receiver:
            with subprocess.Popen([*command, receiver.url, "a"], cwd=ROOT, stdout=subprocess.PIPE) as process:
                try:
                    assert process.stdout is not None
                    assert process.stdout.readline() == b"ready\n"
                    await until(lambda: len(receiver.calls) == 2)
                finally:
                    os.kill(process.pid, signal.SIGKILL)
            async with delivering(tmp_path) as host:
                deliveries = await host.all_settled()
        assert {delivery.status for delivery in deliveries} == {DeliveryStatus.DELIVERED}
        ids = [delivery.id for delivery in deliveries]
        calls = [(call.headers["webhook-id"], call.body) for call in receiver.calls]
        assert list(dict.fromkeys(message_id for message_id, _body in calls)) == ids
        assert len(set(calls)) == 4
        assert calls[1] == calls[2]

    run(test())


def test_a_large_result_is_sent_in_pieces(tmp_path: Path) -> None:
    size_bytes = 60_000_000
    received = []

    def count(request: BaseHTTPRequestHandler) -> None:
        left = length = int(request.headers["Content-Length"])
        while left:
            left -= len(request.rfile.read(min(left, 1 << 16)))
        received.append(length)
        sends(b"")(request)

    async def test() -> None:
        with serving(count) as server:
            async with delivering(tmp_path, callback_secret=SECRET) as host:
                host.ask(server.url)
                artifact = host.make("output3d.zip", b"")
                with host.objects.path(artifact.key).open("wb") as file:
                    file.truncate(size_bytes)
                tracemalloc.start()
                try:
                    host.finish(artifacts=[artifact])
                    await host.all_settled()
                    _now, peak_bytes = tracemalloc.get_traced_memory()
                finally:
                    tracemalloc.stop()
        assert received[0] > size_bytes
        assert peak_bytes < size_bytes / 4

    run(test())


def test_a_server_that_ends_breaks_a_large_result_off_and_sends_it_after_its_next_start(tmp_path: Path) -> None:
    goes_on = threading.Event()
    begun = []

    def swallow(request: BaseHTTPRequestHandler) -> None:
        left = int(request.headers["Content-Length"])
        left -= len(request.rfile.read(1))
        begun.append(request.path)
        goes_on.wait(PATIENCE_S)
        while chunk := request.rfile.read(min(left, 1 << 16)):
            left -= len(chunk)
        if not left:
            sends(b"")(request)

    async def test() -> None:
        with serving(swallow) as server:
            async with delivering(tmp_path) as host:
                host.ask(server.url)
                host.make("output3d.zip", bytes(40_000_000))
                await until(lambda: len(begun) == 1)
                draining = asyncio.create_task(host.deliveries.drain())
                await asyncio.sleep(0)
                goes_on.set()
                await draining
                (delivery,) = host.deliveries.store.of_task("a")
                assert (delivery.status, delivery.attempts) == (DeliveryStatus.PENDING, 0)
            async with delivering(tmp_path) as host:
                (delivery,) = await host.all_settled()
                assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 1)
        assert len(begun) == 2

    run(test())


def test_what_was_given_up_is_replayed_in_order_as_the_same_messages(tmp_path: Path) -> None:
    async def test() -> None:
        with backend("remote", SECRET, refusals=[500] * 4) as receiver:
            async with delivering(tmp_path, callback_secret=SECRET, policy=ONCE) as host:
                reconstruct(host, receiver.url)
                dead = await host.all_settled()
                assert {delivery.status for delivery in dead} == {DeliveryStatus.DEAD}
                assert receiver.told == []
                assert await asyncio.to_thread(host.deliveries.replay_all) == 4
                deliveries = await host.all_settled()
                assert [(each.status, each.attempts) for each in deliveries] == [(DeliveryStatus.DELIVERED, 1)] * 4
                assert await asyncio.to_thread(host.deliveries.replay_all) == 0
            assert receiver.told == [*CONTENT.items(), DONE]
            assert receiver.seen == [delivery.id for delivery in dead]

    run(test())


def test_only_what_was_given_up_is_replayed(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving() as good, receiving(sends(b"", 500)) as bad:
            async with delivering(tmp_path, policy=LATER) as host:
                host.ask(good.url)
                host.finish()
                (delivered,) = await host.all_settled()
                assert await asyncio.to_thread(host.deliveries.replay, delivered.id) == delivered
                host.ask(bad.url, "b", "another")
                host.finish("b")
                pending = await host.attempted(1, "b")
                assert await asyncio.to_thread(host.deliveries.replay, pending.id) == pending
                with pytest.raises(UnknownDeliveryError):
                    await asyncio.to_thread(host.deliveries.replay, "another")
        assert (len(good.calls), len(bad.calls)) == (1, 1)

    run(test())


def test_one_whose_turn_was_missed_is_found_and_sent(tmp_path: Path) -> None:
    async def test() -> None:
        with backend("remote", SECRET) as receiver:
            async with delivering(tmp_path, callback_secret=SECRET) as host:
                host.ask(receiver.url)
                host.finish()
                (delivery,) = await host.all_settled()
                with host.engine.begin() as connection:
                    connection.execute(sa.text("UPDATE deliveries SET status = 'waiting', attempts = 0"))
                await asyncio.to_thread(DBOS.delete_workflow, f"{delivery.id}:1")
                await asyncio.to_thread(host.deliveries.sweep)
                await host.all_settled()
            assert receiver.seen == [delivery.id] * 2

    run(test())


def test_a_name_is_free_again_once_all_of_its_task_is_told(tmp_path: Path) -> None:
    async def test() -> None:
        with receiving(sends(b"", 500), sends(b"")) as receiver:
            async with delivering(tmp_path, policy=RetryPolicy((1.0,), jitter=0)) as host:
                store = host.deliveries.callbacks.store
                host.ask(receiver.url)
                with pytest.raises(TaskUnderWayError):
                    host.ask(receiver.url, "b")
                host.finish()
                await host.attempted(1)
                known = store.under_way("remote")
                assert known is not None
                assert known.task_id == "a"
                await host.all_settled()
                assert store.under_way("remote") is None
                host.ask(receiver.url, "b")
                host.finish("b")
                await host.all_settled("b")
        assert json.loads(receiver.calls[-1].body)["taskId"] == "remote"

    run(test())
