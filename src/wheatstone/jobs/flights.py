"""Equal requests at once: one computes, the others wait for what it finds."""

from __future__ import annotations

import threading

from wheatstone.cancellation import Cancellation
from wheatstone.errors import CancelledError


class Flights:
    """For each key a line of tasks; the first one leads it and works, the others wait, in the order they came."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lines: dict[str, list[str]] = {}  # key to tasks, the leader first
        self._keys: dict[str, str] = {}  # task to the key whose line it stands in

    def join(self, key: str, task_id: str, cancellation: Cancellation) -> None:
        """Wait until the task leads the line of this key: whoever led it has then ended, perhaps with a result.

        The task leads until `end`; joining again, as a step that is tried again does, returns at once. One that
        joins with another key leaves its old line.

        Raises:
            CancelledError: the end was asked for, or `end` called, while waiting; the task is in no line then.
        """

        def leads() -> bool:
            return self._keys.get(task_id) == key and self._lines[key][0] == task_id

        with self._changed:
            if self._keys.get(task_id) != key:
                self._leave(task_id)
                self._lines.setdefault(key, []).append(task_id)
                self._keys[task_id] = key
        with cancellation.telling(self._wake), self._changed:
            self._changed.wait_for(lambda: cancellation.is_cancelled or self._keys.get(task_id) != key or leads())
            if not leads():
                self._leave(task_id)
                raise CancelledError("Cancelled.")

    def end(self, task_id: str) -> None:
        """Let the next of the task's line lead; a task in no line is none the worse."""
        with self._changed:
            self._leave(task_id)

    def __len__(self) -> int:
        """Number of tasks in all lines."""
        with self._changed:
            return len(self._keys)

    def _leave(self, task_id: str) -> None:
        key = self._keys.pop(task_id, None)
        if key is not None:
            self._lines[key].remove(task_id)
            if not self._lines[key]:
                del self._lines[key]
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
