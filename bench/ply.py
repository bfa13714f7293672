"""PLY against plyfile fed with tuples, as SHARP writes it, and against gsply, on 1.18 million Gaussians."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gsply
import numpy as np
from plyfile import PlyData, PlyElement

from bench.scenes import photo_scene
from bench.timing import take_turns, wall_s
from wheatstone.splats.formats import ply
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Scene

ROUNDS = 9
_NAMES = ["x", "y", "z", *(f"f_dc_{i}" for i in range(3)), "opacity"]
_NAMES += [*(f"scale_{i}" for i in range(3)), *(f"rot_{i}" for i in range(4))]


def run() -> dict[str, Any]:
    """Medians of rounds in which all take turns; all start and end with linear scales and opacities.

    gsply's own reading ends with the file's logarithms and logits, as views: `gsply_raw_s`. So does its writing
    begin, with views of a file it has read: `gsply_same_s`.
    """
    scene = photo_scene()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, target = scene.save(folder / "source.plain.ply"), folder / "target.ply"
        read_before = gsply.plyread(source)
        reading = take_turns(
            {
                "read_s": lambda: wall_s(lambda: ply.read(source)),
                "gsply_s": lambda: wall_s(lambda: _linear(gsply.plyread(source))),
                "gsply_raw_s": lambda: wall_s(lambda: gsply.plyread(source)),
            },
            ROUNDS,
        )
        writing = take_turns(
            {
                "write_s": lambda: _wall_s_of_new_file(lambda: _write(scene, target), target),
                "gsply_s": lambda: _wall_s_of_new_file(lambda: _write_gsply(scene.gaussians, target), target),
                "gsply_same_s": lambda: _wall_s_of_new_file(lambda: gsply.plywrite(target, read_before), target),
            },
            ROUNDS,
        )
        plyfile_s = _wall_s_of_new_file(lambda: _write_plyfile(scene.gaussians, target), target)
    return {
        "gaussians": len(scene.gaussians),
        "read": reading,
        "write": {**writing, "plyfile_tuples_s": round(plyfile_s, 3)},
        "times_faster": {
            "read_than_gsply": round(reading["gsply_s"] / reading["read_s"], 2),
            "read_than_gsply_raw": round(reading["gsply_raw_s"] / reading["read_s"], 2),
            "write_than_gsply": round(writing["gsply_s"] / writing["write_s"], 2),
            "write_than_gsply_same": round(writing["gsply_same_s"] / writing["write_s"], 2),
            "write_than_plyfile": round(plyfile_s / writing["write_s"], 1),
        },
    }


def _wall_s_of_new_file(write: Callable[[], object], path: Path) -> float:
    """Seconds of writing a file that was not there: some file systems punish overwriting, and not all alike."""
    path.unlink(missing_ok=True)
    return wall_s(write)


def _write(scene: Scene, path: Path) -> None:
    with path.open("wb") as file:
        ply.write_plain(scene, file)


def _linear(data: gsply.GSData) -> Gaussians:
    """What we return from a file, made from what gsply returns, by its own means."""
    linear = gsply.apply_pre_activations(data, inplace=False)
    return Gaussians(linear.means, linear.scales, linear.quats, linear.opacities, linear.sh0[:, None])


def _write_gsply(gaussians: Gaussians, path: Path) -> None:
    scales, opacities = np.log(gaussians.scales), np.asarray(gsply.logit(gaussians.opacities))
    gsply.plywrite(path, gaussians.means, scales, gaussians.quaternions, opacities, gaussians.sh[:, 0])


def _write_plyfile(gaussians: Gaussians, path: Path) -> None:
    """SHARP's way: a list of tuples into a structured array."""
    logits = np.log(gaussians.opacities / (1 - gaussians.opacities))[:, None]
    parts = [gaussians.means, gaussians.sh[:, 0], logits, np.log(gaussians.scales), gaussians.quaternions]
    columns = np.concatenate(parts, axis=1)
    table = np.empty(len(gaussians), [(name, "f4") for name in _NAMES])
    table[:] = list(map(tuple, columns))
    PlyData([PlyElement.describe(table, "vertex")]).write(path)
