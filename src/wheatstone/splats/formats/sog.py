"""SOG version 2: a splat scene in a few lossless WebP images, a fifth of the PLY's size.

The file's frame is ours (OpenCV: x right, y down, z forward, metres), as in every SOG made from a PLY.
Centres keep 16 bits an axis, orientations 26 bits; scales, colours and harmonics are looked up in codebooks
of 256 values, opacities are bytes. No attribute's error, root mean square or largest, exceeds that of
splat-transform. What we know beyond the Gaussians is a note in `meta.json` that others ignore.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np

from wheatstone.arrays import F32, F64, U8, AnyArray
from wheatstone.compiled import thread_count
from wheatstone.errors import BadSceneError
from wheatstone.splats.formats import _sog_files as files
from wheatstone.splats.formats._codebook import SIZE, build_codebook, nearest
from wheatstone.splats.formats._palette import build_palette
from wheatstone.splats.formats._sog_layout import choose_layout
from wheatstone.splats.formats._sog_meta import (
    MAX_GAUSSIANS,
    META,
    Coded,
    Means,
    Meta,
    Quaternions,
    Rest,
    from_json,
    to_json,
)
from wheatstone.splats.formats._sog_values import (
    look_up,
    quantise_means,
    quantise_quaternions,
    restore_means,
    restore_quaternions,
)
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.scene import Scene
from wheatstone.version import VERSION

MAX_EFFORT = 1
"""What `write` takes is 0 to this."""
FLAT_BELOW = 20.0
"""A scale of zero, which has no logarithm, is stored as e^-20 times the smallest other one."""
_COEFFICIENTS = (0, 3, 8, 15)  # harmonics above degree 0, for each degree

_AddImage = Callable[[str, AnyArray], str]


def read(path: Path) -> Scene:
    """Read a `.sog`, or a loose `meta.json` with its images beside it.

    The first, experimental version of the format is refused. Hints for rendering (`model`) are ignored.

    Raises:
        BadSceneError: a file is missing, damaged, too large, or does not fit the others.
    """
    with files.open_files(path) as read_file:
        meta = from_json(read_file(META, files.MAX_META_BYTES))
        files.check_density(path, meta)
        gaussians = _restore(meta, read_file)
    gaussians.validate()
    return Scene(gaussians, meta.camera, meta.label, meta.licence)


def write(scene: Scene, file: BinaryIO, effort: int = 0) -> None:
    """Write a `.sog`; the same scene and effort give the same bytes.

    Gaussians that come in picture order keep it, others are sorted along a Morton curve. Colour that
    depends on the view (degree 1 to 3) is kept with a palette of up to 65536 entries.

    Args:
        scene: what to write.
        file: open for writing, binary.
        effort: 0 is fast, 1 takes about eight times as long for 4 to 8 % less.

    Raises:
        BadSceneError: the Gaussians hold bad values, there are none, or more than 16.7 million.
    """
    gaussians = scene.gaussians
    gaussians.validate()
    if not 0 < len(gaussians) <= MAX_GAUSSIANS:
        raise BadSceneError(f"A SOG holds 1 to {MAX_GAUSSIANS} Gaussians, not {len(gaussians)}.")
    steps, mins, maxs = quantise_means(gaussians.means)
    layout = choose_layout(gaussians.means, steps)
    images: dict[str, Future[bytes]] = {}
    with ThreadPoolExecutor(thread_count()) as pool:

        def add_picture(name: str, picture: AnyArray) -> str:
            """Encode a picture while other parts are still being computed; returns `name`."""
            images[name] = pool.submit(files.encode_image, picture, effort)
            return name

        def add_values(name: str, values: AnyArray) -> str:
            return add_picture(name, layout.image(values))

        sh0 = pool.submit(_add_colors, gaussians, add_values)  # the slowest first
        scales = pool.submit(_add_scales, gaussians.scales, add_values)
        quats = pool.submit(_add_quaternions, gaussians.quaternions, add_values)
        means = pool.submit(_add_means, steps, mins, maxs, add_values)
        rest = _add_rest(gaussians, add_values, add_picture) if gaussians.sh_degree else None
        meta = Meta(
            count=len(gaussians),
            means=means.result(),
            scales=scales.result(),
            quats=quats.result(),
            sh0=sh0.result(),
            rest=rest,
            camera=scene.camera,
            label=scene.label,
            licence=scene.licence,
        )
        content = [(META, to_json(meta, f"wheatstone {VERSION}"))]
        content += [(name, images[name].result()) for name in sorted(images)]
        files.write_archive(file, content)


def _add_means(steps: AnyArray, mins: F64, maxs: F64, add_values: _AddImage) -> Means:
    low = add_values("means_l.webp", (steps & 0xFF).astype(np.uint8))
    high = add_values("means_u.webp", (steps >> 8).astype(np.uint8))
    return Means(mins=mins.tolist(), maxs=maxs.tolist(), files=[low, high])


def _add_scales(scales: F32, add_values: _AddImage) -> Coded:
    logs = np.log(scales, out=np.full_like(scales, -np.inf), where=scales > 0)
    finite = logs[scales > 0]
    if len(finite) == logs.size:
        codebook = build_codebook(finite)
    else:
        thinnest = finite.min(initial=0)
        solid = build_codebook(finite, SIZE - 1) if len(finite) else np.empty(0, np.float32)
        codebook = np.concatenate([np.array([thinnest - FLAT_BELOW], np.float32), solid])
    return Coded(codebook=_padded(codebook), files=[add_values("scales.webp", nearest(codebook, logs))])


def _add_quaternions(quaternions: F32, add_values: _AddImage) -> Quaternions:
    return Quaternions(files=[add_values("quats.webp", quantise_quaternions(quaternions))])


def _add_colors(gaussians: Gaussians, add_values: _AddImage) -> Coded:
    codebook = build_codebook(gaussians.sh[:, 0])
    opacities = np.rint(gaussians.opacities * 255).astype(np.uint8)
    values = np.column_stack([nearest(codebook, gaussians.sh[:, 0]), opacities])
    return Coded(codebook=_padded(codebook), files=[add_values("sh0.webp", values)])


def _add_rest(gaussians: Gaussians, add_values: _AddImage, add_picture: _AddImage) -> Rest:
    coefficients = _COEFFICIENTS[gaussians.sh_degree]
    palette, entries = build_palette(gaussians.sh[:, 1:])
    codebook = build_codebook(palette)
    rows = -(-len(palette) // 64)
    picture = np.zeros((rows * 64, coefficients, 3), np.uint8)
    picture[: len(palette)] = nearest(codebook, palette)
    labels = np.stack([entries & 0xFF, entries >> 8, np.zeros_like(entries)], axis=1).astype(np.uint8)
    return Rest(
        count=len(palette),
        bands=gaussians.sh_degree,
        codebook=_padded(codebook),
        files=[
            add_picture("shN_centroids.webp", picture.reshape(rows, 64 * coefficients, 3)),
            add_values("shN_labels.webp", labels),
        ],
    )


def _padded(codebook: F32) -> list[float]:
    """256 entries, the last one repeated: PlayCanvas's engine reads as many."""
    return [float(entry) for entry in np.pad(codebook, (0, SIZE - len(codebook)), mode="edge")]


