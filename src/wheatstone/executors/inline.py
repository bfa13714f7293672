"""Models in this process: for the library, the command and tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from wheatstone.errors import ModelFailedError
from wheatstone.models.registry import mesh_model_named, splat_model_named
from wheatstone.models.roles import METADATA, BatchPredictor, MeshReconstructor, Part, SplatPredictor, is_part_name
from wheatstone.pictures import Photo
from wheatstone.settings import Settings
from wheatstone.splats.scene import Run, Scene
from wheatstone.stages import Stages


class InlineExecutor:
    """Runs models in the calling thread; each is loaded at first use and stays warm."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._predictors: dict[str, SplatPredictor] = {}
        self._reconstructors: dict[str, MeshReconstructor] = {}
        self._loading = threading.Lock()

    def predict_splat(self, model: str, photo: Photo, stages: Stages, *, rank: float = 0.0) -> Scene:
        """As `Executor` says; nobody waits here, so ranks do not matter."""
        del rank
        [scene] = self.predict_splats(model, [photo], stages)
        return scene

    def predict_splats(self, model: str, photos: Sequence[Photo], stages: Stages) -> list[Scene]:
        """As `predict_splat`, for several photos, which the model sees together if it can."""
        with stages.stage("decode"):
            pictures = [photo.read() for photo in photos]
        predictor = self._predictor(model, stages)
        if isinstance(predictor, BatchPredictor):
            scenes = predictor.predict_many(pictures, stages)
        else:
            scenes = [predictor.predict(picture, stages) for picture in pictures]
        return [_signed(scene, predictor) for scene in scenes]

    def reconstruct_mesh(
        self, model: str, photo: Photo, stages: Stages, deliver: Callable[[Part], None], *, rank: float = 0.0
    ) -> None:
        """As `Executor` says; nobody waits here, so ranks do not matter.

        Raises:
            ModelFailedError: a part's name is none for a file, came before, or is `metadata.json`.
        """
        del rank
        with stages.stage("decode"):
            picture = photo.read()
        made: set[str] = set()
        for part in self._reconstructor(model, stages).reconstruct(picture, stages):
            stages.cancellation.check()
            if not is_part_name(part.name) or part.name in (METADATA, *made):
                raise ModelFailedError(f"{model} gave a part the name {part.name!r}, which it may not.")
            made.add(part.name)
            deliver(part)

    def photos_at_once(self, model: str, stages: Stages) -> int:
        """How many photos `predict_splats` is best given; the model is made ready, which tells."""
        predictor = self._predictor(model, stages)
        return predictor.photos_at_once if isinstance(predictor, BatchPredictor) else 1

    def warm_up(self, model: str, stages: Stages) -> None:
        """As `Executor` says."""
        self._predictor(model, stages)

    def _predictor(self, name: str, stages: Stages) -> SplatPredictor:
        model = splat_model_named(name, self._settings)
        with self._loading:
            if model.info.name not in self._predictors:
                with stages.stage("load") as progress:
                    self._predictors[model.info.name] = model.load(self._settings, progress)
        return self._predictors[model.info.name]

    def _reconstructor(self, name: str, stages: Stages) -> MeshReconstructor:
        model = mesh_model_named(name, self._settings)
        with self._loading:
            if model.info.name not in self._reconstructors:
                with stages.stage("load") as progress:
                    self._reconstructors[model.info.name] = model.load(self._settings, progress)
        return self._reconstructors[model.info.name]


def _signed(scene: Scene, predictor: SplatPredictor) -> Scene:
    """The scene with what its model left unsaid."""
    info = predictor.info
    return replace(scene, licence=scene.licence or info.licence, run=scene.run or Run(info.name))
