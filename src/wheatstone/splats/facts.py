"""What is known of a scene beside its Gaussians, for records and for files beside it."""

from __future__ import annotations

from typing import Any

from wheatstone.splats.scene import Scene


def scene_facts(scene: Scene) -> dict[str, Any]:
    """As plain JSON; what is not known is null or empty.

    `input_size` is the longer side in pixels of what the model saw; `camera` belongs to the upright photo, with
    matrices row by row.
    """
    run, camera = scene.run, scene.camera
    return {
        "model": run and run.model,
        "label": scene.label,
        "licence": scene.licence,
        "device": run and run.device,
        "dtype": run and run.dtype,
        "input_size": run and run.side_px,
        "gaussians": len(scene.gaussians),
        "camera": camera
        and {
            "width_px": camera.width_px,
            "height_px": camera.height_px,
            "intrinsic_matrix": camera.intrinsics.ravel().tolist(),
            "extrinsic_matrix": camera.world_to_camera.ravel().tolist(),
        },
    }
