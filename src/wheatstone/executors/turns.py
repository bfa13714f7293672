"""Turns at something that only a few can use at once, in the order they were asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from wheatstone.cancellation import Cancellation


class Turns:
    """A fair semaphore: whoever asked first goes first."""

    def __init__(self, places: int) -> None:
        self._changed = threading.Condition()
        self._free = places
        self._waiting: deque[object] = deque()

    @contextmanager
    def turn(self, cancellation: Cancellation) -> Iterator[None]:
        """Wait for a place and hold it.

        Raises:
            CancelledError: the end was asked for while waiting.
        """
        me = object()
        with self._changed:
            self._waiting.append(me)
        try:
            with cancellation.telling(self._wake), self._changed:
                self._changed.wait_for(lambda: cancellation.is_cancelled or self._is_next(me))
                cancellation.check()
                self._free -= 1
        finally:
            with self._changed:
                self._waiting.remove(me)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _is_next(self, me: object) -> bool:
        return self._free > 0 and self._waiting[0] is me

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
