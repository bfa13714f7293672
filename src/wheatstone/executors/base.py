"""What every executor offers."""

from __future__ import annotations

from typing import Protocol

from wheatstone.pictures import Photo
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages


class Executor(Protocol):
    """Runs models; may be called from several threads."""

    def predict_splat(self, model: str, photo: Photo, stages: Stages) -> Scene:
        """The scene that `model` sees in the photo; `auto` takes the best model that can run here.

        Stages: `decode`, `load` if the model was not ready, then the model's own.

        Raises:
            BadPictureError: not a picture that can be read.
            PictureTooLargeError: over the limits.
            BadOptionError: the photo's focal length is not between 1 and a million pixels.
            UnknownModelError: there is no such model.
            CheckpointUnavailableError: the model cannot run without weights that cannot be had.
            CancelledError: `stages.cancellation` asked for the end.
        """
        ...
