"""Which durable workflows will still do something."""

from __future__ import annotations

from collections.abc import Collection

from dbos import DBOS

_ALIVE = ("PENDING", "ENQUEUED", "DELAYED")
_SLICE = 1000
"""Ids in one question: SQLite takes only so many."""


def workflows_alive(workflow_ids: Collection[str]) -> set[str]:
    """Those of these workflows that wait or are under way."""
    ids = list(workflow_ids)
    return {
        workflow.workflow_id
        for start in range(0, len(ids), _SLICE)
        for workflow in DBOS.list_workflows(
            workflow_ids=ids[start : start + _SLICE], status=list(_ALIVE), load_input=False, load_output=False
        )
    }
