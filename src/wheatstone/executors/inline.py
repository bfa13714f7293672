"""Models in this process: for the library, the command and tests."""

from __future__ import annotations

import threading

from wheatstone.models.registry import splat_model_named
from wheatstone.models.roles import SplatPredictor
from wheatstone.pictures import Picture
from wheatstone.settings import Settings
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages


class InlineExecutor:
    """Runs models in the calling thread; each is loaded at first use and stays warm."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._predictors: dict[str, SplatPredictor] = {}
        self._loading = threading.Lock()

    def predict_splat(self, model: str, picture: Picture, stages: Stages) -> Scene:
        """The scene that `model` sees in the picture; `auto` takes the best model that can run here.

        Raises:
            UnknownModelError: there is no such model.
            CheckpointUnavailableError: the model cannot run without weights that cannot be had.
        """
        return self._predictor(model, stages).predict(picture, stages)

    def _predictor(self, name: str, stages: Stages) -> SplatPredictor:
        model = splat_model_named(name)
        with self._loading:
            if model.info.name not in self._predictors:
                with stages.stage("load") as progress:
                    self._predictors[model.info.name] = model.load(self._settings, progress)
        return self._predictors[model.info.name]
