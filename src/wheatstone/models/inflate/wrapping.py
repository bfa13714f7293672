"""Where on the texture the surface of a vessel lies: it looks the same all around.

What the viewer sees face on is the photo. From there the texture goes on around the axis, mirrored at each end, so
that rings stay rings and nothing is stretched; what is hidden of the inside looks like what is seen of it.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np

from wheatstone.arrays import F64, I64, AnyArray
from wheatstone.models.inflate.solids import Vessel

_FOLD_DEG, _OPEN_FOLD_DEG = 75.0, 66.0
"""Where a vessel has turned away from the viewer by so much, its texture goes back; sooner if seen from above, for
rings run steeply there along the outline, where a small error of the shape breaks them."""
_RIM = 0.035
"""What lies so little below the rim of an open vessel is the rim, in halves of the plan's side."""
_LID = 0.3
"""How far down the wall a lid's middle takes its colours, as a share of its radius."""
_MARGIN = 0.85
"""A point inside is seen if it is seen through an opening so much smaller, for at its rim the photo shows that."""


class Kind(IntEnum):
    """What a part of the surface is, if it is a vessel's."""

    SEEN = 0
    TURNED_AWAY = 1
    INSIDE = 2


def wrap(vessel: Vessel, points: F64) -> tuple[F64, I64]:
    """Places on the plan and kinds of points of a vessel's surface.

    Args:
        vessel: it.
        points: (N, 3) in halves of the plan's side.

    Returns:
        (3, N, 2) right and up from the plan's centre in halves of its side, if a point is `SEEN`, if it is
        `TURNED_AWAY`, and if it is `INSIDE`; and (N,) the `Kind`.
    """
    axis = vessel.axis
    radius, height, ahead = axis.cylindrical(*points.T)
    inside = vessel.is_within(points)
    at_rim = vessel.is_open & (height > -_RIM) & (axis.elevation > 0.2)
    is_seen = np.where(
        inside, ahead <= _seen_up_to(vessel, radius, height), _angle(vessel, points) <= _fold_deg(vessel)
    )
    kinds = np.where(is_seen | at_rim, Kind.SEEN, np.where(inside, Kind.INSIDE, Kind.TURNED_AWAY))
    turned = _on_ball(vessel, points) if vessel.is_ball else _around_axis(vessel, points)
    hidden = _inside(vessel, points)
    return np.stack([points[:, :2], turned, hidden]), kinds.astype(np.int64)


def _angle(vessel: Vessel, points: F64) -> F64:
    """(N,) By how many degrees the outside has turned away from the viewer."""
    radius, _, ahead = vessel.axis.cylindrical(*points.T)
    if vessel.is_ball:
        from_middle = points - vessel.middle
        radius, ahead = np.linalg.norm(from_middle, axis=1), from_middle[:, 2]
    return np.asarray(np.degrees(np.arccos(np.clip(ahead / np.maximum(radius, 1e-6), -1, 1))), np.float64)


def _fold_deg(vessel: Vessel) -> float:
    return _OPEN_FOLD_DEG if vessel.is_open else _FOLD_DEG


def _folded(vessel: Vessel, points: F64) -> F64:
    """(N,) In radians: angles beyond the fold come back; the far side is like the near one."""
    angle_deg, fold_deg = _angle(vessel, points), _fold_deg(vessel)
    near = np.minimum(angle_deg, 180 - angle_deg)
    return np.radians(np.where(near > fold_deg, 2 * fold_deg - near, near))


def _on_ball(vessel: Vessel, points: F64) -> F64:
    """A ball folds around the line of sight."""
    from_middle = points - vessel.middle
    flat = np.linalg.norm(from_middle[:, :2], axis=1)
    length = np.linalg.norm(from_middle, axis=1)
    factor = length * np.sin(_folded(vessel, points)) / np.maximum(flat, 1e-6)
    return np.asarray(vessel.middle[:2] + from_middle[:, :2] * factor[:, None], np.float64)


def _around_axis(vessel: Vessel, points: F64) -> F64:
    """Others fold around their axis; a lid or foot is like the wall next to it."""
    axis = vessel.axis
    radius, height, _ = axis.cylindrical(*points.T)
    angle = _folded(vessel, points)
    tall = -float(vessel.heights[0])
    lid = np.clip(_LID * (vessel.radii[-1] - radius), 0, tall / 2) * (height > -_RIM) * (not vessel.is_open)
    foot = np.clip(_LID * (vessel.radii[0] - radius), 0, tall / 2) * (height < _RIM - tall)
    height = np.clip(height, 0.01 - tall, -0.01) - lid + foot
    return _seen_at(
        vessel, radius * np.sin(angle) * np.sign(points[:, 0] - axis.x), height, radius * np.cos(angle)
    )


def _inside(vessel: Vessel, points: F64) -> F64:
    """What is hidden inside is like the far side at the same height, where that is seen."""
    radius, height, ahead = vessel.axis.cylindrical(*points.T)
    # In the middle of the floor it may not be: then like what is farther out.
    seen = np.maximum(radius, np.minimum(_way(vessel, height) - _MARGIN * vessel.radii[-1], vessel.radii[-1]))
    ahead = ahead * seen / np.maximum(radius, 1e-6)
    to = np.clip(np.minimum(-np.abs(ahead), _seen_up_to(vessel, seen, height)), -seen, seen)
    across = np.sqrt(np.maximum(seen**2 - to**2, 0)) * np.sign(points[:, 0] - vessel.axis.x)
    return _seen_at(vessel, across, height, to)


def _way(vessel: Vessel, height: AnyArray) -> AnyArray:
    """(N,) How much farther ahead a ray from so low inside to the viewer passes the plane of the rim."""
    return np.asarray(np.maximum(-height, 1e-4) / max(math.tan(vessel.axis.elevation), 1e-3))


def _seen_up_to(vessel: Vessel, radius: AnyArray, height: AnyArray) -> AnyArray:
    """(N,) How far before the axis a point inside can be and still be seen through the opening."""
    way = _way(vessel, height)
    opening = _MARGIN * vessel.radii[-1]
    return np.asarray((opening**2 - radius**2 - way**2) / (2 * way), np.float64)


def _seen_at(vessel: Vessel, across: AnyArray, height: AnyArray, ahead: AnyArray) -> F64:
    axis = vessel.axis
    up = height * math.cos(axis.elevation) - ahead * math.sin(axis.elevation)
    return np.stack([axis.x + across, axis.y + up], axis=1)
