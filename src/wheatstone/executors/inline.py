"""Models in this process: for the library, the command and tests."""

from __future__ import annotations

import threading

from wheatstone.models.registry import splat_model_named
from wheatstone.models.roles import SplatPredictor
from wheatstone.pictures import Photo
from wheatstone.settings import Settings
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages


class InlineExecutor:
    """Runs models in the calling thread; each is loaded at first use and stays warm."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._predictors: dict[str, SplatPredictor] = {}
        self._loading = threading.Lock()

    def predict_splat(self, model: str, photo: Photo, stages: Stages, *, rank: float = 0.0) -> Scene:
        """As `Executor` says; nobody waits here, so ranks do not matter."""
        del rank
        with stages.stage("decode"):
            picture = photo.read()
        return self._predictor(model, stages).predict(picture, stages)

    def _predictor(self, name: str, stages: Stages) -> SplatPredictor:
        model = splat_model_named(name, self._settings)
        with self._loading:
            if model.info.name not in self._predictors:
                with stages.stage("load") as progress:
                    self._predictors[model.info.name] = model.load(self._settings, progress)
        return self._predictors[model.info.name]
