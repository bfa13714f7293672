"""A scene on its way between processes: its arrays as files in a folder, the rest as plain JSON.

The files are mapped, not read: 66 MB cross in some hundredths of a second.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from wheatstone.arrays import F32
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Run, Scene

_NAMES = tuple(field.name for field in fields(Gaussians))


def leave_scene(scene: Scene, folder: Path) -> dict[str, Any]:
    """Write the arrays into a new `folder`; returns the rest, for `take_scene`."""
    folder.mkdir()
    shapes = {}
    for name in _NAMES:
        array: F32 = getattr(scene.gaussians, name)
        (folder / name).write_bytes(array.data)  # np.save would not say why it fails on a full disk
        shapes[name] = array.shape
    camera = scene.camera and {**asdict(scene.camera), "world_to_camera": scene.camera.world_to_camera.tolist()}
    run = scene.run and asdict(scene.run)
    return {"label": scene.label, "licence": scene.licence, "run": run, "camera": camera, "shapes": shapes}


def take_scene(rest: Mapping[str, Any], folder: Path) -> Scene:
    """The scene that `leave_scene` left in `folder`, which is gone afterwards."""
    arrays = [_map(folder / name, rest["shapes"][name]) for name in _NAMES]
    shutil.rmtree(folder)
    camera = rest["camera"]
    if camera is not None:
        camera = Camera(**{**camera, "world_to_camera": np.array(camera["world_to_camera"])})
    run = rest["run"] and Run(**rest["run"])
    return Scene(Gaussians(*arrays), camera, rest["label"], rest["licence"], run)


def _map(path: Path, shape: Sequence[int]) -> F32:
    """The float32 array of a file; what is mapped stays readable after the file is deleted, except on Windows."""
    if sys.platform == "win32" or 0 in shape:
        return np.fromfile(path, np.float32).reshape(shape)
    return np.asarray(np.memmap(path, np.float32, "r", shape=tuple(shape)))
