from __future__ import annotations

import threading

import pytest

from wheatstone.cancellation import Cancellation
from wheatstone.errors import CancelledError


def test_work_goes_on_until_the_end_is_asked_for() -> None:
    cancellation = Cancellation()
    cancellation.check()
    cancellation.cancel()
    with pytest.raises(CancelledError):
        cancellation.check()


def test_listeners_are_told_once() -> None:
    cancellation, told = Cancellation(), []
    with cancellation.telling(lambda: told.append(1)):
        cancellation.cancel()
        cancellation.cancel()
    assert told == [1]


def test_a_listener_that_comes_late_is_told_at_once() -> None:
    cancellation, told = Cancellation(), []
    cancellation.cancel()
    with cancellation.telling(lambda: told.append(1)):
        assert told == [1]


def test_a_listener_that_is_gone_is_not_told() -> None:
    cancellation, told = Cancellation(), []
    with cancellation.telling(lambda: told.append(1)):
        pass
    cancellation.cancel()
    assert told == []


def test_it_can_be_asked_for_from_another_thread() -> None:
    cancellation, told = Cancellation(), threading.Event()
    with cancellation.telling(told.set):
        threading.Thread(target=cancellation.cancel).start()
        assert told.wait(10)
