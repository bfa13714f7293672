"""Pictures and clips of a mesh that turns before a camera."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wheatstone.arrays import U8
from wheatstone.clips import FPS, SECONDS, SIZE_PX, Progress, frame_count, unwatched, write_frames
from wheatstone.errors import BadOptionError
from wheatstone.meshes.cameras import Camera
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.render import render

BACKGROUND = (0.12, 0.12, 0.13)
"""A dark neutral grey, sRGB; as behind splats."""

AZIMUTH_DEG, ELEVATION_DEG = 25.0, 12.0
"""Where a poster looks from: a little to the right, a little above."""

SHEET_DEG = (-90.0, -45.0, 0.0, 45.0, 90.0, 180.0)
"""Azimuths of a contact sheet."""


@dataclass(frozen=True, slots=True, eq=False)
class Studio:
    """A mesh before a camera that goes round it at one height, with perspective.

    Attributes:
        mesh: what is seen.
        width_px: width of the pictures.
        height_px: their height.
        elevation_deg: how far above the camera is.
        shading: 0 shows the texture as it is, 1 lit.
        background: sRGB, 0 to 1.
    """

    mesh: Mesh
    width_px: int = SIZE_PX
    height_px: int = SIZE_PX
    elevation_deg: float = ELEVATION_DEG
    shading: float = 1.0
    background: tuple[float, float, float] = BACKGROUND

    def __post_init__(self) -> None:
        object.__setattr__(self, "mesh", replace(self.mesh, normals=self.mesh.vertex_normals))  # once for all

    def picture(self, azimuth_deg: float = AZIMUTH_DEG) -> U8:
        """(H, W, 3) uint8 sRGB; 0 looks from the front, 90 from the right."""
        camera = Camera.around(self.mesh, azimuth_deg, self.elevation_deg, self.width_px, self.height_px)
        return render(self.mesh, camera, background=self.background, shading=self.shading).rgb


def contact_sheet(studio: Studio, azimuths_deg: Sequence[float] = SHEET_DEG) -> U8:
    """Views side by side; (H, views * W, 3) uint8 sRGB.

    Raises:
        BadOptionError: no view is asked for.
    """
    if not azimuths_deg:
        raise BadOptionError("A contact sheet needs at least one view.")
    return np.concatenate([studio.picture(azimuth) for azimuth in azimuths_deg], axis=1)


def write_turntable(
    studio: Studio,
    path: Path,
    *,
    seconds: float = SECONDS,
    fps: int = FPS,
    progress: Progress = unwatched,
    overwrite: bool = True,
) -> Path:
    """Write a clip of one whole turn, which loops; returns `path`.

    Args:
        studio: what to picture; its sides are even.
        path: file to write; its ending, .mp4, .webm or .webp, names the format.
        seconds: length of the turn.
        fps: frames per second.
        progress: called after each frame.
        overwrite: replace the file if it exists.

    Raises:
        UnknownFormatError, BadOptionError, OutputExistsError: as for `wheatstone.clips.write_frames`.
    """
    count = frame_count(seconds, fps)
    size_px = studio.width_px, studio.height_px
    return write_frames(
        _turn(studio, count), count, size_px, path, fps=fps, progress=progress, overwrite=overwrite
    )


def _turn(studio: Studio, count: int) -> Iterator[U8]:
    for frame in range(count):
        yield studio.picture(360 * frame / count)
