"""SHARP with made-up weights: ours against the plain way, each in a process of its own, taking turns.

`python -m bench sharp` measures. With `--photo` it predicts instead, so that results can be compared elsewhere:
`python -m bench sharp --filled tiny --photo photo.jpg --focal-length 1200 --ply out.ply`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.timing import own_peak_mb
from wheatstone.pictures import read_picture
from wheatstone.settings import GpuSettings, Settings
from wheatstone.stages import Stages

PHOTO = Path(__file__).parent.parent / "examples" / "astronaut.jpg"
CHECKPOINTS = Path(__file__).parent.parent / "out" / "filled"
"""Where made-up checkpoints stay; the full one has 2.8 GB and takes half a minute to make."""
ROUNDS = 2
_WAYS = ("plain", "float32", "bfloat16")
_PARTS = {
    "crops": ["monodepth.encoder.patch_encoder"],
    "whole picture": ["monodepth.encoder.image_encoder"],
    "upsampling": [
        *(f"monodepth.encoder.upsample{name}" for name in ("_latent0", "_latent1", "0", "1", "2", "_lowres")),
        "monodepth.encoder.fuse_lowres",
    ],
    "depth decoder": ["monodepth.decoder"],
    "depth head": ["monodepth.head"],
    "splat decoder": ["feature_model.decoder"],
    "splat fusion": ["feature_model.image_encoder", "feature_model.fusion"],
    "splat heads": ["feature_model.texture_head", "feature_model.geometry_head", "prediction_head"],
}


def main(arguments: Sequence[str]) -> int:
    """Predict a photo, or measure one way and print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench sharp", description=__doc__)
    parser.add_argument("--filled", choices=("tiny", "full"), default="full", help="which made-up network")
    parser.add_argument("--photo", type=Path, default=PHOTO)
    parser.add_argument("--focal-length", type=float, help="in pixels of the upright photo; by default from EXIF")
    parser.add_argument("--ply", type=Path, help="where the splat goes")
    parser.add_argument("--way", choices=_WAYS, default="float32")
    parser.add_argument("--side", type=int, default=1536, help="512, 1024 or 1536 pixels")
    parser.add_argument("--values", type=Path, help="where depths and colours go, for comparing")
    options = parser.parse_args(arguments)
    figures = (_plain if options.way == "plain" else _ours)(options)
    print(json.dumps({**figures, "peak_mb": round(own_peak_mb())}))
    return 0


def run() -> dict[str, Any]:
    """Medians of rounds in which the three ways take turns; each is a new process that predicts once."""
    _checkpoint("full")
    with tempfile.TemporaryDirectory() as folder:
        rounds: dict[str, list[dict[str, Any]]] = {way: [] for way in _WAYS}
        for _ in range(ROUNDS):
            for way, found in rounds.items():
                command = [sys.executable, "-m", "bench.sharp", "--way", way, "--values", f"{folder}/{way}.npz"]
                output = subprocess.check_output([*command, "--ply", f"{folder}/{way}.ply"], text=True)
                found.append(json.loads(output.splitlines()[-1]))
                print(f"sharp: {way}: {output.splitlines()[-1]}", file=sys.stderr)
        errors = {
            "float32_than_plain": _errors(Path(folder), "float32", "plain"),
            "bfloat16_than_float32": _errors(Path(folder), "bfloat16", "float32"),
        }
    medians = {way: _medians(found) for way, found in rounds.items()}
    plain = medians["plain"]
    return {
        "rounds": ROUNDS,
        **medians,
        "times_faster": {
            way: {
                name: round(plain[name] / medians[way][name], 2) for name in ("forward_s", "unproject_s", "ply_s")
            }
            | {part: round(plain["part_s"][part] / medians[way]["part_s"][part], 2) for part in _PARTS}
            for way in ("float32", "bfloat16")
        },
        "errors": errors,
    }


def _checkpoint(kind: str) -> Path:
    from tests.models.sharp.filled import checkpoint

    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    return checkpoint(kind, CHECKPOINTS)


