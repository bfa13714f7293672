"""PlayCanvas's splat-transform: where it is, how to run it, and how far a scene is from the one it came from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from wheatstone.arrays import F64, AnyArray
from wheatstone.splats.gaussians import Gaussians

_MODULES = Path(__file__).parent / "node_modules"
NODE = _MODULES / ".bin" / ("node.cmd" if sys.platform == "win32" else "node")
PROGRAM = _MODULES / "@playcanvas" / "splat-transform" / "bin" / "cli.mjs"
MISSING = "splat-transform is not installed: run `npm ci` in tests/peers"


def command(source: Path, target: Path, *options: str) -> list[str]:
    """The command that converts a file on the CPU; `options` act on what it read."""
    return [str(part) for part in (NODE, PROGRAM, "-q", "-w", "-g", "cpu", source, *options, target)]


def convert(source: Path, target: Path, *options: str) -> Path:
    """Run splat-transform; returns `target`."""
    subprocess.run(command(source, target, *options), check=True, capture_output=True, timeout=300)
    return target


def errors(before: Gaussians, after: Gaussians) -> dict[str, F64]:
    """The error of every attribute, as its owner would state it; both in the same order."""
    seen = before.opacities >= 1 / 255  # splat-transform drops the colours of others
    apart = np.abs(np.sum(before.quaternions.astype(np.float64) * after.quaternions, axis=1)).clip(0, 1)
    logs = [np.log(g.scales.astype(np.float64).clip(1e-38)) for g in (before, after)]
    return {
        "position, metres": np.linalg.norm(before.means.astype(np.float64) - after.means, axis=1),
        "scale, logarithm": np.abs(logs[0] - logs[1]),
        "orientation, degrees": np.degrees(2 * np.arccos(apart)),
        "colour": np.abs(before.sh[seen, 0].astype(np.float64) - after.sh[seen, 0]),
        "opacity": np.abs(before.opacities.astype(np.float64) - after.opacities),
    }


def rms(values: AnyArray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
