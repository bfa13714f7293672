"""PLY, lossless: SHARP's layout with the camera, a plain variant, and whatever other programs write.

The file's frame is ours (OpenCV: x right, y down, z forward, metres). Scales are stored as natural
logarithms, opacities as logits, colours as spherical harmonics of sRGB, quaternions as w, x, y, z. What we
know beyond the Gaussians travels in SHARP's extra elements (camera) and in comments (label, licence).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from wheatstone.arrays import F32, AnyArray
from wheatstone.compiled import map_chunks, run_chunks
from wheatstone.errors import BadOptionError, BadSceneError
from wheatstone.splats.cameras import Camera
from wheatstone.splats.formats._ply_body import read_tables
from wheatstone.splats.formats._ply_header import header_bytes, read_header
from wheatstone.splats.gaussians import SH_C0, Gaussians, refuse_faults
from wheatstone.splats.scene import Scene

LABEL_COMMENT, LICENCE_COMMENT = "wheatstone: ", "wheatstone licence: "
OPACITY_EDGE = 2.0**-26
"""Opacities keep this distance from 0 and 1, so that logits are finite; float32 rounds it back to 1."""

_MEANS = ("x", "y", "z")
_COLOR = ("f_dc_0", "f_dc_1", "f_dc_2")
_OPACITY = ("opacity",)
_SCALES = ("scale_0", "scale_1", "scale_2")
_ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")
_REST_COUNTS = (0, 9, 24, 45)  # of degrees 0 to 3
_CHUNK = 32_768  # rows, which nearly fit a core's cache; smaller chunks wait for each other


def read(path: Path) -> Scene:
    """Read a PLY of Gaussians, from us, SHARP or any other program.

    Properties may stand in any order and be of any type; unknown properties and elements are ignored.
    SHARP's camera becomes `Scene.camera`, our own comments label and licence. Quaternions are normalised (zero
    becomes the identity) and infinite logits saturate.

    SHARP marks colours that are linear rather than sRGB in an element `color_space`; those are converted,
    exactly, as such files have one colour a Gaussian. Where the element is missing SHARP's own reader
    assumes linear colours; this one assumes sRGB, since a file without it comes from another program.

    Raises:
        BadSceneError: the file is truncated or malformed, holds something other than Gaussians, or has
            values that are not finite.
    """
    with path.open("rb") as file:
        header = read_header(file)
        tables = read_tables(file, header)
        if "vertex" not in tables:
            raise BadSceneError("The PLY has no element 'vertex' of plain values, so it holds no Gaussians.")
        gaussians = _gaussians(tables["vertex"])
    if _values(tables, "color_space", 1) == [1]:
        gaussians = _from_linear(gaussians)
    gaussians.validate()
    label, licence = (_comment(header.comments, prefix) for prefix in (LABEL_COMMENT, LICENCE_COMMENT))
    return Scene(gaussians, _camera(tables), label, licence)


def _comment(comments: Sequence[str], prefix: str) -> str:
    """The first comment that begins so, without that; empty if there is none."""
    return next((comment.removeprefix(prefix) for comment in comments if comment.startswith(prefix)), "")


def write(scene: Scene, file: BinaryIO) -> None:
    """Write SHARP's exact layout: the Gaussians, then the camera and the other elements SHARP adds.

    Without a camera the three elements that describe it are left out: SHARP's reader then assumes its
    default, ours reports none, and nothing is made up.

    Raises:
        BadSceneError: the Gaussians hold bad values.
    """
    _write(scene, file, _sharp_tables(scene))


def write_plain(scene: Scene, file: BinaryIO) -> None:
    """Write the Gaussians alone, for viewers that refuse files with further elements.

    Raises:
        BadSceneError: the Gaussians hold bad values.
    """
    _write(scene, file, [])


def _write(scene: Scene, file: BinaryIO, further: list[tuple[str, AnyArray]]) -> None:
    """Write, checking each part while it is at hand: what a bad scene has left in `file` is of no use."""
    notes = ((LABEL_COMMENT, scene.label), (LICENCE_COMMENT, scene.licence))
    comments = [prefix + _ascii(text) for prefix, text in notes if text]
    gaussians = scene.gaussians
    names = [*_MEANS, *_COLOR, *_rest_names(3 * (gaussians.sh.shape[1] - 1)), *_OPACITY, *_SCALES, *_ROTATION]
    tables = [("vertex", len(gaussians), np.dtype([(name, "<f4") for name in names]))]
    tables += [(name, len(table), table.dtype) for name, table in further]
    file.write(header_bytes(tables, comments))
    faults: Counter[str] = Counter()
    for found, rows in map_chunks(lambda start, stop: _checked(gaussians, start, stop), len(gaussians), _CHUNK):
        faults += found
        file.write(rows.data)
    refuse_faults(faults)
    for _, table in further:
        file.write(table.view(np.uint8).data)


def _ascii(text: str) -> str:
    """The text as a header can hold it; U²-Net is U2-Net there, and what has no such form a question mark."""
    return unicodedata.normalize("NFKC", text).encode("ascii", "replace").decode("ascii")


def _checked(gaussians: Gaussians, start: int, stop: int) -> tuple[Counter[str], F32]:
    """What is wrong with the Gaussians from `start` to before `stop`, and their rows if nothing is."""
    faults = gaussians.faults(slice(start, stop))
    return faults, np.empty(0, np.float32) if faults else _vertices(gaussians, start, stop)


def _vertices(gaussians: Gaussians, start: int, stop: int) -> F32:
    """(stop - start, P) values of little-endian float32, in SHARP's order of properties."""
    part, coefficients = slice(start, stop), gaussians.sh.shape[1]
    opacities = gaussians.opacities[part].astype(np.float64).clip(OPACITY_EDGE, 1 - OPACITY_EDGE)
    blocks = (
        gaussians.means[part],
        gaussians.sh[part].reshape(-1, 3 * coefficients),
        np.log(opacities / (1 - opacities)).astype(np.float32)[:, None],
        np.log(gaussians.scales[part].clip(np.finfo(np.float32).tiny)),
        gaussians.quaternions[part],
    )
    # Where each property stands in the blocks, counted through: harmonics above degree 0 become channel-major.
    sh = np.arange(3, 3 + 3 * coefficients).reshape(coefficients, 3)
    places = np.concatenate([range(3), sh[0], sh[1:].T.ravel(), range(3 + sh.size, 3 + sh.size + 8)])
    rows = np.empty((stop - start, 1, len(places)), np.float32)
    from_to = np.stack([places, np.arange(len(places))], axis=1).ravel().tolist()
    cv2.mixChannels([block[:, None] for block in blocks], [rows], from_to)  # nearly twice as fast as numpy
    return rows[:, 0].astype("<f4", copy=False)


