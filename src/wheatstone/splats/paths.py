"""Ways for a camera to move round a scene; each ends where it begins, so that clips loop.

A path is a list of views, one a frame, and knows nothing of the scene. Those through `start` begin there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from wheatstone.errors import BadOptionError
from wheatstone.splats.scene import Scene
from wheatstone.splats.views import View, photo_camera

_RISE = 0.25
"""Height of a swing as a share of its half width."""

_FRONT = View()


def swing(frames: int, start: View = _FRONT, reach: float = 7.0) -> list[View]:
    """To the right, to the left and back, a little higher on the way: an ellipse through `start`.

    Args:
        frames: number of views.
        start: where the ellipse is lowest.
        reach: degrees to each side, at most 90.

    Raises:
        BadOptionError: `reach` or `frames` makes no sense.
    """
    _check_reach(reach, 90, "degrees to each side")
    return [
        replace(
            start,
            yaw_deg=start.yaw_deg + reach * math.sin(turn),
            pitch_deg=start.pitch_deg + _RISE * reach * (1 - math.cos(turn)),
        )
        for turn in _turns(frames)
    ]


def orbit(frames: int, start: View = _FRONT, reach: float = 180.0) -> list[View]:
    """All the way round at one height or, with a `reach` under 180, there and back.

    Args:
        frames: number of views.
        start: where it begins.
        reach: degrees to each side, at most 180.

    Raises:
        BadOptionError: `reach` or `frames` makes no sense.
    """
    _check_reach(reach, 180, "degrees to each side")
    whole = reach == 180
    return [
        replace(start, yaw_deg=start.yaw_deg + (math.degrees(turn) if whole else reach * math.sin(turn)))
        for turn in _turns(frames)
    ]


def dolly(frames: int, start: View = _FRONT, reach: float = 0.2) -> list[View]:
    """Straight in and out again.

    Args:
        frames: number of views.
        start: the outermost view.
        reach: how far in, as a share of the way to the pivot, at most 0.9.

    Raises:
        BadOptionError: `reach` or `frames` makes no sense.
    """
    _check_reach(reach, 0.9, "of the way")
    return [
        replace(start, dolly=start.dolly + (1 - start.dolly) * reach * (1 - math.cos(turn)) / 2)
        for turn in _turns(frames)
    ]


PathName = Literal["swing", "orbit", "dolly"]

PATHS: Mapping[PathName, Callable[..., list[View]]] = MappingProxyType(
    {"swing": swing, "orbit": orbit, "dolly": dolly}
)


def default_path(scene: Scene) -> PathName:
    """The path that suits a scene: those made from photos are to be seen from near the photo only."""
    return "swing" if photo_camera(scene) else "orbit"


def _turns(frames: int) -> list[float]:
    """An angle a frame, once around; the last is a step before the first."""
    if frames < 1:
        raise BadOptionError(f"A path has at least one frame, got {frames}.")
    return [2 * math.pi * frame / frames for frame in range(frames)]


def _check_reach(reach: float, most: float, unit: str) -> None:
    if not 0 < reach <= most:
        raise BadOptionError(f"This path reaches over 0 to {most} {unit}, got {reach}.")
