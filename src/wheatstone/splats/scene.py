"""A splat scene: Gaussians and what is known about where they came from."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians

_MAX_LABEL_CHARACTERS = 500


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What a splat file holds.

    Attributes:
        gaussians: the primitives.
        camera: the camera of the photo the scene was made from; None when the file does not say.
        label: what made the scene and how far to trust it; empty when unknown. Whatever a file says here
            becomes one printable line of at most 500 characters.
    """

    gaussians: Gaussians
    camera: Camera | None = None
    label: str = ""

    def __post_init__(self) -> None:
        printable = "".join(character if character.isprintable() else " " for character in self.label)
        object.__setattr__(self, "label", " ".join(printable.split())[:_MAX_LABEL_CHARACTERS])

    def save(self, path: str | PathLike[str], *, overwrite: bool = True, effort: int = 0) -> Path:
        """Write the scene in the format that the file's name ends in; returns `path`.

        Args:
            path: ends in `.sog`, `.html`, `.ply` or `.plain.ply`.
            overwrite: replace a file that exists.
            effort: 0 writes fast; 1 takes about eight times as long for a smaller `.sog` or `.html`.

        Raises:
            UnknownFormatError: no format has this ending.
            BadOptionError: the format has no such effort.
            OutputExistsError: the file exists and `overwrite` is false.
        """
        from wheatstone.splats import formats

        return formats.write_scene(self, Path(path), overwrite=overwrite, effort=effort)
