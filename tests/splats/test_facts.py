from __future__ import annotations

import json

from tests.splats.formats.scenes import CAMERA
from tests.splats.reference import random_gaussians
from wheatstone.files import to_json
from wheatstone.splats.facts import scene_facts
from wheatstone.splats.scene import Run, Scene


def test_all_that_is_known_of_a_scene_is_told_as_plain_json() -> None:
    run = Run("sharp", "cuda:0", "bfloat16", 1024)
    facts = json.loads(to_json(scene_facts(Scene(random_gaussians(3), CAMERA, "Tiefe: ähnlich", "MIT", run))))
    assert facts == {
        "model": "sharp",
        "label": "Tiefe: ähnlich",
        "licence": "MIT",
        "device": "cuda:0",
        "dtype": "bfloat16",
        "input_size": 1024,
        "gaussians": 3,
        "camera": {
            "width_px": CAMERA.width_px,
            "height_px": CAMERA.height_px,
            "intrinsic_matrix": CAMERA.intrinsics.ravel().tolist(),
            "extrinsic_matrix": CAMERA.world_to_camera.ravel().tolist(),
        },
    }


def test_what_is_not_known_is_null_or_empty() -> None:
    facts = scene_facts(Scene(random_gaussians(1)))
    assert facts["model"] is facts["device"] is facts["dtype"] is facts["input_size"] is facts["camera"] is None
    assert facts["label"] == facts["licence"] == ""
