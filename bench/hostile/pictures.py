"""Hostile pictures: small real files of many modes, damaged byte by byte and piece by piece.

A piece is what the format is made of: a PNG's chunk, a JPEG's segment, a TIFF's tag, a box of HEIC and AVIF.
Checksums are made right again, as a decoder refuses a wrong one before anything behind it is tried.
"""

from __future__ import annotations

import functools
import io
import re
import zlib
from collections.abc import Iterator
from itertools import pairwise
from random import Random

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from bench.hostile.edits import damaged, rearranged

KINDS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF")
_SIZE = (24, 16)
_CONTAINER_BOXES = {b"meta": 12, b"iprp": 8, b"ipco": 8, b"iref": 12, b"moov": 8, b"trak": 8, b"mdia": 8}
"""Boxes made of boxes, and the bytes before the first one."""
_AVIF_TIMES = re.compile(rb"((?:mvhd|tkhd|mdhd)\x01...).{16}", re.DOTALL)


def hostile_picture(kind: str, random: Random) -> bytes:
    """A damaged file of this kind; about one in 40 is left whole."""
    data = random.choice(whole_pictures(kind))
    roll = random.random()
    if roll < 0.025:
        return data
    if roll < 0.35:
        return damaged(random, data)
    if roll < 0.5 and kind != "TIFF":
        return _with_hostile_metadata(kind, random)
    data = _joined(kind, rearranged(random, _pieces(kind, data)))
    return damaged(random, data) if random.random() < 0.1 else data


@functools.cache
def whole_pictures(kind: str) -> tuple[bytes, ...]:
    """Whole files of the kind."""
    rgb = _image("RGB")
    more = [_image("RGB", turned=True), _image("RGB")]
    tags = {"exif": _exif(), "icc_profile": _profile()}
    match kind:
        case "JPEG":
            files = [_saved(_image(mode), kind) for mode in ("L", "RGB", "CMYK")]
            files += [_saved(rgb, kind, **tags), _saved(rgb, kind, progressive=True, restart_marker_blocks=2)]
            files += [_saved(rgb, "MPO", save_all=True, append_images=more, **tags)]
        case "PNG":
            text = PngInfo()
            text.add_itxt("comment", "words " * 20, zip=True)
            files = [_saved(_image(mode), kind) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")]
            files += [_saved(rgb, kind, pnginfo=text, **tags), _saved(_image("P"), kind, transparency=3)]
            files += [_saved(rgb, kind, save_all=True, append_images=more)]
        case "WEBP":
            files = [_saved(_image(mode), kind, **tags) for mode in ("RGB", "RGBA")]
            files += [_saved(_image(mode), kind, lossless=True) for mode in ("L", "RGB", "RGBA")]
            files += [_saved(_image("RGBA"), kind, save_all=True, append_images=more)]
        case "HEIF":
            files = [_saved(_image(mode), kind) for mode in ("L", "RGB", "RGBA", "I;16")]
            files += [_saved(rgb, kind, **tags), _saved_heif(rgb, more)]
        case "AVIF":
            files = [_saved(_image(mode), kind) for mode in ("RGB", "RGBA")]
            files += [_saved(rgb, kind, **tags), _saved(rgb, kind, save_all=True, append_images=more)]
        case _:
            modes = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", "I;16", "I;16B", "F")
            packings = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma")
            files = [_saved(_image(mode), kind) for mode in modes]
            files += [_saved(rgb, kind, compression=packing) for packing in packings]
            files += [_saved(_image("1"), kind, compression="group4"), _saved(rgb, kind, big_tiff=False, **tags)]
            files += [_saved(rgb, kind, save_all=True, append_images=more)]
    return tuple(files)


def _image(mode: str, *, turned: bool = False) -> Image.Image:
    width, height = _SIZE
    y, x = np.mgrid[0:height, 0:width]
    levels = np.stack([x * 10, y * 15, x * y % 251, 255 - x * 5], axis=-1)[:: -1 if turned else 1]
    if mode.startswith("I;16"):
        return Image.fromarray((levels[..., 0] * 250).astype(">u2" if mode == "I;16B" else "<u2"))
    if mode == "F":
        return Image.fromarray(levels[..., 0].astype(np.float32))
    image = Image.fromarray(levels.astype(np.uint8))
    if mode == "LAB":
        to_lab = ImageCms.buildTransform(
            ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
        )
        image = ImageCms.applyTransform(image.convert("RGB"), to_lab) or image
        del image.info["icc_profile"]  # it tells the time
        return image
    return image.convert("RGB").convert(mode) if mode in ("1", "P", "CMYK") else image.convert(mode)


def _exif() -> bytes:
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = 6
    tags[ExifTags.Base.Make] = "Maker"
    details = tags.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.FocalLengthIn35mmFilm] = 26
    details[ExifTags.Base.FocalLength] = 4.25
    details[ExifTags.Base.MakerNote] = bytes(range(64))
    tags.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    return tags.tobytes()


