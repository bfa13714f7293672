"""A splat scene: Gaussians and what is known about where they came from."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians

_MAX_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Run:
    """How a model made a scene; files do not keep it, so that they are the same wherever they are made.

    Attributes:
        model: its name.
        device: what it ran on, such as `cpu` or `cuda:0`.
        dtype: of its weights and maps; empty where it has none.
        side_px: longer side of the picture as the model saw it; None if it does not say.
    """

    model: str
    device: str = "cpu"
    dtype: str = ""
    side_px: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What a splat file holds.

    Attributes:
        gaussians: the primitives.
        camera: the camera of the photo the scene was made from; None when the file does not say.
        label: what made the scene and how far to trust it; empty when unknown. Whatever a file says here
            becomes one printable line of at most 500 characters.
        licence: of the model that made it, likewise.
        run: how it was made; None when it comes from a file.
    """

    gaussians: Gaussians
    camera: Camera | None = None
    label: str = ""
    licence: str = ""
    run: Run | None = None

    def __post_init__(self) -> None:
        for name in ("label", "licence"):
            object.__setattr__(self, name, _one_line(getattr(self, name)))

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


def _one_line(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:_MAX_CHARACTERS]
