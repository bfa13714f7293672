"""The embedded mesh model `inflate`: one photo, the command, eight clients at once, a hundred requests.

- `new_machine`: the library from photo to parts, once, in a new process and with no kernels compiled before.
- `photos`: each time in a new process, kernels compiled: `cold` from the start of the process, then `warm` in the
  same one. `first_s` is until the first part, the cut-out, `views_s` until the six views, the first that a
  WebSocket client gets, `last_s` until all are here. Photos are those of `examples/` and of matplotlib, one of
  them made larger to 15 megapixels.
- `turntable`: one frame of 1024×1024 pixels of its mesh.
- `command`: `wheatstone mesh photo.jpg -o model.glb` as a whole process.
- `clients`, `requests`: see `bench/sockets.py`.

The peer, `raw`, are the stages as they were first tried out (`bench/peers/raw_mesh.py`), where they lie beside the
project, in the same rounds and with the same U²-Net. Their texture has half as many pixels a side as ours, so
ours also runs with one like theirs (`ours_512`). In `times_faster`, below 1 is where we are slower.

`python -m bench mesh --quick` is a look, and keeps nothing.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from PIL import Image

import wheatstone
from bench import makers, sockets
from bench.makers import Maker
from bench.timing import whole_process
from wheatstone.meshes.turntables import Studio

LARGE_PX = 15_000_000
_FRAME_PX, _FRAMES = 1024, 20
_MOMENTS = {"first_s": "matte.png", "views_s": "pixel_images.png", "last_s": "model.glb"}
"""Figures, and the part that must be there; the peer makes no cut-out."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is measured."""

    photos: Sequence[str] = ("coffee", "chelsea", "astronaut", "grace_hopper", "coffee_15_mp")
    rounds: int = 3
    warm: int = 1
    served: int = 40
    requests: int = 100


FULL = Counts()
QUICK = Counts(photos=("coffee",), rounds=1, served=9, requests=5)


def run() -> dict[str, Any]:
    """All figures; about a quarter of an hour."""
    return _measure(FULL)


def quick() -> dict[str, Any]:
    """One photo and a few requests: about a minute, and no more than a look."""
    return _measure(QUICK)


