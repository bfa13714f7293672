"""A wish that running work end early: passed along with it, heard in any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wheatstone.errors import CancelledError


class Cancellation:
    """Can be asked for once, from any thread; work looks at it, or is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._listeners: list[Callable[[], None]] = []

    def cancel(self) -> None:
        """Ask for the end; calls whoever listens, in this thread. Asking again does nothing."""
        with self._lock:
            if self._cancelled:
                return
            self._cancelled = True
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    @property
    def is_cancelled(self) -> bool:
        """Whether the end was asked for."""
        return self._cancelled

    def check(self) -> None:
        """Stop here if the end was asked for.

        Raises:
            CancelledError: it was.
        """
        if self._cancelled:
            raise CancelledError("Cancelled.")

    @contextmanager
    def telling(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call `listener` if the end is asked for while the block runs, or was before."""
        with self._lock:
            already = self._cancelled
            self._listeners.append(listener)
        try:
            if already:
                listener()
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)
