"""Named stages of a run: how long each took, how far the current one is, and whether to go on at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from wheatstone.cancellation import Cancellation

Report = Callable[[str, float], None]
"""Called with the stage's name and its progress, 0 to 1. Coalesce it: it may be called often."""


def no_report(_stage: str, _fraction: float) -> None:
    """A report for callers that do not watch."""


class Stages:
    """Times the stages of one run and reports their progress; a cancelled run ends at the next report.

    Attributes:
        seconds: stage name to wall-clock seconds, in the order the stages first began; a failed stage counts.
        cancellation: ends the run when asked to.
    """

    def __init__(self, report: Report = no_report, cancellation: Cancellation | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self.cancellation = cancellation or Cancellation()
        self._report = report

    def report(self, name: str, fraction: float) -> None:
        """Tell how far a stage is, 0 to 1; what is outside, or no number, is told as the nearer end.

        Raises:
            CancelledError: the run was told to end.
        """
        self.cancellation.check()
        self._report(name, min(float(fraction), 1.0) if fraction > 0 else 0.0)

    def add(self, seconds: Mapping[str, float]) -> None:
        """Count stages that ran elsewhere."""
        for name, duration_s in seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + duration_s

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Run a stage; yields a function that takes its progress, 0 to 1.

        Raises:
            CancelledError: the run was told to end.
        """
        self.report(name, 0.0)
        self.seconds.setdefault(name, 0.0)
        began = time.perf_counter()
        try:
            yield lambda fraction: self.report(name, fraction)
        finally:
            self.seconds[name] += time.perf_counter() - began
        self.report(name, 1.0)
