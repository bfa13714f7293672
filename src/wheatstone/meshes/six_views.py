"""The six views of an object and the maps of its coordinates, in strips and an order that CRM set.

Every view is orthographic and shows the square in which the object's box fills nine tenths. In a map red, green
and blue say where a point is: x to the right, y away from the viewer, z up, -1 to 1 across the square.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from wheatstone.arrays import U8, AnyArray
from wheatstone.meshes.cameras import Camera
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.render import render

SIDE_PX = 256
"""Of one view; a strip is six times as wide."""

FILL = 0.9
"""Share of a view's side that the longest side of the object's box takes."""

BACKGROUND = 127
"""Grey level around the object, in both strips."""

VIEWS = MappingProxyType(
    {"left": (-90, 0), "bottom": (0, -90), "back": (180, 0), "right": (90, 0), "top": (0, 90), "front": (0, 0)}
)
"""Azimuth and elevation in degrees of each view, in the order of the strips."""


@dataclass(frozen=True, slots=True, eq=False)
class SixViews:
    """Two strips of six square views, left to right in the order of `VIEWS`.

    Attributes:
        pixels: (S, 6 S, 3) uint8 sRGB, the texture without any shading (`pixel_images.png`).
        coordinates: (S, 6 S, 3) uint8, where each visible point is (`xyz_images.png`).
    """

    pixels: U8
    coordinates: U8


def six_views(mesh: Mesh, side_px: int = SIDE_PX) -> SixViews:
    """Look at a mesh of any size and place from its six sides.

    Raises:
        BadMeshError: all its vertices are at one place.
        BadOptionError: `side_px` is not 1 to 8192.
    """
    centred = mesh.normalized(2 * FILL)
    grey = (BACKGROUND / 255,) * 3
    pixels, coordinates = [], []
    for azimuth_deg, elevation_deg in VIEWS.values():
        camera = Camera.orthographic(azimuth_deg, elevation_deg, side_px)
        seen = render(centred, camera, background=grey, shading=0)
        pixels.append(seen.rgb)
        coordinates.append(_as_colors(seen.world, seen.alpha))
    return SixViews(np.concatenate(pixels, axis=1), np.concatenate(coordinates, axis=1))


def _as_colors(world: AnyArray, alpha: AnyArray) -> U8:
    """(H, W, 3) colours of coordinates over the background."""
    places = np.stack([world[..., 0], -world[..., 2], world[..., 1]], axis=-1)
    colors = np.where(alpha[..., None] > 0, (places + 1) / 2 * 255, 0)
    mixed = colors * alpha[..., None] + BACKGROUND * (1 - alpha[..., None])
    as_bytes: U8 = np.rint(mixed.clip(0, 255)).astype(np.uint8)
    return as_bytes
