"""Picture files made on the spot, by Pillow and pillow-heif."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pillow_heif
from PIL import ExifTags, Image

from wheatstone.arrays import U8

LOSSY = {"JPEG": {"quality": 95}, "WEBP": {"quality": 95}, "AVIF": {"quality": 95}, "HEIF": {"quality": 95}}
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF")


def gradient(width: int = 96, height: int = 64) -> U8:
    """(height, width, 3) smooth picture that looks different from every side."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), 60 + x * y % 7], axis=-1).astype(np.uint8)


def encoded(image: Image.Image | U8, kind: str, **options: Any) -> bytes:
    """The image as a file of this kind, nearly lossless."""
    if not isinstance(image, Image.Image):
        image = Image.fromarray(image)
    stream = io.BytesIO()
    options = {**LOSSY.get(kind, {}), **options}
    if kind == "HEIF":
        heif = pillow_heif.from_pillow(image)
        heif.info["exif"] = options.pop("exif", None)
        heif.save(stream, **options)
    else:
        image.save(stream, kind, **options)
    return stream.getvalue()


def exif(*, orientation: object = None, f35: object = None, focal: object = None) -> bytes:
    """An EXIF block with these tags, where cameras put them."""
    tags = Image.Exif()
    if orientation is not None:
        tags[ExifTags.Base.Orientation] = orientation
    details = tags.get_ifd(ExifTags.IFD.Exif)
    if f35 is not None:
        details[ExifTags.Base.FocalLengthIn35mmFilm] = f35
    if focal is not None:
        details[ExifTags.Base.FocalLength] = focal
    return tags.tobytes()