def _ours(options: argparse.Namespace) -> dict[str, Any]:
    path = _checkpoint(options.filled)
    began = time.perf_counter()
    import torch
    from tests.models.sharp.filled import CONFIGS

    from wheatstone.models.sharp.hardware import choose_hardware
    from wheatstone.models.sharp.predictor import Sharp

    gpu = GpuSettings(enable_amp=options.way != "float32")
    chosen = choose_hardware(Settings(mode="cpu", gpu=gpu))
    if str(chosen.dtype) != f"torch.{options.way}":
        raise SystemExit(f"This CPU has no {options.way}.")
    import_s = time.perf_counter() - began
    began = time.perf_counter()
    sharp = Sharp.load(path, chosen, options.side, config=CONFIGS[options.filled])
    load_s = time.perf_counter() - began
    network = sharp._network
    part_s = dict.fromkeys(_PARTS, 0.0)

    def clock(part: str, module: torch.nn.Module) -> None:
        def before(*_call: object) -> None:
            part_s[part] -= time.perf_counter()

        def after(*_call: object) -> None:
            part_s[part] += time.perf_counter()

        module.register_forward_pre_hook(before)
        module.register_forward_hook(after)

    for part, names in _PARTS.items():
        for name in names:
            owner = network.monodepth if name.startswith("monodepth.") else network
            clock(part, owner.get_submodule(name.removeprefix("monodepth.")))
    stages = Stages()
    scene = sharp.predict(read_picture(options.photo, f_px=options.focal_length), stages)
    began = time.perf_counter()
    if options.ply:
        scene.save(options.ply)
    ply_s = time.perf_counter() - began
    if options.values:
        np.savez(options.values, depth=scene.gaussians.means[:, 2], colours=scene.gaussians.colors)
    return {
        "import_s": import_s,
        "load_s": load_s,
        "forward_s": stages.seconds["prepare"] + stages.seconds["network"],
        "unproject_s": stages.seconds["unproject"],
        "ply_s": ply_s,
        "part_s": part_s,
    }


def _plain(options: argparse.Namespace) -> dict[str, Any]:
    import torch
    from tests.models.sharp.filled import CONFIGS

    from bench.peers.sharp_plain import PlainSharp, write_rows
    from wheatstone.models.sharp.composer import srgb_from_linear

    picture = read_picture(options.photo, f_px=options.focal_length)
    plain = PlainSharp(torch.load(_checkpoint(options.filled)), CONFIGS[options.filled])
    began = time.perf_counter()
    splats = plain.predict(picture.rgb, picture.f_px)
    all_s = time.perf_counter() - began
    unproject_s = plain.seconds.pop("unproject")
    began = time.perf_counter()
    if options.ply:
        write_rows(splats, options.ply)
    ply_s = time.perf_counter() - began
    if options.values:
        np.savez(options.values, depth=splats["means"][:, 2], colours=srgb_from_linear(splats["colours"]))
    return {
        "forward_s": all_s - unproject_s,
        "unproject_s": unproject_s,
        "ply_s": ply_s,
        "part_s": {part: plain.seconds[part] for part in _PARTS},
    }


def _medians(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians of figures, also of those inside tables; of memory the most."""
    return {
        name: _medians([one[name] for one in found])
        if isinstance(value, dict)
        else (max if name == "peak_mb" else statistics.median)(round(one[name], 3) for one in found)
        for name, value in found[0].items()
    }


def _errors(folder: Path, way: str, truth: str) -> dict[str, float]:
    """Relative errors of depth, and of sRGB colours the root mean square."""
    values, true = np.load(folder / f"{way}.npz"), np.load(folder / f"{truth}.npz")
    depth = np.abs(values["depth"] / true["depth"] - 1)
    colours = np.sqrt(np.mean((values["colours"] - true["colours"]).astype(np.float64) ** 2))
    return {
        "depth_median": float(np.median(depth)),
        "depth_p99": float(np.quantile(depth, 0.99)),
        "colours_rms": float(colours),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
