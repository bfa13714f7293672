"""`python -m bench [NAME…]`: measure, print, and keep the figures in `bench/results/`.

`python -m bench NAME --quick` takes a short look where a bench can (`QUICK`), prints it and keeps nothing.
`python -m bench sharp --help` tells what else that bench can do.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

from bench import (
    endurance,
    hostile,
    kills,
    main_job,
    mesh,
    ply,
    relief,
    render,
    report,
    service,
    sharp,
    silhouettes,
    sog,
)
from wheatstone.compiled import thread_count

RESULTS = Path(__file__).parent / "results"
BENCHES = {
    "endurance": endurance.run,
    "hostile": hostile.run,
    "kills": kills.run,
    "main_job": main_job.run,
    "mesh": mesh.run,
    "ply": ply.run,
    "relief": relief.run,
    "render": render.run,
    "service": service.run,
    "sharp": sharp.run,
    "silhouettes": silhouettes.run,
    "sog": sog.run,
}
QUICK = {"endurance": endurance.quick, "mesh": mesh.quick, "service": service.quick}


def main(names: list[str]) -> int:
    """Run the named benches, or all of them."""
    if len(names) > 1 and names[0] == "sharp" and names[1].startswith("-"):
        return sharp.main(names[1:])
    if names[1:] == ["--quick"] and names[0] in QUICK:
        print(json.dumps(QUICK[names[0]](), indent=1))
        return 0
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"No such bench: {', '.join(unknown)}. Known: {', '.join(BENCHES)}.", file=sys.stderr)
        return 2
    RESULTS.mkdir(exist_ok=True)
    if len(names) != 1:  # each in a process of its own, as what one leaves in memory would count for the next
        for name in names or list(BENCHES):
            subprocess.run([sys.executable, "-m", "bench", name], check=True)
        return 0
    for name in names:
        figures = BENCHES[name]()
        machine = {"cores": thread_count(), "machine": platform.machine(), "python": platform.python_version()}
        text = json.dumps({"machine": machine, **figures}, indent=1)
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {text}")
    report.write_report()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
