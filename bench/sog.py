"""SOG against PlayCanvas's splat-transform: seconds, bytes, errors, on the same 1.18 million Gaussians."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.peers import splat_transform

from bench.scenes import photo_scene, scattered
from bench.timing import take_turns, wall_s, whole_process
from wheatstone.splats.formats import ply, read_scene, sog, write_scene
from wheatstone.splats.scene import Scene

ROUNDS = 7


def run() -> dict[str, Any]:
    """Medians of seven rounds in which both take turns; the ratios say how much faster or smaller ours is."""
    if not splat_transform.PROGRAM.exists():
        raise SystemExit(splat_transform.MISSING)
    photo = photo_scene()
    scenes = {"photo": photo, "scattered": scattered(photo)}
    with tempfile.TemporaryDirectory() as folder:
        return {name: _compare(scene, Path(folder)) for name, scene in scenes.items()}


def _compare(scene: Scene, folder: Path) -> dict[str, Any]:
    source = scene.save(folder / "source.plain.ply")
    ours, theirs = folder / "ours.sog", folder / "theirs.sog"
    ours_back, theirs_back = folder / "ours.plain.ply", folder / "theirs.ply"
    command = [sys.executable, "-m", "wheatstone", "convert", "--overwrite"]
    seconds = take_turns(
        {
            "write_theirs_s": lambda: whole_process(splat_transform.command(source, theirs))[0],
            "write_s": lambda: whole_process([*command, source, ours])[0],
            "write_warm_s": lambda: wall_s(lambda: write_scene(read_scene(source), ours)),
            "read_theirs_s": lambda: whole_process(splat_transform.command(theirs, theirs_back))[0],
            "read_s": lambda: whole_process([*command, ours, ours_back])[0],
            "read_warm_s": lambda: wall_s(lambda: write_scene(read_scene(ours), ours_back)),
        },
        ROUNDS,
    )
    their_bytes = theirs.stat().st_size
    efforts = {str(effort): _with_effort(scene, folder / "effort.sog", effort) for effort in range(2)}
    return {
        "gaussians": len(scene.gaussians),
        **seconds,
        "times_faster": {
            name: round(seconds[f"{name.split('_')[0]}_theirs_s"] / seconds[f"{name}_s"], 2)
            for name in ("write", "write_warm", "read", "read_warm")
        },
        "bytes_theirs": their_bytes,
        "efforts": {
            effort: {**figures, "bytes_to_theirs": round(figures["bytes"] / their_bytes, 4)}
            for effort, figures in efforts.items()
        },
        "errors": _errors(source, folder),
    }


def _with_effort(scene: Scene, path: Path, effort: int) -> dict[str, float]:
    """Seconds of writing alone, in a running process, and bytes."""

    def write() -> None:
        with path.open("wb") as file:
            sog.write(scene, file, effort)

    return {"write_alone_s": round(wall_s(write), 4), "bytes": path.stat().st_size}


def _errors(source: Path, folder: Path) -> dict[str, Any]:
    """Root mean square and largest error of every attribute, of ours and of theirs."""
    in_order = splat_transform.convert(source, folder / "sorted.ply", "--morton-order")  # both keep this order
    before = ply.read(in_order)
    theirs = splat_transform.convert(in_order, folder / "theirs.sog")
    read_back = {"ours": sog.read(before.save(folder / "ours.sog")), "theirs": sog.read(theirs)}
    found = {
        whose: splat_transform.errors(before.gaussians, scene.gaussians) for whose, scene in read_back.items()
    }
    return {
        attribute: {
            whose: {"rms": splat_transform.rms(of[attribute]), "max": float(of[attribute].max())}
            for whose, of in found.items()
        }
        for attribute in found["ours"]
    }
