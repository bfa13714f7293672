"""What every executor offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from wheatstone.models.roles import Part
from wheatstone.pictures import Photo
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages


class Executor(Protocol):
    """Runs models; may be called from several threads."""

    def predict_splat(self, model: str, photo: Photo, stages: Stages, *, rank: float = 0.0) -> Scene:
        """The scene that `model` sees in the photo; `auto` takes the best model that can run here.

        Stages: `decode`, `load` if the model was not ready, then the model's own.

        Args:
            model: its name.
            photo: what it looks at.
            stages: times the stages, reports their progress, cancels.
            rank: of those that wait for a device, the lowest goes first.

        Raises:
            BadPictureError: not a picture that can be read.
            PictureTooLargeError: over the limits.
            BadOptionError: the photo's focal length is not between 1 and a million pixels.
            UnknownModelError: there is no such model.
            CheckpointUnavailableError: the model cannot run without weights that cannot be had.
            CancelledError: `stages.cancellation` asked for the end.
        """
        ...

    def reconstruct_mesh(
        self, model: str, photo: Photo, stages: Stages, deliver: Callable[[Part], None], *, rank: float = 0.0
    ) -> None:
        """Let `model` turn the photo's object into a mesh; raises as `predict_splat` does.

        Args:
            model: its name.
            photo: what it looks at.
            stages: times the stages, reports their progress, cancels.
            deliver: called with each part, the moment it exists; what it raises ends the work.
            rank: of those that wait for a device, the lowest goes first.
        """
        ...

    def warm_up(self, model: str, stages: Stages) -> None:
        """Make `model` ready without predicting: stage `load`, unless it is. Raises as `predict_splat` does."""
        ...
