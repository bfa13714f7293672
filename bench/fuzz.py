"""Coverage-guided fuzzing for long runs: `python -m bench.fuzz KIND [libFuzzer options]`.

atheris (`pip install --group fuzz`) watches which lines of the readers an input reaches and goes on from those
that reach new ones, beginning with the campaign's first inputs. It stops at the first finding and writes its
bytes; what it has learnt stays in `out/fuzz/` for the next run.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

_READERS = ["wheatstone", "zipfile", "PIL", "pillow_heif"]
"""What is instrumented: all Python that touches the bytes."""
_INPUTS = 500


def main(arguments: list[str]) -> None:
    """Fuzz one format until a finding, or as long as the options say (`-max_total_time=300`)."""
    os.environ["NUMBA_DISABLE_JIT"] = "1"  # instrumented functions cannot be compiled
    import atheris
    import numpy as np

    with atheris.instrument_imports(include=_READERS):
        from bench.hostile.inputs import CASES, hostile_input, whole_inputs
        from bench.hostile.judge import Outcome, judge
    kind, *options = arguments
    if kind not in CASES:
        raise SystemExit(f"No such format: {kind}. Known: {', '.join(CASES)}.")
    corpus = Path("out") / "fuzz" / kind
    corpus.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp()) / f"it.{kind.lower()}"
    for number, data in enumerate([*whole_inputs(kind), *(hostile_input(kind, it) for it in range(_INPUTS))]):
        (corpus / str(number)).write_bytes(data)

    np.seterr(all="ignore")  # kernels overflow silently once compiled

    def try_one(data: bytes) -> None:
        path.write_bytes(data)
        outcome, finding = judge(path, use=False)  # rendering takes long without compiled kernels
        if outcome is Outcome.FINDING:
            raise AssertionError(finding)

    atheris.Setup([sys.argv[0], *options, "-max_len=65536", str(corpus)], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
