"""An attempt as a durable workflow.

It has no steps: the delivery's row is the one truth, so an attempt that was cut off by a kill is simply made
again, and one that was recorded is not.
"""

from __future__ import annotations

from typing import Protocol

from dbos import DBOS


class Attempting(Protocol):
    """Makes attempts."""

    async def attempt(self, delivery_id: str, number: int) -> None:
        """Make the delivery's attempt of this number, unless it was made."""


_current: Attempting | None = None


@DBOS.workflow(name="deliver", max_recovery_attempts=None)  # a killed server is not the receiver's fault
async def deliver(delivery_id: str, number: int) -> None:
    """One attempt of a delivery: 1 is the first."""
    if _current is None:
        raise RuntimeError("Nothing is delivered in this process.")
    await _current.attempt(delivery_id, number)


def set_current(deliveries: Attempting | None) -> None:
    """Let workflows find these; DBOS, too, is one a process."""
    global _current
    _current = deliveries