def _rest_names(count: int) -> list[str]:
    return [f"f_rest_{i}" for i in range(count)]


def _sharp_tables(scene: Scene) -> list[tuple[str, AnyArray]]:
    """The elements SHARP writes after the vertices; each has one property, named like itself."""
    camera = scene.camera
    arrays: dict[str, AnyArray] = {}
    if camera is not None:
        arrays["extrinsic"] = camera.world_to_camera.ravel().astype("<f4")
        arrays["intrinsic"] = camera.intrinsics.ravel().astype("<f4")
        arrays["image_size"] = np.array([camera.width_px, camera.height_px], "<u4")
    arrays["frame"] = np.array([1, len(scene.gaussians)], "<i4")
    arrays["disparity"] = _disparity_range(scene.gaussians)
    arrays["color_space"] = np.array([0], "u1")  # sRGB
    arrays["version"] = np.array([1, 5, 0], "u1")
    return [(name, array.view([(name, array.dtype)])) for name, array in arrays.items()]


def _disparity_range(gaussians: Gaussians) -> F32:
    """10 % and 90 % quantiles of 1/z, in 1/m, over what lies in front of the camera; zeros if nothing does."""
    depths = gaussians.means[:, 2]
    depths = depths[depths >= np.finfo(np.float32).tiny]
    if len(depths) == 0:
        return np.zeros(2, "<f4")
    return np.quantile(1 / depths, [0.1, 0.9]).astype("<f4")


