"""From a decoded Pillow image to upright sRGB arrays, strip by strip.

A large picture is thus in memory only twice: as Pillow's image and as the result.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from wheatstone.arrays import U8, AnyArray
from wheatstone.errors import BadPictureError
from wheatstone.pictures.colour import srgb_converter

_STRIP_PIXELS = 1 << 20

_EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"})
_DEEP_GREY_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})

_BITS_PER_SAMPLE_TAG = 258


def upright_srgb(image: Image.Image, orientation: object, name: str) -> tuple[U8, U8 | None]:
    """Convert a loaded image of any mode, colour profile and orientation.

    Args:
        image: the loaded image.
        orientation: its EXIF orientation, 1 to 8; anything else counts as upright.
        name: what to call the picture in messages.

    Returns:
        (H, W, 3) uint8 sRGB, and (H, W) uint8 alpha, not premultiplied; None when all is opaque.

    Raises:
        BadPictureError: the pixels have no defined appearance (Lab, floating-point, 32-bit).
    """
    if image.mode not in _EIGHT_BIT_MODES | _DEEP_GREY_MODES:
        raise BadPictureError(
            f"{name} has pixels of type {image.mode}, whose colours are not defined; save it as RGB."
        )
    is_deep = image.mode in _DEEP_GREY_MODES
    white = _white_level(image)
    to_srgb = srgb_converter("L" if is_deep else image.mode, image.info.get("icc_profile"))
    if not (isinstance(orientation, int) and 1 <= orientation <= 8):
        orientation = 1

    width, height = image.size
    shape = (height, width) if orientation <= 4 else (width, height)
    rgb = np.empty((*shape, 3), np.uint8)
    alpha = np.empty(shape, np.uint8) if image.has_transparency_data and not is_deep else None
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        strip = image.crop((0, top, width, bottom))
        if is_deep:
            strip = _eight_bit(strip, white)
        if alpha is not None:
            strip = strip.convert("RGBA")
            _as_stored(alpha, orientation)[top:bottom] = np.asarray(strip.getchannel("A"))
        _as_stored(rgb, orientation)[top:bottom] = np.asarray(to_srgb(strip))
    return rgb, None if alpha is None or alpha.min() == 255 else alpha


def _as_stored(upright: AnyArray, orientation: int) -> AnyArray:
    """The upright array seen as the file stores it: a view, so that writing to it turns the picture.

    Orientations 1 to 4 flip nothing, columns, both, rows; 5 to 8 transpose first and then flip likewise.
    """
    is_transposed, flips = divmod(orientation - 1, 4)
    view = upright[:: -1 if flips in (2, 3) else 1, :: -1 if flips in (1, 2) else 1]
    return view.swapaxes(0, 1) if is_transposed else view


def _white_level(image: Image.Image) -> int:
    """The level of white in deep grey pixels: 12-bit TIFF files keep their range in 16 bits."""
    return 4095 if getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE_TAG) == (12,) else 65535


def _eight_bit(strip: Image.Image, white: int) -> Image.Image:
    """A strip of deep grey, rounded to 8 bits."""
    levels = np.asarray(strip).astype(np.uint32)
    return Image.fromarray(((levels * 255 + white // 2) // white).astype(np.uint8))
