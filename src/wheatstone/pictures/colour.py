"""Colour: decoded pixels of any mode and ICC profile become 8-bit sRGB."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

ToSrgb = Callable[[Image.Image], Image.Image]
"""Turns an image, or a strip of one, into mode RGB with sRGB colours."""

_MODE_OF_SPACE = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Colour space in the header of an ICC profile to the Pillow mode it describes."""

_GREY_MODES = frozenset({"1", "L", "LA", "La"})

_MAX_PROFILE_BYTES = 8_000_000
"""Real profiles, those of printing presses included, stay well below."""

_PROBE_LEVELS = np.linspace(0, 255, 9).astype(np.uint8)


def srgb_converter(mode: str, profile: bytes | None) -> ToSrgb:
    """The conversion from images of a mode and ICC profile to sRGB, relative colorimetric.

    A profile that is broken, enormous or made for another kind of pixels is ignored, as browsers do: the
    pixels are then taken as sRGB (CMYK as ideal inks). So is one that moves no colour by more than one
    level of 255: it is sRGB under another name, and the pixels stay exactly as they are.

    Args:
        mode: Pillow mode of the decoded image, one that `Image.convert` can turn into RGB.
        profile: ICC profile embedded in the picture, if any.
    """
    transform = _transform(mode, profile) if profile and len(profile) <= _MAX_PROFILE_BYTES else None
    if transform is None or _is_identity(transform):
        return lambda image: image.convert("RGB")
    return lambda image: transform.apply(image.convert(transform.input_mode))


def _transform(mode: str, profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """The transform to sRGB; None when the profile is broken or does not fit the mode."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        described = _MODE_OF_SPACE.get(source.profile.xcolor_space)
        fitting = {"CMYK"} if mode == "CMYK" else {"RGB", "L"} if mode in _GREY_MODES else {"RGB"}
        if described is None or described not in fitting:
            return None
        exact = ImageCms.Flags.NOOPTIMIZE  # optimised, a grey curve is off by up to ten levels in the shadows
        return ImageCms.ImageCmsTransform(
            source,
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            described,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION | (exact if described == "L" else ImageCms.Flags.NONE),
        )
    except (OSError, ValueError):  # how LittleCMS says that it cannot use a profile
        return None


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether the transform moves no colour of a coarse grid by more than one level."""
    if transform.input_mode == "CMYK":
        return False
    grid = np.stack(np.meshgrid(*[_PROBE_LEVELS] * 3), axis=-1).reshape(1, -1, 3)
    probe = Image.fromarray(grid).convert(transform.input_mode)
    before = np.asarray(probe.convert("RGB"), np.int16)
    after = np.asarray(transform.apply(probe), np.int16)
    return bool(np.abs(after - before).max() <= 1)