def _gaussians(table: AnyArray) -> Gaussians:
    """Gaussians from the rows of the element `vertex`; the values are not yet checked."""
    present = table.dtype.names or ()
    if "packed_position" in present:
        raise BadSceneError("This is a compressed PLY, which is not supported yet; convert it to a plain PLY.")
    missing = [name for name in (*_MEANS, *_COLOR, *_OPACITY, *_SCALES, *_ROTATION) if name not in present]
    if missing:
        kind = "a plain point cloud" if {"red", "green", "blue"} <= set(present) else "incomplete"
        raise BadSceneError(f"The PLY is {kind}: its vertices lack {', '.join(missing)}.")
    rest_count = sum(name.startswith("f_rest_") for name in present)
    rest = _rest_names(rest_count)
    if rest_count not in _REST_COUNTS or not set(rest) <= set(present):
        raise BadSceneError(f"The vertices have {rest_count} properties f_rest_*; 0, 9, 24 or 45 make sense.")
    n = len(table)
    means, scales = np.empty((n, 3), np.float32), np.empty((n, 3), np.float32)
    quaternions, opacities = np.empty((n, 4), np.float32), np.empty(n, np.float32)
    sh = np.empty((n, 1 + rest_count // 3, 3), np.float32)

    def work(start: int, stop: int) -> None:
        part, rows = slice(start, stop), table[start:stop]
        with np.errstate(over="ignore", invalid="ignore"):  # the caller counts what is not finite
            for axis in range(3):
                means[part, axis] = rows[_MEANS[axis]]
                scales[part, axis] = rows[_SCALES[axis]]
                sh[part, 0, axis] = rows[_COLOR[axis]]
            for i, name in enumerate(rest):
                sh[part, 1 + i % (rest_count // 3), i // (rest_count // 3)] = rows[name]
            np.exp(scales[part], out=scales[part])
            opacities[part] = rows["opacity"]
            opacities[part] = 1 / (1 + np.exp(-opacities[part]))
            rotation = [rows[name].astype(np.float64) for name in _ROTATION]
            lengths = np.sqrt(sum(component**2 for component in rotation))
            rotation[0][lengths == 0] = 1  # no rotation
            lengths[lengths == 0] = 1
            for i, component in enumerate(rotation):
                quaternions[part, i] = component / lengths

    run_chunks(work, n, _CHUNK)
    return Gaussians(means, scales, quaternions, opacities, sh)


def _from_linear(gaussians: Gaussians) -> Gaussians:
    """The same Gaussians with their linear colours turned into sRGB."""
    if gaussians.sh_degree > 0:
        raise BadSceneError("The PLY has linear colours that depend on the view; sRGB cannot express them.")
    linear = 0.5 + SH_C0 * gaussians.sh[:, 0].astype(np.float64)
    srgb = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055
    )
    return Gaussians.from_colors(
        gaussians.means, gaussians.scales, gaussians.quaternions, gaussians.opacities, srgb
    )


def _values(tables: dict[str, AnyArray], name: str, count: int) -> list[float]:
    """The values of an element in SHARP's form (one property, named like itself); empty if there is none."""
    table = tables.get(name)
    if table is None or table.dtype.names != (name,) or len(table) != count:
        return []
    return [float(value) for value in table[name]]


def _camera(tables: dict[str, AnyArray]) -> Camera | None:
    """The camera in SHARP's elements, None if the file does not describe one."""
    intrinsic, size = _values(tables, "intrinsic", 9), _values(tables, "image_size", 2)
    if not intrinsic or not size:
        return None
    extrinsic = _values(tables, "extrinsic", 16) or list(np.eye(4).ravel())
    if not np.isfinite([*intrinsic, *extrinsic, *size]).all():
        raise BadSceneError("The PLY describes its camera with values that are not finite.")
    fx_px, _, cx_px, _, fy_px, cy_px = intrinsic[:6]
    pose = np.array(extrinsic, np.float64).reshape(4, 4)
    try:
        return Camera(int(size[0]), int(size[1]), fx_px, fy_px, cx_px, cy_px, pose)
    except BadOptionError as error:
        raise BadSceneError(f"The PLY describes an impossible camera: {error}") from error
