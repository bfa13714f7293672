"""What there is to know about `inflate` before it runs."""

from __future__ import annotations

from dataclasses import dataclass

from wheatstone.errors import BadOptionError
from wheatstone.models.roles import ModelInfo
from wheatstone.settings import Settings

INFLATE = ModelInfo(
    name="inflate",
    summary="an object's silhouette, inflated and painted; seconds on any machine, no weights needed",
    label="inflated silhouette; sides and back are invented",
    licence="MIT; optional matte by U²-Net (Apache-2.0)",
    checkpoints=("u2net", "u2netp"),
    version="2",
)


@dataclass(frozen=True, slots=True)
class Detail:
    """How fine a mesh is to be.

    Attributes:
        faces: of the mesh, about.
        texture_px: pixels along each side of the texture's two halves.
    """

    faces: int = 24_000
    texture_px: int = 1024

    def __post_init__(self) -> None:
        if not 100 <= self.faces <= 1_000_000:
            raise BadOptionError(f"A mesh can have 100 to 1,000,000 faces, got {self.faces:,}.")
        if not 64 <= self.texture_px <= 4096:
            raise BadOptionError(f"A texture can be 64 to 4096 pixels high, got {self.texture_px}.")


def detail_of(settings: Settings) -> Detail:
    """As the settings say."""
    return Detail(settings.mesh.faces, settings.mesh.texture_size)
