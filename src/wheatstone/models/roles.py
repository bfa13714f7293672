"""The roles a model can play; the rest of the system knows only these."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from wheatstone.pictures import Picture
from wheatstone.splats.scene import Scene
from wheatstone.stages import Stages


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a person should know about a model before using its results.

    Attributes:
        name: what `--model` takes.
        summary: what it does, one line.
        label: what its results are called wherever they appear.
        licence: licence of the code and weights in use.
        checkpoints: names of the checkpoints it uses, best first.
        version: of its code; to be changed when the same photo and weights give other bytes, so that nobody gets
            results kept from before.
    """

    name: str
    summary: str
    label: str
    licence: str
    checkpoints: tuple[str, ...] = ()
    version: str = "1"


class SplatPredictor(Protocol):
    """Turns one photo into a splat scene."""

    info: ModelInfo

    def predict(self, picture: Picture, stages: Stages) -> Scene:
        """Predict the scene; the same picture gives the same bytes, whatever the thread count."""
        ...


@runtime_checkable
class BatchPredictor(SplatPredictor, Protocol):
    """A predictor that may be sooner done with several photos together."""

    photos_at_once: int

    def predict_many(self, pictures: Sequence[Picture], stages: Stages) -> list[Scene]:
        """The scenes of the pictures; best no more than `photos_at_once`."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A named result of a reconstruction, as soon as it exists.

    Attributes:
        name: of a file, such as `pixel_images.png`: letters, digits, `_`, `-` and `.`.
        data: what the file holds.
    """

    name: str
    data: bytes


_PART_NAME = re.compile(r"\w[\w.-]{0,63}", re.ASCII)


def is_part_name(name: str) -> bool:
    """Whether a part may have this name: it leads nowhere but to a file."""
    return _PART_NAME.fullmatch(name) is not None


PIXELS, XYZ, OBJECT = MESH_PARTS = ("pixel_images.png", "xyz_images.png", "output3d.zip")
"""What every mesh model makes, in this order: six views, their coordinates, the mesh as OBJ."""


METADATA = "metadata.json"
"""What is known of a mesh, written beside its parts: no part has this name."""


class MeshReconstructor(Protocol):
    """Turns a photo of an object into a textured mesh, part by part."""

    info: ModelInfo

    def reconstruct(self, picture: Picture, stages: Stages) -> Iterator[Part]:
        """The parts in the order in which they come to be, no name twice; the same picture gives the same bytes.

        `pixel_images.png`, `xyz_images.png` and `output3d.zip`, in this order, are what every model makes; others
        may come between them. The end that `stages.cancellation` asks for is heeded between and within parts.
        """
        ...
