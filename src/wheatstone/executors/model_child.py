"""The child process that runs a model: `python -m wheatstone.executors.model_child`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wheatstone.executors.inline import InlineExecutor
from wheatstone.executors.scene_files import leave_scene
from wheatstone.executors.serving import Handler, serve
from wheatstone.models.registry import CPU, splat_model_named
from wheatstone.pictures import Photo
from wheatstone.settings import PictureLimits, Settings
from wheatstone.stages import Stages


def handlers(settings: Settings) -> dict[str, Handler]:
    """For the calls of `LocalExecutor`."""
    executor = InlineExecutor(settings)

    def predict_splat(arguments: Mapping[str, Any], stages: Stages) -> dict[str, Any]:
        limits = arguments["limits"] and PictureLimits(**arguments["limits"])
        photo = Photo(Path(arguments["photo"]), arguments["name"], arguments["f_px"], limits)
        scene = executor.predict_splat(arguments["model"], photo, stages)
        return leave_scene(scene, Path(arguments["folder"]))

    def warm_up(arguments: Mapping[str, Any], stages: Stages) -> dict[str, Any]:
        executor.warm_up(arguments["model"], stages)
        return {}

    def device_of(arguments: Mapping[str, Any], stages: Stages) -> dict[str, Any]:
        del stages
        find = splat_model_named(arguments["model"], settings).device_of
        return {"device": find(settings) if find else CPU}

    return {"predict_splat": predict_splat, "warm_up": warm_up, "device_of": device_of}


if __name__ == "__main__":
    serve(handlers)
