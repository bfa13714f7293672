"""The child process that runs a model: `python -m wheatstone.executors.model_child`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wheatstone.executors.inline import InlineExecutor
from wheatstone.executors.scene_files import leave_scene
from wheatstone.executors.serving import Announce, Handler, serve
from wheatstone.models.registry import CPU, model_named
from wheatstone.models.roles import Part
from wheatstone.pictures import Photo
from wheatstone.settings import PictureLimits, Settings
from wheatstone.stages import Stages


def handlers(settings: Settings) -> dict[str, Handler]:
    """For the calls of `LocalExecutor`."""
    executor = InlineExecutor(settings)

    def predict_splat(arguments: Mapping[str, Any], stages: Stages, announce: Announce) -> dict[str, Any]:
        del announce
        scene = executor.predict_splat(arguments["model"], _photo(arguments), stages)
        return leave_scene(scene, Path(arguments["folder"]))

    def reconstruct_mesh(arguments: Mapping[str, Any], stages: Stages, announce: Announce) -> dict[str, Any]:
        folder = Path(arguments["folder"])
        folder.mkdir()

        def deliver(part: Part) -> None:
            (folder / part.name).write_bytes(part.data)
            announce(part.name)

        executor.reconstruct_mesh(arguments["model"], _photo(arguments), stages, deliver)
        return {}

    def warm_up(arguments: Mapping[str, Any], stages: Stages, announce: Announce) -> dict[str, Any]:
        del announce
        executor.warm_up(arguments["model"], stages)
        return {}

    def device_of(arguments: Mapping[str, Any], stages: Stages, announce: Announce) -> dict[str, Any]:
        del stages, announce
        find = model_named(arguments["kind"], arguments["model"], settings).device_of
        return {"device": find(settings) if find else CPU}

    return {
        "predict_splat": predict_splat,
        "reconstruct_mesh": reconstruct_mesh,
        "warm_up": warm_up,
        "device_of": device_of,
    }


def _photo(arguments: Mapping[str, Any]) -> Photo:
    limits = arguments["limits"] and PictureLimits(**arguments["limits"])
    return Photo(Path(arguments["photo"]), arguments["name"], arguments["f_px"], limits)


if __name__ == "__main__":
    serve(handlers)
