"""The child process that runs a model: `python -m wheatstone.executors.model_child SETTINGS`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wheatstone.executors.children import settings_of_child
from wheatstone.executors.inline import InlineExecutor
from wheatstone.executors.scene_files import leave_scene
from wheatstone.executors.serving import serve
from wheatstone.pictures import Photo
from wheatstone.settings import PictureLimits
from wheatstone.stages import Stages


def main() -> None:
    """Answer the calls of `LocalExecutor`."""
    executor = InlineExecutor(settings_of_child())

    def predict_splat(arguments: Mapping[str, Any], stages: Stages) -> dict[str, Any]:
        limits = arguments["limits"] and PictureLimits(**arguments["limits"])
        photo = Photo(Path(arguments["photo"]), arguments["name"], arguments["f_px"], limits)
        scene = executor.predict_splat(arguments["model"], photo, stages)
        return leave_scene(scene, Path(arguments["folder"]))

    serve({"predict_splat": predict_splat})


if __name__ == "__main__":
    main()
