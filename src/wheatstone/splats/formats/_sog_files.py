"""The files inside a SOG: a ZIP or a folder, and its lossless WebP images."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from wheatstone.arrays import U8
from wheatstone.errors import BadSceneError, reason
from wheatstone.splats.formats import _vp8l
from wheatstone.splats.formats._sog_meta import META, Meta

MAX_META_BYTES = 1 << 20
_MAX_IMAGE_BYTES = 1 << 27  # MAX_GAUSSIANS pixels that do not compress, with room
_MANY_GAUSSIANS = 1 << 20  # up to here a file may be as small as it likes; beyond, a byte for each is needed
_MAX_PADDING = 4  # pixels for each Gaussian
_MIN_PIXELS = 1 << 16  # always allowed, however few Gaussians

ReadFile = Callable[[str, int], bytes]
"""Takes a file's name and the most bytes it may have."""


@contextmanager
def open_files(path: Path) -> Iterator[ReadFile]:
    """Open a `.sog`, or the folder around a loose `meta.json`.

    Raises:
        BadSceneError: this is no ZIP; from the function it yields: a file is missing, damaged or too large.
    """
    if path.name == META:
        yield lambda name, limit: _read_loose(path.with_name(name), limit)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise BadSceneError(f"This is not a SOG file, or it is truncated: {reason(error)}.") from error
    with archive:
        yield lambda name, limit: _read_entry(archive, name, limit)


def _read_loose(path: Path, limit: int) -> bytes:
    if not path.is_file():
        raise BadSceneError(f"The SOG lacks its file {path.name}.")
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise _too_large(path.name, limit)
    return content


def _read_entry(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    try:
        entry = archive.getinfo(name)
        if entry.file_size > limit:
            raise _too_large(name, limit)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadSceneError(f"The SOG's file {name} is compressed in a way that SOG does not use.")
        return archive.read(entry)
    except KeyError:
        raise BadSceneError(f"The SOG lacks its file {name}.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError) as error:
        raise BadSceneError(f"The SOG's file {name} is damaged: {reason(error)}.") from error


def _too_large(name: str, limit: int) -> BadSceneError:
    return BadSceneError(f"The SOG's file {name} is larger than the {limit} bytes allowed.")


def check_density(path: Path, meta: Meta) -> None:
    """Refuse a file of a few bytes that would become gigabytes: real ones have about ten bytes a Gaussian.

    Raises:
        BadSceneError: more Gaussians than bytes.
    """
    files = [path.with_name(name) for name in meta.image_names] if path.name == META else [path]
    size_bytes = sum(file.stat().st_size for file in files if file.exists())
    if meta.count > max(size_bytes, _MANY_GAUSSIANS):
        raise BadSceneError(f"The SOG announces {meta.count} Gaussians, too many for its {size_bytes} bytes.")


def read_image(read_file: ReadFile, name: str, count: int) -> tuple[U8, U8]:
    """The first `count` pixels of an image: (count, 3) uint8 RGB, and (count,) alpha, 255 where it has none.

    Raises:
        BadSceneError: it is no WebP image, or of a size that does not fit `count`.
    """
    pixels = _decode(read_file, name, count)
    rgb: U8 = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGB)
    alpha = np.full(rgb.shape[:2], 255, np.uint8) if pixels.shape[2] == 3 else cv2.extractChannel(pixels, 3)
    return rgb.reshape(-1, 3)[:count], alpha.reshape(-1)[:count]


def read_palette_image(read_file: ReadFile, name: str, count: int, coefficients: int) -> U8:
    """(count, coefficients, 3) uint8: the palette's entries, 64 in each row of the image.

    Raises:
        BadSceneError: it is no WebP image, or of a size that does not fit.
    """
    pixels = _decode(read_file, name, count * coefficients)
    if pixels.shape[1] != 64 * coefficients:
        raise BadSceneError(f"{name} is {pixels.shape[1]} pixels wide; {64 * coefficients} were announced.")
    rgb: U8 = pixels[..., 2::-1]
    return rgb.reshape(-1, coefficients, 3)[:count]


def _decode(read_file: ReadFile, name: str, count: int) -> U8:
    """An image that holds at least `count` pixels and not many more, told before decoding.

    Returns:
        (H, W, 3 | 4) blue, green, red, and alpha if it has one.
    """
    content = read_file(name, _MAX_IMAGE_BYTES)
    width, height = _size_px(content)
    if width == 0:
        raise BadSceneError(f"{name} is not a readable WebP image.")
    if not count <= width * height <= max(_MAX_PADDING * count, _MIN_PIXELS):
        raise BadSceneError(f"{name} has {width}x{height} pixels, which does not fit {count}.")
    # OpenCV decodes a fifth faster than Pillow and shares its memory with us.
    pixels: U8 | None = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape[:2] != (height, width):
        raise BadSceneError(f"{name} is not a readable WebP image: it is damaged or truncated.")
    return pixels


def _size_px(content: bytes) -> tuple[int, int]:
    """Width and height that a WebP's first chunk announces; zeros when it is none."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        match content[12:16]:
            case b"VP8L":  # 14 bits each
                bits = int.from_bytes(content[21:25], "little")
                return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
            case b"VP8X":
                return int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1
            case b"VP8 ":  # with two bits of scale
                sides = int.from_bytes(content[26:28], "little"), int.from_bytes(content[28:30], "little")
                return sides[0] & 0x3FFF, sides[1] & 0x3FFF
    return 0, 0


def encode_image(pixels: U8, effort: int) -> bytes:
    """Lossless WebP of (H, W, 3 | 4) uint8: our own at effort 0, libwebp's at 1."""
    if effort == 0:
        return _vp8l.encode(pixels)
    from PIL import Image  # which effort 0 and reading do without

    file = BytesIO()
    # exact: colours count where alpha is 0
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, exact=True, method=4, quality=80)
    return file.getvalue()


def write_archive(file: BinaryIO, files: Sequence[tuple[str, bytes]]) -> None:
    """Write the ZIP: entries stored, dated 1980, so that the same scene gives the same bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3  # Unix, on every platform
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
