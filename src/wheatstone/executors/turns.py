"""Turns at something that only a few can use at once: by rank, then in the order they were asked for."""

from __future__ import annotations

import bisect
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from wheatstone.cancellation import Cancellation


class Turns:
    """A fair semaphore: of those who wait the lowest rank goes first, and among equals who asked first."""

    def __init__(self, places: int) -> None:
        self._changed = threading.Condition()
        self._free = places
        self._waiting: list[tuple[float, int]] = []  # rank and number, sorted
        self._numbers = itertools.count()

    @contextmanager
    def turn(self, cancellation: Cancellation, rank: float = 0.0) -> Iterator[None]:
        """Wait for a place and hold it.

        Raises:
            CancelledError: the end was asked for while waiting.
        """
        with self._changed:
            me = (rank, next(self._numbers))
            bisect.insort(self._waiting, me)
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

    def _is_next(self, me: tuple[float, int]) -> bool:
        return self._free > 0 and self._waiting[0] == me

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