def _profile() -> bytes:
    """An sRGB profile, the same whenever it is made."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes(12) + profile[36:]  # its date and time


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    if kind == "HEIF":
        heif = pillow_heif.from_pillow(image)
        heif.info["exif"] = options.pop("exif", None)
        heif.save(stream, **options)
    else:
        one_thread = {"max_threads": 1} if kind == "AVIF" else {}  # the bytes depend on their number
        image.save(stream, kind, **options, **one_thread)
    return _AVIF_TIMES.sub(lambda match: match[1] + bytes(16), stream.getvalue())


def _saved_heif(image: Image.Image, further: list[Image.Image]) -> bytes:
    """A HEIC of several pictures."""
    stream = io.BytesIO()
    heif = pillow_heif.from_pillow(image)
    for picture in further:
        heif.add_from_pillow(picture)
    heif.save(stream)
    return stream.getvalue()


def _with_hostile_metadata(kind: str, random: Random) -> bytes:
    """A fresh file whose pixels are fine and whose EXIF or colour profile is not."""
    options: dict[str, object] = {"exif": b"Exif\0\0" + damaged(random, _exif()[6:])[:60_000]}
    if random.random() < 0.3:
        options = {"icc_profile": damaged(random, _profile())[:60_000]}
    try:
        return _saved(_image("RGB"), kind, **options)
    except Exception:  # encoders refuse some of it, with nearly any exception; the next best is a plain edit
        return damaged(random, random.choice(whole_pictures(kind)))


def _pieces(kind: str, data: bytes) -> list[bytes]:
    """The file cut into what its format is made of; together they are the file."""
    match kind:
        case "JPEG":
            cuts = [at for at in range(len(data) - 1) if data[at] == 0xFF and 0xC0 <= data[at + 1] <= 0xFE]
        case "PNG":
            cuts = list(_ends(data, 8, "big", 12))
        case "WEBP":
            cuts = list(_ends(data, 12, "little", 8, even=True))
        case "TIFF":
            cuts = _tag_places(data)
        case _:
            cuts = list(_boxes(data, 0, len(data)))
    places = sorted({0, len(data), *(at for at in cuts if 0 < at < len(data))})
    return [data[start:stop] for start, stop in pairwise(places)]


def _joined(kind: str, pieces: list[bytes]) -> bytes:
    """The file of these pieces, with right checksums (PNG) and total size (WebP)."""
    if kind == "PNG":
        pieces = pieces[:1] + [piece[:-4] + zlib.crc32(piece[4:-4]).to_bytes(4, "big") for piece in pieces[1:]]
    data = b"".join(pieces)
    if kind == "WEBP":
        data = data[:4] + (max(0, len(data) - 8)).to_bytes(4, "little") + data[8:]
    return data


def _ends(data: bytes, start: int, order: str, frame: int, *, even: bool = False) -> Iterator[int]:
    """Where chunks begin: a size (after the name in RIFF, before it in PNG) and `frame` bytes around each."""
    while start + 8 <= len(data):
        yield start
        field = data[start + 4 : start + 8] if order == "little" else data[start : start + 4]
        size = int.from_bytes(field, "little" if order == "little" else "big")
        start += frame + size + (size % 2 if even else 0)


def _tag_places(data: bytes) -> list[int]:
    """Where the tags of the first directory begin."""
    order = "<" if data[:2] == b"II" else ">"
    start = int(np.frombuffer(data, f"{order}u4", 1, 4)[0])
    count = int(np.frombuffer(data, f"{order}u2", 1, start)[0])
    return [start, *(start + 2 + 12 * index for index in range(count + 1))]


def _boxes(data: bytes, start: int, stop: int) -> Iterator[int]:
    """Where boxes and the boxes inside them begin."""
    while start + 8 <= stop:
        yield start
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8:
            return
        if inside := _CONTAINER_BOXES.get(data[start + 4 : start + 8]):
            yield from _boxes(data, start + inside, start + size)
        start += size
