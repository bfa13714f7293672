"""The main job: one photo of two megapixels to a splat, as a whole process and warm."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from bench.timing import own_peak_mb, whole_process

PHOTO = Path(__file__).parent.parent / "examples" / "astronaut.jpg"
PIXELS = 2_000_000
ROUNDS = 5


def run() -> dict[str, Any]:
    """Seconds per stage, CPU seconds and peak memory; medians of five rounds."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        with Image.open(PHOTO) as image:
            factor = (PIXELS / (image.width * image.height)) ** 0.5
            size = round(image.width * factor), round(image.height * factor)
            image.resize(size, Image.Resampling.LANCZOS).save(photo, quality=92)
        whole = [_whole_process(photo, Path(folder)) for _ in range(ROUNDS + 1)][1:]
        warm = json.loads(subprocess.check_output([sys.executable, "-m", "bench.main_job", str(photo)], text=True))
    return {
        "photo_px": list(size),
        "whole_process": {
            "command": "wheatstone splat photo.jpg --format sog,ply --poster",
            "wall_s": statistics.median(wall_s for wall_s, _, _ in whole),
            "cpu_s": statistics.median(cpu_s for _, cpu_s, _ in whole),
            "peak_mb": max(peak_mb for _, _, peak_mb in whole),
        },
        "warm": warm,
    }


def _whole_process(photo: Path, folder: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak megabytes of the command, compiled code cached."""
    command = [sys.executable, "-m", "wheatstone", "splat", str(photo), "--output", str(folder / "out")]
    return whole_process([*command, "--format", "sog,ply", "--poster", "--overwrite"])


def _warm(photo: Path) -> dict[str, Any]:
    """Medians in a running process, after one round that is not counted."""
    from wheatstone.executors import InlineExecutor
    from wheatstone.pipelines import Output, photo_to_splat, write_outputs
    from wheatstone.settings import load_settings
    from wheatstone.splats.formats import format_named
    from wheatstone.stages import Stages

    executor = InlineExecutor(load_settings())
    output = Output(photo.with_name("warm"), [format_named("sog"), format_named("ply")], poster=True)
    rounds, cpu_s, count = [], [], 0
    for _ in range(ROUNDS + 1):
        stages = Stages()
        began = time.process_time()
        scene = photo_to_splat(photo, executor, stages=stages)
        write_outputs(scene, output, stages, overwrite=True)
        cpu_s.append(time.process_time() - began)
        rounds.append(stages.seconds)
        count = len(scene.gaussians)
    stage_s = {name: statistics.median(seconds[name] for seconds in rounds[1:]) for name in rounds[-1]}
    return {
        "gaussians": count,
        "stage_s": stage_s,
        "wall_s": sum(stage_s.values()),
        "cpu_s": statistics.median(cpu_s[1:]),
        "peak_mb": own_peak_mb(),
    }


if __name__ == "__main__":
    print(json.dumps(_warm(Path(sys.argv[1]))))