def _restore(meta: Meta, read_file: files.ReadFile) -> Gaussians:
    """The Gaussians; their values are not yet checked."""
    with ThreadPoolExecutor(thread_count()) as pool:  # decodes the next images while the first are restored

        def image(name: str) -> Future[tuple[U8, U8]]:
            return pool.submit(files.read_image, read_file, name, meta.count)

        low, high = (image(name) for name in meta.means.files)
        quats, scales, sh0 = (image(part.files[0]) for part in (meta.quats, meta.scales, meta.sh0))
        labels = image(meta.rest.files[1]) if meta.rest else None
        axes = np.array(meta.means.mins), np.array(meta.means.maxs)
        means = restore_means(low.result()[0], high.result()[0], *axes)
        quaternions = restore_quaternions(*quats.result())
        with np.errstate(over="ignore"):
            scale_entries = np.exp(_entries(meta.scales.codebook))
        sizes = look_up(scale_entries, scales.result()[0])
        colors, alpha = sh0.result()
        sh = look_up(_entries(meta.sh0.codebook), colors)[:, None]
        if meta.rest and labels:
            sh = np.concatenate([sh, _restore_rest(meta.rest, read_file, labels.result()[0])], axis=1)
    opacities = look_up((np.arange(256) / 255).astype(np.float32), alpha)
    return Gaussians(means, sizes, quaternions, opacities, sh)


def _restore_rest(rest: Rest, read_file: files.ReadFile, labels: U8) -> F32:
    """(N, 3 | 8 | 15, 3) harmonics above degree 0; zero where a label names no entry of the palette."""
    coefficients = _COEFFICIENTS[rest.bands]
    indices = files.read_palette_image(read_file, rest.files[0], rest.count, coefficients)
    entries = labels[:, 0] | (labels[:, 1].astype(np.int32) << 8)
    palette = look_up(_entries(rest.codebook), indices)
    palette = np.concatenate([palette, np.zeros_like(palette[:1])])
    found: F32 = palette[np.minimum(entries, rest.count)]
    return found


def _entries(codebook: list[float]) -> F32:
    """(256,) entries of a codebook; those beyond its end are its last."""
    with np.errstate(over="ignore"):  # the reader's caller counts what is not finite
        return np.pad(np.array(codebook), (0, SIZE - len(codebook)), mode="edge").astype(np.float32)
