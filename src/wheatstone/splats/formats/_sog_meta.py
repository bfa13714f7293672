"""A SOG's `meta.json`, version 2: how many Gaussians, which images hold them, and how.

It is checked by ourselves, value by value: pydantic would take longer to start than the images to decode.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

import numpy as np

from wheatstone.errors import BadOptionError, BadSceneError, reason
from wheatstone.splats.cameras import Camera

META = "meta.json"
MAX_GAUSSIANS = 1 << 24
"""Fourteen SHARP scenes, 0.9 GB in memory at degree 0; a file of a few kilobytes could ask for more."""
_MAX_PALETTE = 1 << 16
_MAX_CODEBOOK = 256
_MAX_NAME_CHARACTERS = 255
_NAME = re.compile(r"\w[\w.-]*")
_MANY_DIGITS = 20
_CAMERA_FLOATS = ("fx_px", "fy_px", "cx_px", "cy_px")


@dataclass(frozen=True, slots=True)
class Means:
    """Centres: ends of the axes on the logarithmic scale; images of the low and the high bytes."""

    mins: list[float]
    maxs: list[float]
    files: list[str]


@dataclass(frozen=True, slots=True)
class Quaternions:
    """Orientations: one image."""

    files: list[str]


@dataclass(frozen=True, slots=True)
class Coded:
    """Values that stand in a codebook: one image."""

    codebook: list[float]
    files: list[str]


@dataclass(frozen=True, slots=True)
class Rest:
    """Harmonics of degree 1 to `bands`: images of a palette in a codebook, and of each Gaussian's entry."""

    count: int
    bands: int
    codebook: list[float]
    files: list[str]


@dataclass(frozen=True, slots=True)
class Meta:
    """All of `meta.json`; camera, label and licence stand under a key of our own, which other readers ignore."""

    count: int
    means: Means
    scales: Coded
    quats: Quaternions
    sh0: Coded
    rest: Rest | None = None
    camera: Camera | None = None
    label: str = ""
    licence: str = ""

    @property
    def image_names(self) -> list[str]:
        """The images next to `meta.json`."""
        names = [*self.means.files, *self.scales.files, *self.quats.files, *self.sh0.files]
        return [*names, *self.rest.files] if self.rest else names


def to_json(meta: Meta, generator: str) -> bytes:
    """The text of the file, said to be made by `generator`."""
    content: dict[str, Any] = {"version": 2, "asset": {"generator": generator}, "count": meta.count}
    content |= {name: asdict(getattr(meta, name)) for name in ("means", "scales", "quats", "sh0")}
    if meta.rest:
        content["shN"] = asdict(meta.rest)
    if meta.camera or meta.label or meta.licence:
        content["wheatstone"] = {"label": meta.label, "licence": meta.licence}
    if meta.camera:
        camera = {name: getattr(meta.camera, name) for name in ("width_px", "height_px", *_CAMERA_FLOATS)}
        camera["world_to_camera"] = meta.camera.world_to_camera.ravel().tolist()
        content["wheatstone"]["camera"] = camera
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def from_json(text: bytes) -> Meta:
    """Parse the file; keys that we do not know are ignored.

    Raises:
        BadSceneError: it is malformed or of another version; says where.
    """
    try:
        root = _Value(json.loads(text.decode(), parse_int=_whole))
    except (ValueError, RecursionError) as error:
        raise BadSceneError(f"{META} is malformed: {reason(error)}.") from error
    version = root["version"].integer(0, 1 << 31) if root.find("version") else None
    if version != 2:
        name = "the first, experimental version" if version is None else f"version {version}"
        raise BadSceneError(f"The SOG is of {name}; only version 2 can be read. Convert it first.")
    means, quats, rest, note = root["means"], root["quats"], root.find("shN"), root.find("wheatstone")
    camera, label, licence = (note and note.find(key) for key in ("camera", "label", "licence"))
    return Meta(
        count=root["count"].integer(1, MAX_GAUSSIANS),
        means=Means(means["mins"].numbers(3, 3), means["maxs"].numbers(3, 3), means["files"].names(2)),
        scales=_coded(root["scales"]),
        quats=Quaternions(quats["files"].names(1)),
        sh0=_coded(root["sh0"]),
        rest=_rest(rest) if rest else None,
        camera=_camera(camera) if camera else None,
        label=label.text() if label else "",
        licence=licence.text() if licence else "",
    )


