from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from wheatstone.cancellation import Cancellation
from wheatstone.errors import CancelledError
from wheatstone.executors.turns import Turns


def queue_up(turns: Turns, names: str, done: list[str], pool: ThreadPoolExecutor) -> None:
    """Let threads ask for a turn, one after the other."""

    def work(name: str) -> None:
        with turns.turn(Cancellation()):
            done.append(name)

    for waiting, name in enumerate(names, start=1):
        pool.submit(work, name)
        while len(turns._waiting) < waiting:
            time.sleep(0.001)


def test_whoever_asked_first_goes_first() -> None:
    turns = Turns(1)
    done: list[str] = []
    with ThreadPoolExecutor(5) as pool, turns.turn(Cancellation()):
        queue_up(turns, "abcde", done, pool)
    assert "".join(done) == "abcde"


def test_no_more_than_its_places_are_held_at_once() -> None:
    turns = Turns(2)
    lock, most = threading.Lock(), [0, 0]

    def work(_: int) -> None:
        with turns.turn(Cancellation()):
            with lock:
                most[0] += 1
                most[1] = max(most)
            time.sleep(0.002)
            with lock:
                most[0] -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    assert most == [0, 2]


def test_who_is_cancelled_stops_waiting_and_lets_the_others_pass() -> None:
    turns, cancellation = Turns(1), Cancellation()
    done: list[str] = []

    def wait() -> None:
        with turns.turn(cancellation):
            done.append("cancelled")

    with ThreadPoolExecutor(3) as pool, turns.turn(Cancellation()):
        future = pool.submit(wait)
        while not turns._waiting:
            time.sleep(0.001)
        cancellation.cancel()
        with pytest.raises(CancelledError):
            future.result(10)
        queue_up(turns, "a", done, pool)
    assert done == ["a"]


def test_a_place_is_free_again_after_an_error() -> None:
    turns = Turns(1)
    with pytest.raises(ZeroDivisionError), turns.turn(Cancellation()):
        raise ZeroDivisionError
    with turns.turn(Cancellation()):
        pass
