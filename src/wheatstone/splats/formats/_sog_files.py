"""The files inside a SOG: a ZIP or a folder, its `meta.json`, its lossless WebP images."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wheatstone.arrays import U8
from wheatstone.errors import BadSceneError, reason
from wheatstone.splats.formats import _vp8l

MAX_GAUSSIANS = 1 << 24
"""Fourteen SHARP scenes, 0.9 GB in memory at degree 0; a file of a few kilobytes could ask for more."""
META = "meta.json"
_MAX_META_BYTES = 1 << 20
_MAX_IMAGE_BYTES = 1 << 27  # MAX_GAUSSIANS pixels that do not compress, with room
_MANY_GAUSSIANS = 1 << 20  # up to here a file may be as small as it likes; beyond, a byte for each is needed
_MAX_PADDING = 4  # pixels for each Gaussian
_MIN_PIXELS = 1 << 16  # always allowed, however few Gaussians
MAX_EFFORT = 1

ReadFile = Callable[[str, int], bytes]
"""Takes a file's name and the most bytes it may have."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False, populate_by_name=True)


Name = Annotated[str, Field(pattern=r"^\w[\w.-]*$", max_length=255)]
Triple = tuple[float, float, float]
Codebook = Annotated[list[float], Field(min_length=1, max_length=256)]


class Means(_Part):
    """Ends of the axes on the logarithmic scale; low and high bytes."""

    mins: Triple
    maxs: Triple
    files: tuple[Name, Name]


class Quaternions(_Part):
    """Orientations."""

    files: tuple[Name]


class Coded(_Part):
    """Values that stand in a codebook."""

    codebook: Codebook
    files: tuple[Name]


class Rest(_Part):
    """Harmonics above degree 0: a palette, whose values stand in a codebook, and each Gaussian's entry."""

    count: int = Field(ge=1, le=1 << 16)
    bands: Literal[1, 2, 3]
    codebook: Codebook
    files: tuple[Name, Name]


class CameraNote(_Part):
    """The camera of the photo, as in `splats.cameras.Camera`."""

    width_px: int
    height_px: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    world_to_camera: Annotated[list[float], Field(min_length=16, max_length=16)]


class Note(_Part):
    """What we add under a key of our own, which other readers ignore."""

    label: str = ""
    camera: CameraNote | None = None


class Asset(_Part):
    """Who wrote the file."""

    generator: str = ""


class Meta(_Part):
    """`meta.json`, version 2."""

    version: Literal[2] = 2
    asset: Asset = Asset()
    count: int = Field(gt=0, le=MAX_GAUSSIANS)
    means: Means
    scales: Coded
    quats: Quaternions
    sh0: Coded
    rest: Rest | None = Field(None, alias="shN")
    wheatstone: Note | None = None

    @property
    def image_names(self) -> list[str]:
        """The images next to `meta.json`."""
        names = [*self.means.files, *self.scales.files, *self.quats.files, *self.sh0.files]
        return [*names, *self.rest.files] if self.rest else names


class _Version(BaseModel):
    version: int | None = None


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


def read_meta(read_file: ReadFile) -> Meta:
    """Parse `meta.json`.

    Raises:
        BadSceneError: it is malformed or of another version.
    """
    text = read_file(META, _MAX_META_BYTES)
    try:
        version = _Version.model_validate_json(text).version
        if version != 2:
            name = "the first, experimental version" if version is None else f"version {version}"
            raise BadSceneError(f"The SOG is of {name}; only version 2 can be read. Convert it first.")
        return Meta.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadSceneError(f"{META} is malformed at {place or 'its beginning'}: {first['msg']}.") from error


def check_density(path: Path, meta: Meta) -> None:
    """Refuse a file of a few bytes that would become gigabytes: real ones have about ten bytes a Gaussian.

    Raises:
        BadSceneError: more Gaussians than bytes.
    """
    files = [path.with_name(name) for name in meta.image_names] if path.name == META else [path]
    size_bytes = sum(file.stat().st_size for file in files if file.exists())
    if meta.count > max(size_bytes, _MANY_GAUSSIANS):
        raise BadSceneError(f"The SOG announces {meta.count} Gaussians, too many for its {size_bytes} bytes.")


def read_image(read_file: ReadFile, name: str, count: int, *, alpha: bool = False) -> U8:
    """The first `count` pixels of an image, (count, 3 | 4) uint8 RGB or RGBA; always RGBA with `alpha`.

    Raises:
        BadSceneError: it is no WebP image, or of a size that does not fit `count`.
    """
    pixels = _decode(read_file, name, count, "RGBA" if alpha else "RGB")
    return pixels.reshape(-1, pixels.shape[2])[:count]


def read_palette_image(read_file: ReadFile, name: str, count: int, coefficients: int) -> U8:
    """(count, coefficients, 3) uint8: the palette's entries, 64 in each row of the image.

    Raises:
        BadSceneError: it is no WebP image, or of a size that does not fit.
    """
    pixels = _decode(read_file, name, count * coefficients, "RGB")
    if pixels.shape[1] != 64 * coefficients:
        raise BadSceneError(f"{name} is {pixels.shape[1]} pixels wide; {64 * coefficients} were announced.")
    return pixels[..., :3].reshape(-1, coefficients, 3)[:count]


def _decode(read_file: ReadFile, name: str, count: int, least: str) -> U8:
    """(H, W, 3 | 4) pixels of an image that holds at least `count` and not many more, told before decoding."""
    content = read_file(name, _MAX_IMAGE_BYTES)
    try:
        image = Image.open(BytesIO(content), formats=["WEBP"])
        pixels = image.width * image.height
        if not count <= pixels <= max(_MAX_PADDING * count, _MIN_PIXELS):
            raise BadSceneError(f"{name} has {image.width}x{image.height} pixels, which does not fit {count}.")
        return np.asarray(image if image.mode in (least, "RGBA") else image.convert(least))
    except (OSError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadSceneError(f"{name} is not a readable WebP image: {reason(error)}.") from error


def encode_image(pixels: U8, effort: int) -> bytes:
    """Lossless WebP of (H, W, 3 | 4) uint8: our own at effort 0, libwebp's at 1."""
    if effort == 0:
        return _vp8l.encode(pixels)
    file = BytesIO()
    # exact: colours count where alpha is 0
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, exact=True, method=4, quality=80)
    return file.getvalue()


def write_archive(file: BinaryIO, meta: Meta, images: Sequence[tuple[str, bytes]]) -> None:
    """Write the ZIP: entries stored, dated 1980, so that the same scene gives the same bytes."""
    text = meta.model_dump_json(by_alias=True, exclude_none=True).encode()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in [(META, text), *images]:
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3  # Unix, on every platform
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
