"""What a viewer must know about a scene beside its Gaussians."""

from __future__ import annotations

from typing import Any

from wheatstone.splats.scene import Scene
from wheatstone.splats.views import frame, photo_camera

_HONEST_YAW_DEG, _HONEST_PITCH_DEG = 12.0, 8.0
"""How far from where it was taken a photo's scene may be looked at: beyond, what was guessed shows."""


def viewer_facts(scene: Scene, pivot_m: float) -> dict[str, Any]:
    """As plain JSON, in the words of the viewer's `Facts` (`web/`).

    Args:
        scene: what is shown.
        pivot_m: how far ahead of the camera lies the point that views turn around, as `Shot.pivot_m`.
    """
    camera = frame(scene)
    return {
        "label": scene.label,
        "licence": scene.licence,
        "width": camera.width_px,
        "height": camera.height_px,
        "fx": camera.fx_px,
        "fy": camera.fy_px,
        "cx": camera.cx_px,
        "cy": camera.cy_px,
        "toCamera": camera.world_to_camera.ravel().tolist(),
        "pivot": pivot_m,
        "limits": {"yaw": _HONEST_YAW_DEG, "pitch": _HONEST_PITCH_DEG} if photo_camera(scene) else None,
    }
