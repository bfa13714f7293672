"""Who makes a mesh of a photo, each in a new process: ours, and the stages as they were first tried out.

`python -m bench.makers PHOTO FOLDER TIMES BEGAN` is ours: it makes the parts of a photo so many times through the
library, writes each to the folder, and prints when which was there, counted from BEGAN or from the end of the one
before. `bench.peers.raw_mesh` does and prints the same.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.timing import own_peak_mb
from wheatstone.models import checkpoints
from wheatstone.models.inflate.about import INFLATE
from wheatstone.settings import load_settings

ROOT = Path(__file__).parent.parent
PROTOTYPES = ROOT.parent / "shared" / "prototypes"
MISSING = f"{PROTOTYPES} is not there: ours is measured without a peer."
_THEIR_TEXTURE_PX = 512


@dataclass(frozen=True, slots=True)
class Maker:
    """One who makes meshes.

    Attributes:
        module: what to run, and what it is told before the photo.
        network: U²-Net's file, or `-`, if it must be told.
        environment: variables of its processes.
    """

    module: tuple[str, ...]
    network: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, photo: Path, folder: Path, times: int) -> list[str]:
        """What to run now: it tells when that was."""
        made = [str(photo), str(folder), str(times), str(time.time())]
        return [sys.executable, "-m", *self.module, *made, *self.network]

    def make(self, photo: Path, folder: Path, times: int, **environment: str) -> dict[str, Any]:
        """Let a new process make a photo's parts so many times; ends the bench if it fails.

        Returns:
            `runs`: for each time seconds to each part, and CPU seconds of all; `peak_mb`.
        """
        folder.mkdir(exist_ok=True)
        variables = {**os.environ, **self.environment, **environment}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        command = self.command(photo, folder, times)
        output = subprocess.check_output(command, cwd=ROOT, env=variables, text=True)
        made: dict[str, Any] = json.loads(output.splitlines()[-1])
        return made


def makers(folder: Path) -> dict[str, Maker]:
    """Ours with its texture and with one as large as the peer's; the peer, if it is here.

    Args:
        folder: for what the peer compiles.
    """
    small = {"WHEATSTONE_MESH__TEXTURE_SIZE": str(_THEIR_TEXTURE_PX)}
    found = {"ours": Maker(("bench.makers",)), "ours_512": Maker(("bench.makers",), environment=small)}
    if PROTOTYPES.is_dir():
        module = ("bench.peers.raw_mesh", str(PROTOTYPES))
        compiled = {"NUMBA_CACHE_DIR": str(folder / "raw_compiled")}
        found["raw"] = Maker(module, (str(network() or "-"),), compiled)
    return found


def network() -> Path | None:
    """The U²-Net that `inflate` takes, if one is here."""
    settings = load_settings()
    mattes = (checkpoints.find(name, settings) for name in INFLATE.checkpoints)
    return next((path for path in mattes if path is not None), None)


def new_machine(folder: Path) -> dict[str, str]:
    """Variables with which nothing is compiled yet; networks are as they were."""
    shutil.rmtree(folder, ignore_errors=True)
    variables = {"WHEATSTONE_CACHE_DIR": str(folder), "NUMBA_CACHE_DIR": str(folder / "numba")}
    settings = load_settings()
    local = {name: checkpoints.find(name, settings) for name in INFLATE.checkpoints}
    return variables | {
        "WHEATSTONE_CHECKPOINTS__LOCAL": json.dumps({name: str(path) for name, path in local.items() if path})
    }


def _make(photo: Path, folder: Path, times: int, began: float) -> dict[str, Any]:
    from wheatstone.executors import InlineExecutor
    from wheatstone.models.roles import Part
    from wheatstone.pictures import Photo
    from wheatstone.stages import Stages

    executor, runs = InlineExecutor(load_settings()), []
    for number in range(times):
        if number:
            began = time.time()
        cpu_before_s = time.process_time() if number else 0.0
        part_s: dict[str, float] = {}

        def take(part: Part, began: float = began, part_s: dict[str, float] = part_s) -> None:
            (folder / part.name).write_bytes(part.data)
            part_s[part.name] = time.time() - began

        executor.reconstruct_mesh("inflate", Photo(photo), Stages(), take)
        runs.append({"part_s": part_s, "cpu_s": time.process_time() - cpu_before_s})
    return {"runs": runs, "peak_mb": own_peak_mb()}


if __name__ == "__main__":
    print(json.dumps(_make(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))))
