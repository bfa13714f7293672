"""Reads one hostile file as anyone would, and says what is wrong with how that ended."""

from __future__ import annotations

import math
import warnings
from enum import StrEnum
from pathlib import Path

import numpy as np

from wheatstone.errors import WheatstoneError
from wheatstone.meshes.formats import MESH_FORMATS, glb, obj, read_mesh, write_mesh
from wheatstone.meshes.six_views import six_views
from wheatstone.meshes.turntables import Studio
from wheatstone.models.inflate import Detail, Inflate
from wheatstone.models.roles import OBJECT
from wheatstone.pictures import read_picture
from wheatstone.settings import PictureLimits
from wheatstone.splats.formats import read_scene
from wheatstone.splats.posters import poster
from wheatstone.splats.statistics import measure
from wheatstone.stages import Stages

_LIMITS = PictureLimits(max_bytes=1_000_000, max_pixels=4_000_000)
"""As large against these small files as the defaults are against photos."""
_MOST_CHARACTERS = 600
_POSTER_PX = 32
_VIEW_PX = 16
_DETAIL = Detail(faces=300, texture_px=64)


class Outcome(StrEnum):
    """How reading an input ended."""

    READ = "read"
    REFUSED = "refused"
    FINDING = "finding"


def judge(path: Path, *, use: bool = True) -> tuple[Outcome, str]:
    """Read a picture, a scene or a mesh, or make a mesh of a photo (`.object`): told by its name.

    Args:
        path: the file.
        use: go on with a scene or mesh that could be read: measure, render and convert it.

    Returns:
        How it ended; what a finding consists of, else nothing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a user would see it between the lines
        try:
            match path.suffix:
                case ".ply" | ".sog":
                    complaint = _scene_complaint(path, use=use)
                case ".glb" | ".obj" | ".zip":
                    complaint = _mesh_complaint(path, use=use)
                case ".object":
                    complaint = _object_complaint(path)
                case _:
                    complaint = _picture_complaint(path)
        except WheatstoneError as error:
            complaint = _refusal_complaint(error, path)
            return (Outcome.FINDING, complaint) if complaint else (Outcome.REFUSED, "")
        except Exception as error:  # whatever else comes out of a reader is what the campaign looks for
            return Outcome.FINDING, f"{type(error).__name__}: {error}"
    return (Outcome.FINDING, complaint) if complaint else (Outcome.READ, "")


def _refusal_complaint(error: WheatstoneError, path: Path) -> str:
    message = str(error)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return f"out of memory, told as: {message}"
        cause = cause.__cause__ or cause.__context__
    if not message.startswith((path.name, str(path))):
        return f"a refusal does not name the file: {message!r}"
    if not message.isprintable():
        return f"a refusal is not one printable line: {message!r}"
    reason = message.removeprefix(str(path)).removeprefix(path.name)
    if not 10 <= len(reason) < _MOST_CHARACTERS or "()" in reason or "None" in reason or not reason.endswith("."):
        return f"a refusal does not say what is wrong: {message[:2000]!r}"
    return ""


def _picture_complaint(path: Path) -> str:
    picture = read_picture(path, limits=_LIMITS)
    height_px, width_px, channels = picture.rgb.shape
    if channels != 3 or picture.rgb.dtype != np.uint8 or not 0 < height_px * width_px <= _LIMITS.max_pixels:
        return f"pixels of shape {picture.rgb.shape}"
    if picture.alpha is not None and picture.alpha.shape != (height_px, width_px):
        return f"alpha of shape {picture.alpha.shape}"
    if not (picture.f_px > 0 and math.isfinite(picture.f_px)):
        return f"a focal length of {picture.f_px}"
    return ""


def _scene_complaint(path: Path, *, use: bool) -> str:
    scene = read_scene(path)
    scene.gaussians.validate()
    if not (scene.label.isprintable() and len(scene.label) <= _MOST_CHARACTERS):
        return f"a label that is not one printable line: {scene.label[:200]!r}"
    if not use:
        return ""
    try:
        measure(scene)
        poster(scene, _POSTER_PX)
        for suffix in (".ply", ".sog") if len(scene.gaussians) else (".ply",):
            read_scene(scene.save(path.with_name(f"converted{suffix}")))
    except WheatstoneError as error:
        return f"a scene that was read cannot be used: {error}"
    return ""


def _mesh_complaint(path: Path, *, use: bool) -> str:
    mesh = read_mesh(path)
    if not use:
        return ""
    normals = np.linalg.norm(mesh.vertex_normals.astype(np.float64), axis=1)
    if not (np.abs(normals - 1) < 0.01).all() or not math.isfinite(mesh.volume):
        return "normals that are not of unit length, or no volume"
    try:
        Studio(mesh, _POSTER_PX, _POSTER_PX).picture()
        if np.ptp(mesh.bounds, axis=0).max() == 0:  # a point has no size to be brought to
            return ""
        six_views(mesh, _VIEW_PX)
        for chosen in MESH_FORMATS:
            written = write_mesh(mesh, path.with_name(f"converted{chosen.suffix}"))
            if chosen.read is not None:
                read_mesh(written)
    except WheatstoneError as error:
        return f"a mesh that was read cannot be used: {error}"
    return ""


def _object_complaint(path: Path) -> str:
    picture = read_picture(path, limits=_LIMITS)
    parts = {part.name: part.data for part in Inflate(None, _DETAIL).reconstruct(picture, Stages())}
    for mesh in (obj.decode_zip(parts[OBJECT]), glb.decode(parts["model.glb"])):
        if not (mesh.is_watertight and mesh.volume > 0):
            return f"a mesh that is {'inside out' if mesh.is_watertight else 'open'}"
        if abs(np.ptp(mesh.bounds, axis=0).max() - 1) > 0.01:
            return f"a mesh in a box of {mesh.bounds.tolist()}"
    return ""
