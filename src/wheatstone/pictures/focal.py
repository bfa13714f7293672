"""The focal length of a photo in pixels, from its EXIF tags or a guess.

The rules are those SHARP was trained and published with, so that its scenes keep their metric scale.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from enum import StrEnum

from PIL import ExifTags

_DEFAULT_MM = 30.0
"""Assumed when a photo does not tell: a moderate wide angle, between phones and kit lenses."""

_FULL_FRAME_DIAGONAL_MM = math.hypot(36, 24)

_SHORTEST_REAL_LENS_MM = 10.0
"""A plain `FocalLength` below this comes from a phone's small sensor."""

_PHONE_CROP_FACTOR = 8.4
"""Crude factor from a phone's real focal length to the 35 mm equivalent."""

_PLAUSIBLE_MM = (1.0, 10_000.0)
"""35 mm equivalents outside are not believed."""


class FocalSource(StrEnum):
    """Where a picture's focal length came from."""

    GIVEN = "given"
    EXIF_35MM = "exif-35mm"
    EXIF = "exif"
    DEFAULT = "default"


def focal_length(tags: Mapping[int, object], width_px: int, height_px: int) -> tuple[float, FocalSource]:
    """Focal length in pixels of a photo of this size, and where it came from.

    Uses `FocalLengthIn35mmFilm`; else `FocalLength`, taken as a 35 mm equivalent from 10 mm on and as a
    phone's real one below; else 30 mm. Equivalence is by the diagonal: f_px = f35 * diagonal / 43.27 mm.

    Args:
        tags: EXIF tags by number; their values may be of any type and are not trusted.
        width_px: width of the upright picture.
        height_px: height of the upright picture.
    """
    f35_mm, source = _equivalent_mm(tags)
    return f35_mm * math.hypot(width_px, height_px) / _FULL_FRAME_DIAGONAL_MM, source


def _equivalent_mm(tags: Mapping[int, object]) -> tuple[float, FocalSource]:
    f35_mm = _number(tags.get(ExifTags.Base.FocalLengthIn35mmFilm))
    if _is_plausible(f35_mm):
        return f35_mm, FocalSource.EXIF_35MM
    lens_mm = _number(tags.get(ExifTags.Base.FocalLength))
    if lens_mm < _SHORTEST_REAL_LENS_MM:
        lens_mm *= _PHONE_CROP_FACTOR
    if _is_plausible(lens_mm):
        return lens_mm, FocalSource.EXIF
    return _DEFAULT_MM, FocalSource.DEFAULT


def _number(value: object) -> float:
    """The value as a float; NaN for text, tuples, rationals over zero and what is too large."""
    try:
        return float(value) if isinstance(value, numbers.Real) else math.nan
    except OverflowError:
        return math.nan


def _is_plausible(equivalent_mm: float) -> bool:
    return _PLAUSIBLE_MM[0] <= equivalent_mm <= _PLAUSIBLE_MM[1]
