"""Models for tests and benches of what surrounds models; found as plug-ins are, with this folder on the path."""

from __future__ import annotations

import io
import os
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from wheatstone.models.inflate.about import Detail
from wheatstone.models.inflate.model import Inflate
from wheatstone.models.registry import MeshModel, Progress, SplatModel
from wheatstone.models.roles import ModelInfo, Part
from wheatstone.pictures import Picture
from wheatstone.settings import Settings
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages

GRID = 16
SLOW_S, PAUSE_S = 1.5, 0.8
PIXELS, XYZ, ZIP, GLB = "pixel_images.png", "xyz_images.png", "output3d.zip", "model.glb"


class Behaving:
    """Gives a small wall of Gaussians in the photo's colours, after doing something."""

    def __init__(self, info: ModelInfo, work: Callable[[Stages], None]) -> None:
        self.info = info
        self._work = work

    def predict(self, picture: Picture, stages: Stages) -> Scene:
        with stages.stage("work"):
            self._work(stages)
        height, width = picture.rgb.shape[:2]
        camera = Camera.of_photo(width, height, picture.f_px)
        rows, columns = (np.mgrid[:GRID, :GRID].reshape(2, -1) + 0.5) / GRID
        depth_m = 2.0
        x = (columns * width - camera.cx_px) / camera.fx_px * depth_m
        y = (rows * height - camera.cy_px) / camera.fy_px * depth_m
        means = np.stack([x, y, np.full_like(x, depth_m)], axis=1)
        scales = np.full((len(x), 3), depth_m * width / camera.fx_px / GRID / 2)
        turns = np.tile([1.0, 0, 0, 0], (len(x), 1))
        colors = picture.rgb[(rows * height).astype(int), (columns * width).astype(int)] / 255
        gaussians = Gaussians.from_colors(means, scales, turns, np.full(len(x), 0.9), colors)
        return Scene(gaussians, camera, self.info.label)


def _note(what: str) -> None:
    """Leave a line for the test to count."""
    if path := os.environ.get("WHEATSTONE_TEST_NOTES"):
        with Path(path).open("a") as file:
            file.write(f"{what}\n")


def _instantly(stages: Stages) -> None:
    _note("instant")


def _slowly(stages: Stages) -> None:
    _note("begun")
    steps = 50
    for step in range(steps):
        time.sleep(SLOW_S / steps)
        stages.report("work", step / steps)
    _note("done")


def _deaf(stages: Stages) -> None:
    _note("begun")
    time.sleep(60)


def _crash(stages: Stages) -> None:
    _note("crash")
    os.kill(os.getpid(), signal.SIGSEGV)


def _fail(stages: Stages) -> None:
    raise ZeroDivisionError("the model divided by zero")


def _model(
    name: str,
    work: Callable[[Stages], None],
    *,
    device_of: Callable[[Settings], str] | None = None,
    load: Callable[[Progress], None] = lambda _progress: None,
) -> SplatModel:
    info = ModelInfo(name, "a model for tests", f"{name}: made for tests", "MIT")

    def make(_settings: Settings, progress: Progress) -> Behaving:
        load(progress)
        return Behaving(info, work)

    return SplatModel(info, make, device_of=device_of)


def _load_slowly(progress: Progress) -> None:
    _note("loaded")
    for step in range(10):
        time.sleep(0.05)
        progress(step / 10)


def _elsewhere(_settings: Settings) -> str:
    _note("asked for the device")
    return "gpu:7"


INSTANT = _model("instant", _instantly)
SLOW = _model("slow", _slowly)
DEAF = _model("deaf", _deaf)
CRASHING = _model("crashing", _crash)
FAILING = _model("failing", _fail)
ELSEWHERE = _model("elsewhere", _slowly, device_of=_elsewhere, load=_load_slowly)


Content = Callable[[str, Picture], bytes]


class Making:
    """Gives a first part of a mesh, does something, and gives the others."""

    def __init__(
        self, info: ModelInfo, work: Callable[[Stages], None], names: tuple[str, ...], content: Content
    ) -> None:
        self.info = info
        self._work = work
        self._names = names
        self._content = content

    def reconstruct(self, picture: Picture, stages: Stages) -> Iterator[Part]:
        first, *others = self._names
        with stages.stage("views"):
            part = Part(first, self._content(first, picture))
        yield part
        with stages.stage("work"):
            self._work(stages)
        for name in others:
            yield Part(name, self._content(name, picture))


def _content(name: str, picture: Picture) -> bytes:
    """A strip in the photo's mean colour, or a mesh of one triangle."""
    file = io.BytesIO()
    if name == ZIP:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(zipfile.ZipInfo("output3d.obj"), "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    else:
        red, green, blue = (round(value) for value in np.mean(picture.rgb, axis=(0, 1)))
        Image.new("RGB", (1536, 256), (red, green, blue)).save(file, "PNG")
    return file.getvalue()


class Pausing:
    """Gives a small mesh of the object in the photo, with time to look at each part."""

    def __init__(self, info: ModelInfo) -> None:
        self.info = info

    def reconstruct(self, picture: Picture, stages: Stages) -> Iterator[Part]:
        for part in Inflate(None, Detail(faces=2000, texture_px=256)).reconstruct(picture, stages):
            yield part
            with stages.stage("work"):
                time.sleep(PAUSE_S)


def _mesh_model(
    name: str,
    work: Callable[[Stages], None],
    names: tuple[str, ...] = (PIXELS, XYZ, ZIP, GLB),
    content: Content = _content,
) -> MeshModel:
    info = ModelInfo(name, "a model for tests", f"{name}: made for tests", "MIT")

    def make(_settings: Settings, _progress: Progress) -> Making:
        return Making(info, work, names, content)

    return MeshModel(info, make)


INSTANT_MESH = _mesh_model("instant-mesh", _instantly)
SLOW_MESH = _mesh_model("slow-mesh", _slowly)
DEAF_MESH = _mesh_model("deaf-mesh", _deaf)
CRASHING_MESH = _mesh_model("crashing-mesh", _crash)
FAILING_MESH = _mesh_model("failing-mesh", _fail)
JUMBLED_MESH = _mesh_model("jumbled-mesh", _instantly, (ZIP, "matte.png", XYZ, PIXELS))
SHORT_MESH = _mesh_model("short-mesh", _instantly, (PIXELS, ZIP))
UNREADABLE_MESH = _mesh_model("unreadable-mesh", _instantly, content=lambda _name, _picture: b"not one")
PICTURES_MESH = _mesh_model("pictures-mesh", _instantly, (PIXELS, XYZ, ZIP))
NAMING_MESH = _mesh_model("naming-mesh", _instantly, (PIXELS, "metadata.json"))
CLIMBING_MESH = _mesh_model("climbing-mesh", _instantly, (PIXELS, "../xyz_images.png"))
_PAUSING = ModelInfo("pausing-mesh", "a model for tests", "pausing-mesh: made for tests", "MIT")
PAUSING_MESH = MeshModel(_PAUSING, lambda _settings, _progress: Pausing(_PAUSING))
