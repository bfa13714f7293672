"""A decoded photo: upright sRGB pixels and the focal length of the camera that took it."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from wheatstone.arrays import U8
from wheatstone.errors import BadOptionError, BadPictureError
from wheatstone.pictures.decode import check, check_file_size, decode
from wheatstone.pictures.focal import FocalSource, focal_length
from wheatstone.settings import PictureLimits, load_settings

_LONGEST_F_PX = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded photo.

    Attributes:
        name: what to call it in messages: the file's name.
        rgb: (H, W, 3) uint8 sRGB, upright.
        alpha: (H, W) uint8, 255 opaque; None when the picture has no transparency.
        f_px: focal length in pixels of this picture.
        focal_source: where `f_px` came from.
    """

    name: str
    rgb: U8
    alpha: U8 | None
    f_px: float
    focal_source: FocalSource

    def resized(self, long_side_px: int) -> Picture:
        """The picture reduced until its longer side has at most `long_side_px` pixels; itself if it has.

        The filter averages over the area each new pixel covers. Colours count by their alpha, so nothing
        bleeds out of transparent parts; where nothing at all is visible, the new pixel is black.

        Raises:
            BadOptionError: `long_side_px` is not positive.
        """
        if long_side_px < 1:
            raise BadOptionError(f"A picture cannot be resized to {long_side_px} pixels.")
        height_px, width_px, _ = self.rgb.shape
        factor = long_side_px / max(width_px, height_px)
        if factor >= 1:
            return self
        size = max(1, round(width_px * factor)), max(1, round(height_px * factor))
        pixels = self.rgb if self.alpha is None else np.dstack([self.rgb, self.alpha])
        smaller = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.HAMMING))
        alpha = None if self.alpha is None else np.ascontiguousarray(smaller[..., 3])
        rgb = np.ascontiguousarray(smaller[..., :3])
        return Picture(self.name, rgb, alpha, self.f_px * factor, self.focal_source)


def read_picture(
    source: Path | bytes, *, name: str = "", f_px: float | None = None, limits: PictureLimits | None = None
) -> Picture:
    """Decode a JPEG, PNG, WebP, HEIC, AVIF or TIFF photo from a file or from the bytes of one.

    The pixels come upright, in 8-bit sRGB: orientation and colour profile are applied, palette, grey, CMYK
    and 16-bit pixels converted. Of several images in a file, the main one is read. Metadata and colour
    profiles that are damaged are ignored; damaged pixels are refused.

    Args:
        source: path of the file, or its content.
        name: what to call the picture in messages; by default the file's name.
        f_px: focal length in pixels of the upright picture, if known better than its EXIF does.
        limits: largest file and picture; by default those of the settings. Checked before decoding.

    Raises:
        BadPictureError: no such file, or not a picture that can be read; says what is wrong.
        PictureTooLargeError: over the limits.
        BadOptionError: `f_px` is not between 1 and a million.
    """
    data, name, limits = _content(source, name, f_px, limits)
    decoded = decode(data, name, limits)
    height_px, width_px, _ = decoded.rgb.shape
    focal_source = FocalSource.GIVEN
    if f_px is None:
        f_px, focal_source = focal_length(decoded.exif, width_px, height_px)
    return Picture(name, decoded.rgb, decoded.alpha, f_px, focal_source)


def check_picture(
    source: Path | bytes, *, name: str = "", f_px: float | None = None, limits: PictureLimits | None = None
) -> None:
    """Refuse at once what `read_picture` would refuse by its header; takes and raises the same."""
    check(*_content(source, name, f_px, limits))


def _content(
    source: Path | bytes, name: str, f_px: float | None, limits: PictureLimits | None
) -> tuple[bytes, str, PictureLimits]:
    """A picture's bytes, what to call it, and its limits."""
    if f_px is not None and not 1 <= f_px <= _LONGEST_F_PX:
        raise BadOptionError(f"The focal length must be 1 to {_LONGEST_F_PX:,} pixels, got {f_px}.")
    limits = limits or load_settings().pictures
    if isinstance(source, bytes):
        return source, name or "The picture", limits
    return _read_file(source, limits), name or source.name, limits


def _read_file(path: Path, limits: PictureLimits) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadPictureError(f"{path} is not a file.")
        check_file_size(status.st_size, str(path), limits)
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadPictureError(f"{path} cannot be read: {reason}.") from error
