"""Rendering on the CPU: a picture of 1,179,648 Gaussians and a turntable, warm; beside it a plain rasteriser."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.timing import own_peak_mb

SIDE_PX = 768
ROUNDS = 7
CLIP_SECONDS, CLIP_FPS = 3, 30
STAND_IN_GAUSSIANS, STAND_IN_PX = 2_000, 128


def run() -> dict[str, Any]:
    """Wall and CPU seconds, frames a second and peak memory, each measured in a process of its own."""
    return {name: json.loads(subprocess.check_output(_command(name), text=True)) for name in _MEASURES}


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", "bench.render", name]


def _timed(work: Callable[[], object], rounds: int, *, warm_up: bool = True) -> dict[str, float]:
    """Medians of some rounds, after one that is not counted."""
    if warm_up:
        work()
    walls_s, cpus_s = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls_s.append(time.perf_counter() - wall)
        cpus_s.append(time.process_time() - cpu)
    return {"wall_s": statistics.median(walls_s), "cpu_s": statistics.median(cpus_s)}


def _picture() -> dict[str, Any]:
    """One picture, the scene in the order that models write it and in none."""
    from bench.scenes import photo_scene, scattered
    from wheatstone.splats.render import render
    from wheatstone.splats.views import frame

    scene = photo_scene(SIDE_PX)
    camera = frame(scene)
    figures: dict[str, Any] = {"gaussians": len(scene.gaussians), "picture_px": [SIDE_PX, SIDE_PX]}
    figures["in_order"] = _timed(lambda: render(scene.gaussians, camera), ROUNDS)
    figures["peak_mb"] = own_peak_mb()
    mixed = scattered(scene).gaussians
    figures["in_no_order"] = _timed(lambda: render(mixed, camera), ROUNDS)
    return figures


def _turntable() -> dict[str, Any]:
    """The same scene as a clip, MP4."""
    from bench.scenes import photo_scene
    from wheatstone.clips import MULTIPLE_PX
    from wheatstone.splats.clips import write_clip
    from wheatstone.splats.paths import swing
    from wheatstone.splats.shots import Shot

    shot = Shot.of(photo_scene(SIDE_PX), SIDE_PX, multiple_px=MULTIPLE_PX)
    views = swing(CLIP_SECONDS * CLIP_FPS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_clip(shot, views[:2], path, fps=CLIP_FPS)
        seconds = _timed(lambda: write_clip(shot, views, path, fps=CLIP_FPS), 1, warm_up=False)
        return {
            "gaussians": len(shot.gaussians),
            "frames": len(views),
            "frame_px": shot.size_px,
            **seconds,
            "frames_per_s": len(views) / seconds["wall_s"],
            "bytes": path.stat().st_size,
            "peak_mb": own_peak_mb(),
        }


def _stand_in() -> dict[str, Any]:
    """A few Gaussians by us and by the float64 NumPy rasteriser of our tests: a stand-in, not a competitor.

    None of the renderers on PyPI ran on a CPU: gsplat and splax need CUDA, metal-gauss needs a Mac, gausscam
    0.1.5 needs more storage buffers (35) than Debian 12's software Vulkan has (32).
    """
    from tests.splats.reference import random_gaussians, reference_render

    from wheatstone.splats.cameras import Camera
    from wheatstone.splats.render import render

    gaussians = random_gaussians(STAND_IN_GAUSSIANS, sigma_m=0.02)
    camera = Camera.of_photo(STAND_IN_PX, STAND_IN_PX, STAND_IN_PX)
    return {
        "gaussians": STAND_IN_GAUSSIANS,
        "picture_px": [STAND_IN_PX, STAND_IN_PX],
        "wheatstone": _timed(lambda: render(gaussians, camera), ROUNDS),
        "plain_numpy": _timed(lambda: reference_render(gaussians, camera), 2),
    }


_MEASURES: dict[str, Callable[[], dict[str, Any]]] = {
    "picture": _picture,
    "turntable": _turntable,
    "stand_in": _stand_in,
}

if __name__ == "__main__":
    print(json.dumps(_MEASURES[sys.argv[1]]()))
