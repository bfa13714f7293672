"""Decoding of bytes that may be hostile: one decoder, chosen by signature; limits before pixels.

Nothing is registered with Pillow and none of its process-wide settings change. Its warnings are silenced
while a picture is decoded; Python can do that only for the whole process, so pictures are decoded one at
a time, which also bounds the memory of a busy server.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from wheatstone.arrays import U8
from wheatstone.errors import BadPictureError, PictureTooLargeError, WheatstoneError, reason
from wheatstone.pictures.bombs import bomb
from wheatstone.pictures.pixels import upright_srgb
from wheatstone.pictures.signatures import picture_format
from wheatstone.settings import PictureLimits

_one_at_a_time = threading.Lock()

_MAX_EXIF_BYTES = 1_000_000
"""EXIF of a JPEG is at most 64 kB; its values take up to twenty times their bytes in memory."""

_KNOWN_TAGS = (ExifTags.Base.Orientation, ExifTags.Base.FocalLength, ExifTags.Base.FocalLengthIn35mmFilm)
_SUBFILE_TYPE_TAG, _REDUCED_RESOLUTION = 254, 1
_DNG_VERSION_TAG = 50706


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What a picture file holds.

    Attributes:
        rgb: (H, W, 3) uint8 sRGB, upright.
        alpha: (H, W) uint8, not premultiplied; None when all is opaque.
        exif: the tags that matter here by number; values of any type, not to be trusted.
    """

    rgb: U8
    alpha: U8 | None
    exif: Mapping[int, object]


def decode(data: bytes, name: str, limits: PictureLimits) -> Decoded:
    """Decode a JPEG, PNG, WebP, HEIC, AVIF or TIFF file; no other decoder ever sees the bytes.

    A file of several images gives the one that stands for it in a viewer: the first frame of an animation,
    the first page of a TIFF, the primary image of a HEIC. Orientation is applied, mirrored ones too: that of
    EXIF, but in HEIC and AVIF that of the container, as their standard demands.

    Args:
        data: the whole file.
        name: what to call the picture in messages.
        limits: checked before any pixel is decoded.

    Raises:
        BadPictureError: empty, another kind of file, damaged, cut short, camera raw, or with pixels whose
            colours are not defined (Lab, floating-point, 32-bit).
        PictureTooLargeError: over a limit.
    """
    with _opened(data, name, limits) as image:
        image.load()
        _check_pixels(image, name, limits)  # a HEIC tells its true size only now
        exif = _read_exif(image)
        rgb, alpha = upright_srgb(image, exif.get(ExifTags.Base.Orientation), name)
    return Decoded(rgb, alpha, exif)


def check(data: bytes, name: str, limits: PictureLimits) -> None:
    """Refuse a file whose header tells that `decode` would; no pixel is decoded.

    Raises:
        BadPictureError, PictureTooLargeError: as `decode`; not yet for pixels that are damaged.
    """
    with _opened(data, name, limits):
        pass


@contextmanager
def _opened(data: bytes, name: str, limits: PictureLimits) -> Iterator[Image.Image]:
    """The picture with its header read and found acceptable; what the block raises is told as ours."""
    check_file_size(len(data), name, limits)
    kind = picture_format(data)
    if kind is None:
        raise BadPictureError(
            f"{name} is not a JPEG, PNG, WebP, HEIC, AVIF or TIFF file; save it as one of these."
        )
    if trap := bomb(data, kind):
        raise BadPictureError(f"{name} {trap}, which no camera writes; save it anew with a photo program.")
    with _one_at_a_time, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")
        try:
            with _open(data, kind) as image:
                _check_pixels(image, name, limits)
                _refuse_camera_raw(image, name)
                yield image
        except WheatstoneError:
            raise
        except Image.DecompressionBombError as error:
            raise PictureTooLargeError(
                f"{name} has far more pixels than PIL.Image.MAX_IMAGE_PIXELS allows."
            ) from error
        except UnidentifiedImageError as error:
            raise BadPictureError(f"{name} begins like a {kind} file, but goes on like none.") from error
        except Exception as error:  # on malformed bytes Pillow and its plugins raise nearly anything
            raise BadPictureError(f"{name} is a damaged or truncated {kind} file ({reason(error)}).") from error


def check_file_size(size_bytes: int, name: str, limits: PictureLimits) -> None:
    """Refuse an empty file and one over the limit.

    Raises:
        BadPictureError: it is empty.
        PictureTooLargeError: it is larger than `limits.max_bytes`.
    """
    if size_bytes == 0:
        raise BadPictureError(f"{name} is empty.")
    if size_bytes > limits.max_bytes:
        raise PictureTooLargeError(
            f"{name} has {size_bytes / 1e6:.1f} MB; at most {limits.max_bytes / 1e6:.1f} MB are allowed. "
            "Save it smaller or raise WHEATSTONE_PICTURES__MAX_BYTES."
        )


def _check_pixels(image: Image.Image, name: str, limits: PictureLimits) -> None:
    width_px, height_px = image.size
    if width_px * height_px > limits.max_pixels:
        raise PictureTooLargeError(
            f"{name} has {width_px}x{height_px} pixels, {width_px * height_px / 1e6:.1f} million; at most "
            f"{limits.max_pixels / 1e6:.1f} million are allowed. Make it smaller or raise "
            "WHEATSTONE_PICTURES__MAX_PIXELS."
        )


def _open(data: bytes, kind: str) -> ImageFile.ImageFile:
    """Read the header with the one decoder for this kind of file."""
    if kind == "HEIF":
        from pillow_heif import HeifImageFile  # used directly: registering it would change Pillow for all

        read_header: Callable[[io.BytesIO], ImageFile.ImageFile] = HeifImageFile
        return read_header(io.BytesIO(data))
    return Image.open(io.BytesIO(data), formats=(kind,))


def _refuse_camera_raw(image: Image.Image, name: str) -> None:
    """Most raw formats are TIFF files whose first page is a thumbnail."""
    tags: Mapping[int, object] = getattr(image, "tag_v2", {})
    if _DNG_VERSION_TAG in tags or tags.get(_SUBFILE_TYPE_TAG) == _REDUCED_RESOLUTION:
        raise BadPictureError(f"{name} looks like a camera raw file; develop it and save it as JPEG or TIFF.")


def _read_exif(image: Image.Image) -> dict[int, object]:
    """The known tags of the main directory, else of the Exif directory, as far as they can be read."""
    tags: dict[int, object] = {}
    if len(image.info.get("exif") or b"") > _MAX_EXIF_BYTES:
        return tags
    try:
        main = image.getexif()
        tags.update({tag: main[tag] for tag in _KNOWN_TAGS if tag in main})
        details = main.get_ifd(ExifTags.IFD.Exif)
        tags.update({tag: details[tag] for tag in _KNOWN_TAGS if tag in details and tag not in tags})
    except Exception:  # Pillow raises nearly anything on damaged metadata, which must not cost the picture
        return tags
    return tags
