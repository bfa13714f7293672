"""A decoded photo: upright sRGB pixels and the focal length of the camera that took it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from wheatstone.arrays import U8
from wheatstone.settings import PictureLimits


class FocalSource(StrEnum):
    """Where a picture's focal length came from."""

    GIVEN = "given"
    EXIF_35MM = "exif-35mm"
    EXIF = "exif"
    DEFAULT = "default"


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


def read_picture(
    source: Path | bytes, *, name: str = "", f_px: float | None = None, limits: PictureLimits | None = None
) -> Picture:
    """Decode a photo. See the helper's task."""
    raise NotImplementedError
