"""How long things take: whole processes, and rounds in which competitors take turns."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def whole_process(
    command: Sequence[str | Path], variables: Mapping[str, str] | None = None
) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak megabytes of a command; ends the bench if it fails.

    Python keeps its bytecode from run to run, as it does for whoever installs Wheatstone.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= variables or {}
    began = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(str(part) for part in command)} ended with {process.returncode}")
    return wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def own_peak_mb() -> float:
    """Most megabytes that this process has held so far.

    Linux's `ru_maxrss` begins with what the parent held when it started us; `VmHWM` begins with nothing.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def wall_s(work: Callable[[], object]) -> float:
    """Wall seconds of a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def take_turns(competitors: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median seconds of each competitor, which times itself; one round before is not counted.

    They run one after the other in every round, so that what else the machine does hits all alike.
    """
    seconds: dict[str, list[float]] = {name: [] for name in competitors}
    for _ in range(rounds + 1):
        for name, run in competitors.items():
            seconds[name].append(run())
    return {name: round(statistics.median(times[1:]), 4) for name, times in seconds.items()}
