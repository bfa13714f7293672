"""Faults that a test asks for by variables: imported by every Python that starts with this folder on its path.

- `WHEATSTONE_TEST_KILL`: the server kills itself at that moment of a task's last step.
- `WHEATSTONE_TEST_FAIL=second`: the second task's move to `converting` raises, in the server.
- `WHEATSTONE_TEST_FAIL=deletion`: no task's row can be deleted.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _make_faults() -> None:
    import sqlalchemy as sa

    from wheatstone.storage import ObjectStore, Status, Task, TaskStore

    moment, failing = os.environ.get("WHEATSTONE_TEST_KILL"), os.environ.get("WHEATSTONE_TEST_FAIL")
    transition, delete = TaskStore.transition, ObjectStore.delete
    moved: list[str] = []

    def faulty_transition(self: TaskStore, task_id: str, status: Status, **changes: Any) -> Task | None:
        if status is Status.COMPLETED and moment == "before it is completed":
            _kill()
        if status is Status.CONVERTING:
            moved.append(task_id)
            if failing == "second" and len(moved) == 2:
                raise sa.exc.OperationalError("UPDATE", None, Exception("made by a test"))
        changed = transition(self, task_id, status, **changes)
        if status is Status.COMPLETED and moment == "after it is completed":
            _kill()
        return changed

    def faulty_delete(self: ObjectStore, keys: list[str]) -> None:
        delete(self, keys)
        if moment == "after the PLY is deleted" and any(key.endswith(".ply") for key in keys):
            _kill()

    def faulty_forgetting(_self: TaskStore, task_ids: list[str]) -> None:
        if task_ids:
            raise sa.exc.OperationalError("DELETE", None, Exception("made by a test"))

    if failing == "deletion":
        TaskStore.delete = faulty_forgetting  # type: ignore[method-assign,assignment]
    TaskStore.transition = faulty_transition  # type: ignore[method-assign]
    ObjectStore.delete = faulty_delete  # type: ignore[method-assign,assignment]


if "serve" in sys.orig_argv and {"WHEATSTONE_TEST_KILL", "WHEATSTONE_TEST_FAIL"} & set(os.environ):
    _make_faults()
