"""Clips of a scene, along a list of views."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wheatstone.clips import FPS, MULTIPLE_PX, SECONDS, SIZE_PX, Progress, frame_count, unwatched, write_frames
from wheatstone.splats.paths import PATHS, default_path
from wheatstone.splats.scene import Scene
from wheatstone.splats.shots import Shot
from wheatstone.splats.views import View


def write_clip(
    shot: Shot,
    views: Sequence[View],
    path: Path,
    *,
    fps: int = FPS,
    progress: Progress = unwatched,
    overwrite: bool = True,
) -> Path:
    """Render views and write them as a clip, MP4 (H.264), WebM (VP9) or WebP, whole or not at all.

    Args:
        shot: what to picture; its camera's sides are even (`Shot.of(..., multiple_px=MULTIPLE_PX)`).
        views: one a frame.
        path: file to write; its ending names the format.
        fps: frames per second, 1 to 120.
        progress: called after each frame.
        overwrite: replace the file if it exists.

    Returns:
        `path`.

    Raises:
        UnknownFormatError, BadOptionError, OutputExistsError: as for `write_frames`.
    """
    frames = (shot.picture(view) for view in views)
    return write_frames(frames, len(views), shot.size_px, path, fps=fps, progress=progress, overwrite=overwrite)


def write_turntable(scene: Scene, path: Path, *, progress: Progress = unwatched, overwrite: bool = True) -> Path:
    """Write a clip of a scene along the path that suits it, in the usual size and length; returns `path`.

    Raises:
        UnknownFormatError, BadOptionError, OutputExistsError: as for `write_clip`.
    """
    shot = Shot.of(scene, SIZE_PX, multiple_px=MULTIPLE_PX)
    views = PATHS[default_path(scene)](frame_count(SECONDS, FPS))
    return write_clip(shot, views, path, progress=progress, overwrite=overwrite)
