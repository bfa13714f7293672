"""From a mesh's OBJ to a picture of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wheatstone.meshes.formats import obj
from wheatstone.meshes.turntables import Studio
from wheatstone.stages import Stages
from wheatstone.stills import write_still


def draw_mesh(arguments: Mapping[str, Any], stages: Stages) -> dict[str, Any]:
    """Draw a mesh; returns how many vertices and faces it has.

    Args:
        arguments: `zip`, the path of its OBJ with material and texture; `poster`, where to draw it.
        stages: `poster`.

    Raises:
        BadMeshError: the OBJ cannot be read.
    """
    with stages.stage("poster"):
        mesh = obj.decode_zip(Path(arguments["zip"]).read_bytes())
        write_still(Studio(mesh).picture(), Path(arguments["poster"]))
    return {"vertices": len(mesh.vertices), "faces": len(mesh.faces)}
