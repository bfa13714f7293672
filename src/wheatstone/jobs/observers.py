"""Who is told when tasks end."""

from __future__ import annotations

from typing import Protocol

from wheatstone.storage import Task


class JobObserver(Protocol):
    """Watches this process's tasks."""

    def finished(self, task: Task) -> None:
        """A task has come to its final status; called once for each, in any thread, and must not block."""
