"""Pairs of pictures for two eyes, and ways to show them; Wheatstone built the first stereoscope in 1838.

The eyes stand side by side and look the same way; shifting their pictures decides what lies in the screen
(`Camera.eye`). How far apart they stand follows from how far the two pictures may differ: by a thirtieth of
their width between the nearest and the farthest thing, the photographers' "1/30 rule" and its general form
B = P / (F (1/n - 1/m)), with m taken as at least 2 n (Bercovitz, Davis; collected by Wattie,
https://nzphoto.tripod.com/3d/330baseformulae.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from wheatstone.arrays import F32, U8
from wheatstone.errors import BadOptionError
from wheatstone.splats.cameras import Camera
from wheatstone.splats.views import Depths

PARALLAX = 1 / 30
"""How far the pictures of near and far may differ, as a share of their width."""

_MAX_PARALLAX = 0.2  # beyond comfort by far

_DUBOIS_LEFT = np.array([[0.437, 0.449, 0.164], [-0.062, -0.062, -0.024], [-0.048, -0.050, -0.017]], np.float32)
_DUBOIS_RIGHT = np.array([[-0.011, -0.032, -0.007], [0.377, 0.761, 0.009], [-0.026, -0.093, 1.234]], np.float32)
"""Red, green, blue seen through red-cyan glasses on an LCD, in linear light, as near as can be to what each eye
should see: Dubois, "A projection method to generate anaglyph stereo images" (ICASSP 2001), with the matrices
he published in 2009 (https://www.site.uottawa.ca/~edubois/anaglyph/)."""

_LEVELS = 65536  # of linear light: enough for every sRGB value to come back as itself


class Layout(StrEnum):
    """How the pictures of both eyes are shown."""

    PARALLEL = "parallel"
    """Left eye's on the left: for viewers, or for eyes that look through the picture."""

    CROSS = "cross"
    """Left eye's on the right: for crossed eyes."""

    ANAGLYPH = "anaglyph"
    """One picture for red-cyan glasses, red on the left eye."""


@dataclass(frozen=True, slots=True)
class Stereo:
    """How to show a scene to two eyes.

    Attributes:
        layout: how the two pictures are shown.
        parallax: how far the pictures of near and far differ, as a share of their width; more is deeper.
    """

    layout: Layout
    parallax: float = PARALLAX

    def __post_init__(self) -> None:
        if not 0 < self.parallax <= _MAX_PARALLAX:
            raise BadOptionError(
                f"Parallax is a share of the picture's width, over 0 to {_MAX_PARALLAX}, got {self.parallax}."
            )

    def eyes(self, camera: Camera, depths: Depths, convergence_m: float) -> tuple[Camera, Camera]:
        """The left and the right eye's camera, between which `camera` stands.

        Args:
            camera: where to look from.
            depths: between which the scene lies.
            convergence_m: how far ahead of the camera things appear in the plane of the screen.
        """
        nearness = max(1 / depths.near_m - 1 / depths.far_m, 1 / (2 * depths.near_m))
        half_m = self.parallax * camera.width_px / camera.fx_px / nearness / 2
        return camera.eye(-half_m, convergence_m), camera.eye(half_m, convergence_m)

    def combined(self, left: U8, right: U8) -> U8:
        """One picture of the two eyes' (H, W, 3) uint8 sRGB pictures: twice as wide unless an anaglyph."""
        if self.layout is Layout.ANAGLYPH:
            return anaglyph(left, right)
        return np.concatenate([left, right] if self.layout is Layout.PARALLEL else [right, left], axis=1)


def anaglyph(left: U8, right: U8) -> U8:
    """Both eyes' (H, W, 3) uint8 sRGB pictures in one, for red-cyan glasses (Dubois' least squares)."""
    mixed = _LINEAR[left] @ _DUBOIS_LEFT.T + _LINEAR[right] @ _DUBOIS_RIGHT.T
    mixed *= _LEVELS - 1
    np.rint(mixed, out=mixed)
    encoded: U8 = _ENCODED[mixed.clip(0, _LEVELS - 1).astype(np.uint16)]
    return encoded


def _linear_light() -> F32:
    """(256,) linear light of each sRGB value, 0 to 1 (IEC 61966-2-1)."""
    values = np.arange(256) / 255
    light: F32 = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return light


def _encoded_light() -> U8:
    """The sRGB value of each of `_LEVELS` levels of linear light."""
    light = np.arange(_LEVELS) / (_LEVELS - 1)
    values = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    encoded: U8 = np.rint(values * 255).astype(np.uint8)
    return encoded


_LINEAR, _ENCODED = _linear_light(), _encoded_light()
