"""Reads hostile inputs in child processes that may run out of time or memory, crash, and be replaced."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from bench.hostile.inputs import hostile_input, whole_inputs
from bench.hostile.judge import Outcome, judge
from bench.timing import own_peak_mb
from wheatstone.compiled import thread_count

FINDINGS = Path("out") / "hostile"
"""Where the inputs of findings are kept, under their numbers."""
MOST_SECONDS = 10.0
"""An input that takes longer ends its process; none needs a tenth, but machines are shared."""
MOST_MB = 1200.0
"""Resident memory of a process. It begins with about 200 MB; ZIP entries may unpack to 134 MB."""
_ADDRESS_SPACE_BYTES = 6 << 30  # last resort, so that a runaway ends and the machine goes on
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Result:
    """How one input ended.

    Attributes:
        kind: its format.
        number: its number in the format.
        outcome: read, refused, or anything else.
        finding: what is wrong, in a line; empty if nothing is.
        seconds: wall-clock time of reading and using it.
        peak_mb: the most memory its process has had so far, 0 when it died.
    """

    kind: str
    number: int
    outcome: Outcome
    finding: str
    seconds: float
    peak_mb: float


def results(counts: Mapping[str, int]) -> Iterator[Result]:
    """Try the first inputs of each format, as many as asked for, on all cores; in order."""
    batches = [
        (kind, range(start, min(start + _BATCH, count)))
        for kind, count in counts.items()
        for start in range(0, count, _BATCH)
    ]
    with ThreadPoolExecutor(thread_count()) as pool:
        for batch in pool.map(_try_batch, batches):
            yield from batch


def _try_batch(batch: tuple[str, range]) -> list[Result]:
    """Try inputs one after the other, in a new process whenever the last one is spent."""
    kind, numbers = batch
    tried: list[Result] = []
    while len(tried) < len(numbers):
        tried += _try_in_one_process(kind, numbers[len(tried) :])
    return tried


def _try_in_one_process(kind: str, numbers: range) -> list[Result]:
    """Results up to the end of the numbers, or up to the input that spent the process."""
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    tried: list[Result] = []
    folder = tempfile.mkdtemp()
    path = Path(folder) / f"it.{kind.lower()}"
    process = spawning.Process(target=_serve, args=(theirs, kind, path))
    process.start()
    theirs.close()
    try:
        ours.recv()  # imported and compiled
        for number in numbers:
            result = _try_one(ours, kind, number)
            if result.peak_mb > MOST_MB:
                text = f"{result.peak_mb:.0f} MB of memory"
                result = Result(kind, number, Outcome.FINDING, text, result.seconds, result.peak_mb)
            tried.append(result)
            if result.outcome is Outcome.FINDING:
                FINDINGS.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, FINDINGS / f"{number}.{kind.lower()}")
            if not 0 < result.peak_mb <= MOST_MB:
                break
    finally:
        process.kill()
        process.join()
        ours.close()
        shutil.rmtree(folder)
    return tried


def _try_one(child: Connection, kind: str, number: int) -> Result:
    began = time.perf_counter()
    child.send(number)
    try:
        if child.poll(MOST_SECONDS):
            outcome, finding, seconds, peak_mb = child.recv()
            return Result(kind, number, outcome, finding, seconds, peak_mb)
        finding = f"not done after {MOST_SECONDS} s"
    except EOFError:
        finding = "the process died"
    return Result(kind, number, Outcome.FINDING, finding, time.perf_counter() - began, 0)


def _serve(parent: Connection, kind: str, path: Path) -> None:
    """The child: read the input of each number that comes, until the parent ends it."""
    import resource

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff and others write there
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES))
    for whole in whole_inputs(kind):  # so that no input's time has imports and compilation in it
        path.write_bytes(whole)
        judge(path)
    parent.send(None)
    while True:
        number = parent.recv()
        path.write_bytes(hostile_input(kind, number))
        began = time.perf_counter()
        outcome, finding = judge(path)
        seconds = time.perf_counter() - began
        parent.send((outcome, finding, seconds, own_peak_mb()))
