"""Named stages of a run: how long each took and how far the current one is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[str, float], None]
"""Called with the stage's name and its progress, 0 to 1. Coalesce it: it may be called often."""


def no_report(_stage: str, _fraction: float) -> None:
    """A report for callers that do not watch."""


class Stages:
    """Times the stages of one run and reports their progress.

    Attributes:
        seconds: stage name to wall-clock seconds, in the order the stages first began; a failed stage counts.
    """

    def __init__(self, report: Report = no_report) -> None:
        self.seconds: dict[str, float] = {}
        self._report = report

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Run a stage; yields a function that takes its progress, 0 to 1."""
        self._report(name, 0.0)
        self.seconds.setdefault(name, 0.0)
        began = time.perf_counter()
        try:
            yield lambda fraction: self._report(name, fraction)
        finally:
            self.seconds[name] += time.perf_counter() - began
        self._report(name, 1.0)
