"""`python -m bench [NAME…]`: measure, print, and keep the figures in `bench/results/`.

`python -m bench sharp --help` tells what else that bench can do.
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

from bench import hostile, main_job, ply, relief, render, report, server, sharp, sog
from wheatstone.compiled import thread_count

RESULTS = Path(__file__).parent / "results"
BENCHES = {
    "hostile": hostile.run,
    "main_job": main_job.run,
    "ply": ply.run,
    "relief": relief.run,
    "render": render.run,
    "server": server.run,
    "sharp": sharp.run,
    "sog": sog.run,
}


def main(names: list[str]) -> int:
    """Run the named benches, or all of them."""
    if len(names) > 1 and names[0] == "sharp" and names[1].startswith("-"):
        return sharp.main(names[1:])
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"No such bench: {', '.join(unknown)}. Known: {', '.join(BENCHES)}.", file=sys.stderr)
        return 2
    RESULTS.mkdir(exist_ok=True)
    for name in names or list(BENCHES):
        figures = BENCHES[name]()
        machine = {"cores": thread_count(), "machine": platform.machine(), "python": platform.python_version()}
        text = json.dumps({"machine": machine, **figures}, indent=1)
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {text}")
    report.write_report()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
