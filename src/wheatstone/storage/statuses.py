"""What state a task is in, and which may follow."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """State of a task."""

    QUEUED = "queued"
    CONVERTING = "converting"
    COMPRESSING = "compressing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return not FOLLOWING[self]


FOLLOWING: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.CONVERTING, Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    Status.CONVERTING: frozenset({Status.COMPRESSING, Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    Status.COMPRESSING: frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED}),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}
"""The states that may follow each; who waited for an equal task has its result without work of its own."""
