"""Textures: as bytes of picture files, in other sizes, and the colours they give to vertices."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from wheatstone.arrays import F32, U8
from wheatstone.errors import BadMeshError, BadOptionError, BadPictureError, PictureTooLargeError
from wheatstone.meshes.mesh import Mesh
from wheatstone.pictures.decode import decode
from wheatstone.settings import PictureLimits

MAX_SIDE_PX = 16384
"""Of a texture that graphics cards and WebP take."""


class TextureKind(StrEnum):
    """How a texture is kept in a file: exact, or smaller."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """Such as `image/png`."""
        return f"image/{self.value}"

    @property
    def suffix(self) -> str:
        """What file names end in, with the dot."""
        return ".jpg" if self is TextureKind.JPEG else f".{self.value}"


_OPTIONS: dict[TextureKind, dict[str, int]] = {
    TextureKind.PNG: {"compress_level": 1},  # photos become a tenth larger than at 6, in a third of the time
    TextureKind.JPEG: {"quality": 92, "subsampling": 0},
    TextureKind.WEBP: {"quality": 90, "method": 4},
}


def encode_texture(texture: U8, kind: TextureKind = TextureKind.PNG) -> bytes:
    """An (H, W, 3) uint8 sRGB picture as a file; the same picture gives the same bytes.

    Raises:
        BadOptionError: a side is over 16384 pixels.
    """
    if max(texture.shape[:2]) > MAX_SIDE_PX:
        raise BadOptionError(f"A texture has at most {MAX_SIDE_PX} pixels a side, got {texture.shape[1::-1]}.")
    file = BytesIO()
    Image.fromarray(texture).save(file, kind.value.upper(), **_OPTIONS[kind])
    return file.getvalue()


def decode_texture(data: bytes, name: str, limits: PictureLimits) -> U8:
    """(H, W, 3) uint8 sRGB of a picture file.

    Raises:
        BadMeshError: it is no picture, damaged or over the limits.
    """
    try:
        return decode(data, name, limits).rgb
    except (BadPictureError, PictureTooLargeError) as error:
        raise BadMeshError(f"The texture cannot be read: {error}") from error


def with_texture_of(mesh: Mesh, long_side_px: int) -> Mesh:
    """The mesh with its texture made smaller, if its longer side is longer than that.

    Raises:
        BadOptionError: `long_side_px` is not positive.
    """
    if long_side_px < 1:
        raise BadOptionError(f"A texture has at least one pixel a side, got {long_side_px}.")
    if mesh.texture is None or max(mesh.texture.shape[:2]) <= long_side_px:
        return mesh
    height, width = mesh.texture.shape[:2]
    factor = long_side_px / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    smaller = cv2.resize(np.array(mesh.texture), size, interpolation=cv2.INTER_AREA)
    return replace(mesh, texture=smaller)


def vertex_colors(mesh: Mesh) -> U8 | None:
    """(V, 3) uint8 sRGB of the texture at each vertex, bilinear; None for a mesh without texture."""
    if mesh.texture is None or mesh.uv is None:
        return None
    return _sampled(mesh.texture, mesh.uv)


def _sampled(texture: U8, uv: F32) -> U8:
    """Colours at places of a texture, whose edges go on outside."""
    height, width = texture.shape[:2]
    x = (uv[:, 0].astype(np.float64) * width - 0.5).clip(0, width - 1)
    y = ((1 - uv[:, 1].astype(np.float64)) * height - 0.5).clip(0, height - 1)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left)[:, None], (y - top)[:, None]
    upper = texture[top, left] * (1 - across) + texture[top, right] * across
    lower = texture[bottom, left] * (1 - across) + texture[bottom, right] * across
    colors: U8 = np.rint(upper * (1 - down) + lower * down).astype(np.uint8)
    return colors