def _measure(counts: Counts) -> dict[str, Any]:
    began: dict[str, Any] = {}

    def begin(name: str) -> None:
        at, load = datetime.now(UTC).isoformat(timespec="seconds"), round(os.getloadavg()[0], 2)
        began[name] = {"at": at, "load": load}
        print(f"mesh: {name}: {at}, load {load}", file=sys.stderr)

    if not makers.PROTOTYPES.is_dir():
        print(f"mesh: {makers.MISSING}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = {photo: _photo(photo, folder) for photo in counts.photos}
        coffee = photos["coffee"]
        Maker(("bench.makers",)).make(coffee, folder / "made", 1)  # fetches and compiles what is not here yet
        sides = makers.makers(folder)
        begin("new_machine")
        new = makers.new_machine(folder / "new")
        figures: dict[str, Any] = {"peer": "raw" in sides}
        for side in ("ours", "raw") if "raw" in sides else ("ours",):
            made = sides[side].make(coffee, folder / "made", 1, **new)
            figures.setdefault("new_machine", {})[side] = _figures(made["runs"])
        if "raw" in sides:
            sides["raw"].make(coffee, folder / "made", 1)  # compiles once for all rounds
        begin("photos")
        figures["photos"] = {photo: _in_turns(sides, path, folder, counts) for photo, path in photos.items()}
        begin("command")
        figures["command"] = _commands(sides, photos, folder, counts.rounds)
        figures["times_faster"] = _times_faster(figures)
        begin("turntable")
        figures["turntable"] = _turntable(coffee)
        begin("clients")
        figures["clients"] = sockets.clients(folder / "clients", list(photos.values()), counts.served)
        begin("requests")
        figures["requests"] = sockets.requests(folder / "requests", coffee, counts.requests)
    return {"began": began, **figures}


def _photo(name: str, folder: Path) -> Path:
    """Where a photo lies; one of 15 megapixels is made from that of the same name."""
    if name == "grace_hopper":
        return Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    if not name.endswith("_15_mp"):
        return makers.ROOT / "examples" / f"{name}.jpg"
    path = folder / f"{name}.jpg"
    with Image.open(_photo(name.removesuffix("_15_mp"), folder)) as image:
        factor = (LARGE_PX / (image.width * image.height)) ** 0.5
        size = round(image.width * factor), round(image.height * factor)
        image.resize(size, Image.Resampling.LANCZOS).save(path, quality=92)
    return path


def _in_turns(sides: Mapping[str, Maker], photo: Path, folder: Path, counts: Counts) -> dict[str, Any]:
    """Figures of a photo by side: `cold`, `warm`, most memory."""
    made: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for _ in range(counts.rounds):
        for side, maker in sides.items():
            made[side].append(maker.make(photo, folder / "made", 1 + counts.warm))
    return {
        side: {
            "cold": _figures([it["runs"][0] for it in of]),
            "warm": _figures([run for it in of for run in it["runs"][1:]]),
            "peak_mb": round(max(it["peak_mb"] for it in of)),
        }
        for side, of in made.items()
    }


def _figures(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Medians."""
    moments = {name: part for name, part in _MOMENTS.items() if part in runs[0]["part_s"]}
    return {name: _median([run["part_s"][part] for run in runs]) for name, part in moments.items()} | {
        "cpu_s": _median([run["cpu_s"] for run in runs])
    }


def _commands(
    sides: Mapping[str, Maker], photos: Mapping[str, Path], folder: Path, rounds: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Whole processes: `wheatstone mesh`, and the peer."""
    ours = [sys.executable, "-m", "wheatstone", "mesh", "--overwrite", "--output", str(folder / "model.glb")]
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name in (name for name in ("coffee", "coffee_15_mp") if name in photos):
        usages: dict[str, list[tuple[float, float, float]]] = {}
        for _ in range(rounds):
            usages.setdefault("ours", []).append(whole_process([*ours, str(photos[name])]))
            if "raw" in sides:
                command = sides["raw"].command(photos[name], folder / "made", 1)
                usages.setdefault("raw", []).append(whole_process(command, sides["raw"].environment))
        found[name] = {
            side: {
                "wall_s": _median([wall_s for wall_s, _, _ in of]),
                "cpu_s": _median([cpu_s for _, cpu_s, _ in of]),
                "peak_mb": round(max(peak_mb for _, _, peak_mb in of)),
            }
            for side, of in usages.items()
        }
    return found


def _turntable(photo: Path) -> dict[str, float]:
    """Medians of a frame."""
    studio = Studio(wheatstone.mesh(photo, model="inflate"), _FRAME_PX, _FRAME_PX)
    times = []
    for frame in range(_FRAMES + 1):
        began, cpu_before_s = time.perf_counter(), time.process_time()
        studio.picture(360 * frame / _FRAMES)
        times.append((time.perf_counter() - began, time.process_time() - cpu_before_s))
    wall_s, cpu_s = zip(*times[1:], strict=True)
    return {"frame_wall_s": _median(wall_s), "frame_cpu_s": _median(cpu_s)}


def _times_faster(figures: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Ours against the peer, by photo: until the views and all parts, in CPU time, cold and warm; in memory."""
    if not figures["peer"]:
        return {}

    def ratios(ours: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, float]:
        return {
            f"{when}_{name.removesuffix('_s')}": round(raw[when][name] / ours[when][name], 2)
            for when in ("cold", "warm")
            for name in ("views_s", "last_s", "cpu_s")
        } | {"memory": round(raw["peak_mb"] / ours["peak_mb"], 2)}

    return {
        f"{photo}{suffix}": ratios(of[side], of["raw"])
        for photo, of in figures["photos"].items()
        for side, suffix in (("ours", ""), ("ours_512", "_512"))
    }


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 3)
