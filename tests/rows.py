"""Rows as a database would give them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from wheatstone.storage import Status, Task

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def task(**values: Any) -> Task:
    """A task that waits, but for these values."""
    row: dict[str, Any] = {
        "id": "a",
        "kind": "splat",
        "status": Status.QUEUED,
        "model": "auto",
        "photo_sha256": "00",
        "photo_bytes": 3,
        "source_name": "a.jpg",
        "f_px": None,
        "batch_id": None,
        "priority": 0,
        "keep_ply": False,
        "time_limit_s": None,
        "attended": False,
        "error_code": None,
        "error_message": None,
        "artifacts": (),
        "facts": {},
        "created_at": BEGAN,
        "started_at": None,
        "finished_at": None,
    }
    return Task(**{**row, **values})
