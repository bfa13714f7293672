"""The campaign against the readers: 124,500 hostile files, each to be read or refused in one clear line.

Pictures in six formats, PLY, SOG, and meshes in GLB, OBJ and ZIP come broken byte by byte, piece by piece and by
grammars of what their formats allow and do not; what can be read must also be fit to use. Of hostile photos of
objects closed meshes are made, or they are refused. `python -m bench hostile` runs it whole, the tests a
twentieth. What fails is kept in `out/hostile/` and ends the run with an error.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from bench.hostile.inputs import CASES
from bench.hostile.judge import Outcome
from bench.hostile.processes import FINDINGS, Result, results


def run() -> dict[str, Any]:
    """Try all inputs; counts by format and outcome, the slowest input, the most memory of a process.

    Raises:
        SystemExit: there are findings; the inputs have been kept.
    """
    began = time.perf_counter()
    figures = campaign(1.0)
    if figures["findings"]:
        raise SystemExit("\n".join([*figures["findings"], f"Their bytes are in {FINDINGS}."]))
    return {key: value for key, value in figures.items() if key != "findings"} | {
        "wall_s": time.perf_counter() - began
    }


def campaign(share: float) -> dict[str, Any]:
    """Try that share of the inputs of each format; keep those that end in any other way than read or refused."""
    counts = {kind: round(count * share) for kind, count in CASES.items()}
    tally: dict[str, Counter[str]] = {kind: Counter() for kind in counts}
    slowest: dict[str, Result] = {}
    peak_mb = dict.fromkeys(counts, 0.0)
    findings = []
    for result in results(counts):
        tally[result.kind][result.outcome] += 1
        peak_mb[result.kind] = max(peak_mb[result.kind], result.peak_mb)
        if result.kind not in slowest or result.seconds > slowest[result.kind].seconds:
            slowest[result.kind] = result
        if result.outcome is Outcome.FINDING:
            findings.append(f"{result.kind} {result.number}: {result.finding}")
    return {
        "inputs": sum(counts.values()),
        "outcomes": {kind: {outcome: tally[kind][outcome] for outcome in Outcome} for kind in counts},
        "slowest": {kind: {"number": it.number, "seconds": it.seconds} for kind, it in slowest.items()},
        "peak_mb": peak_mb,
        "findings": findings,
    }