class _Value:
    """A value in the JSON, and where it stands, for whoever has to mend it."""

    def __init__(self, value: object, place: str = "") -> None:
        self._value = value
        self._place = place

    def find(self, key: str) -> _Value | None:
        """What stands under a key; None when nothing or null does."""
        if not isinstance(self._value, dict):
            self._refuse("an object is needed")
        value = self._value.get(key)
        return None if value is None else _Value(value, f"{self._place}.{key}" if self._place else key)

    def __getitem__(self, key: str) -> _Value:
        found = self.find(key)
        if found is None:
            self._refuse(f"{key} is missing")
        return found

    def integer(self, least: int, most: int) -> int:
        """A whole number, at least `least` and at most `most`."""
        if isinstance(self._value, bool) or not isinstance(self._value, int) or not least <= self._value <= most:
            self._refuse(f"a whole number from {least} to {most} is needed")
        return self._value

    def number(self) -> float:
        """A number that is finite as a float."""
        if (
            isinstance(self._value, bool)
            or not isinstance(self._value, int | float)
            or not math.isfinite(self._value)
        ):
            self._refuse("a finite number is needed")
        return float(self._value)

    def numbers(self, least: int, most: int) -> list[float]:
        """At least `least` and at most `most` of them."""
        return [value.number() for value in self._items(least, most)]

    def names(self, count: int) -> list[str]:
        """`count` names of files, without any folder."""
        names = [value.text() for value in self._items(count, count)]
        if not all(_NAME.fullmatch(name) and len(name) <= _MAX_NAME_CHARACTERS for name in names):
            self._refuse(f"plain names of files are needed, at most {_MAX_NAME_CHARACTERS} characters long")
        return names

    def text(self) -> str:
        """A text."""
        if not isinstance(self._value, str):
            self._refuse("a text is needed")
        return self._value

    def _items(self, least: int, most: int) -> list[_Value]:
        if not isinstance(self._value, list) or not least <= len(self._value) <= most:
            self._refuse(f"a list of {least if least == most else f'{least} to {most}'} is needed")
        return [_Value(value, f"{self._place}.{i}") for i, value in enumerate(self._value)]

    def _refuse(self, what: str) -> NoReturn:
        raise BadSceneError(f"{META} is malformed at {self._place or 'its beginning'}: {what}.")


def _whole(digits: str) -> int | float:
    """A whole number, inexact where it is too large to be meant."""
    return int(digits) if len(digits) < _MANY_DIGITS else float(digits)


def _coded(value: _Value) -> Coded:
    return Coded(value["codebook"].numbers(1, _MAX_CODEBOOK), value["files"].names(1))


def _rest(value: _Value) -> Rest:
    return Rest(
        value["count"].integer(1, _MAX_PALETTE),
        value["bands"].integer(1, 3),
        value["codebook"].numbers(1, _MAX_CODEBOOK),
        value["files"].names(2),
    )


def _camera(value: _Value) -> Camera:
    width_px, height_px = (value[name].integer(0, 1 << 31) for name in ("width_px", "height_px"))
    fx_px, fy_px, cx_px, cy_px = (value[name].number() for name in _CAMERA_FLOATS)
    pose = np.array(value["world_to_camera"].numbers(16, 16)).reshape(4, 4)
    try:
        return Camera(width_px, height_px, fx_px, fy_px, cx_px, cy_px, pose)
    except BadOptionError as error:
        raise BadSceneError(f"The SOG describes an impossible camera: {error}") from error
