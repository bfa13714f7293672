from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from wheatstone.cancellation import Cancellation
from wheatstone.errors import CancelledError
from wheatstone.jobs.flights import Flights

PATIENCE_S = 30


def wait_in_line(flights: Flights, count: int) -> None:
    while len(flights) < count:
        time.sleep(0.001)


def test_ten_equal_requests_compute_once() -> None:
    flights = Flights()
    results: dict[str, str] = {}
    computed: list[str] = []

    def request(task_id: str) -> str:
        flights.join("key", task_id, Cancellation())
        try:
            if "key" not in results:
                computed.append(task_id)
                wait_in_line(flights, 10 - len(results))
                results["key"] = f"by {task_id}"
            return results["key"]
        finally:
            flights.end(task_id)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(request, "abcdefghij"))
    assert len(computed) == 1
    assert set(answers) == {f"by {computed[0]}"}
    assert len(flights) == 0


def test_requests_that_differ_do_not_wait() -> None:
    flights = Flights()
    flights.join("one", "a", Cancellation())
    flights.join("other", "b", Cancellation())


def test_after_a_failure_the_next_leads_in_the_order_they_came() -> None:
    flights, led = Flights(), []
    flights.join("key", "failing", Cancellation())

    def request(task_id: str) -> None:
        flights.join("key", task_id, Cancellation())
        led.append(task_id)
        flights.end(task_id)

    with ThreadPoolExecutor(3) as pool:
        futures = []
        for number, task_id in enumerate("abc"):
            futures.append(pool.submit(request, task_id))
            wait_in_line(flights, number + 2)
        flights.end("failing")
        for future in futures:
            future.result(PATIENCE_S)
    assert led == ["a", "b", "c"]


def test_who_leads_may_join_again_at_once() -> None:
    flights = Flights()
    for _ in range(2):
        flights.join("key", "a", Cancellation())
    flights.end("a")
    flights.end("a")
    flights.join("key", "b", Cancellation())


def waiting(flights: Flights, pool: ThreadPoolExecutor, cancellation: Cancellation) -> Future[None]:
    flights.join("key", "leader", Cancellation())
    future = pool.submit(flights.join, "key", "waiting", cancellation)
    wait_in_line(flights, 2)
    return future


def test_waiting_ends_when_it_is_cancelled_and_leaves_nothing() -> None:
    flights, cancellation = Flights(), Cancellation()
    with ThreadPoolExecutor(1) as pool:
        future = waiting(flights, pool, cancellation)
        cancellation.cancel()
        with pytest.raises(CancelledError):
            future.result(PATIENCE_S)
    assert len(flights) == 1
    flights.end("leader")
    assert len(flights) == 0


def test_waiting_ends_when_the_task_does() -> None:
    flights = Flights()
    with ThreadPoolExecutor(1) as pool:
        future = waiting(flights, pool, Cancellation())
        flights.end("waiting")
        with pytest.raises(CancelledError):
            future.result(PATIENCE_S)


def test_who_joins_another_line_leaves_the_first() -> None:
    flights = Flights()
    with ThreadPoolExecutor(1) as pool:
        future = waiting(flights, pool, Cancellation())
        flights.join("other", "leader", Cancellation())
        future.result(PATIENCE_S)
