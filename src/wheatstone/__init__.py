"""Wheatstone turns pictures into things you can walk around.

    import wheatstone

    scene = wheatstone.splat("photo.jpg")
    scene.save("scene.sog")

    mesh = wheatstone.mesh("teapot.jpg")

Names are imported when they are first used, so that `import wheatstone` is instant.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import AsyncGenerator, Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from wheatstone.errors import WheatstoneError
from wheatstone.version import VERSION

if TYPE_CHECKING:
    from wheatstone.executors import InlineExecutor
    from wheatstone.meshes.mesh import Mesh
    from wheatstone.models.roles import Part
    from wheatstone.splats.cameras import Camera
    from wheatstone.splats.gaussians import Gaussians, merge
    from wheatstone.splats.scene import Scene

__all__ = [
    "Camera",
    "Gaussians",
    "Mesh",
    "Scene",
    "WheatstoneError",
    "__version__",
    "load",
    "merge",
    "mesh",
    "mesh_parts",
    "splat",
]

__version__ = VERSION

_HOMES = {
    "Camera": "wheatstone.splats.cameras",
    "Gaussians": "wheatstone.splats.gaussians",
    "Mesh": "wheatstone.meshes.mesh",
    "Scene": "wheatstone.splats.scene",
    "merge": "wheatstone.splats.gaussians",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'wheatstone' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def splat(photo: str | PathLike[str] | bytes, *, model: str = "auto", f_px: float | None = None) -> Scene:
    """Turn a photo into a 3D Gaussian splat.

    Args:
        photo: path or content of a JPEG, PNG, WebP, HEIC, AVIF or TIFF.
        model: `auto` or the name of a model (`wheatstone models list`).
        f_px: focal length in pixels; by default from the photo's EXIF, else a 30 mm equivalent.

    Returns:
        The scene in the frame of the photo's camera (x right, y down, z forward). `scene.gaussians` holds the
        arrays, `scene.label` says what made them, `scene.save("scene.sog")` writes them.

    Raises:
        WheatstoneError: the photo cannot be read, or an option cannot be used; the message says what to do.
    """
    from wheatstone.pipelines import photo_to_splat

    source = photo if isinstance(photo, bytes) else Path(photo)
    return photo_to_splat(source, _executor(), model=model, f_px=f_px)


def mesh(
    photo: str | PathLike[str] | bytes, *, model: str = "auto", on_part: Callable[[Part], None] | None = None
) -> Mesh:
    """Turn a photo of an object into a closed, textured mesh.

    Args:
        photo: path or content of a JPEG, PNG, WebP, HEIC, AVIF or TIFF; best of one thing, cut out or before a
            plain background.
        model: `auto` or the name of a model (`wheatstone models list`).
        on_part: called with each part, its `name` and `data`, the moment it exists: six views and their
            coordinates, then the mesh as OBJ; others may come between.

    Returns:
        The mesh: x right, y up, z towards the viewer, in a box around the origin whose longest side is 1.
        `wheatstone.meshes.formats.write_mesh(mesh, path)` writes it.

    Raises:
        WheatstoneError: the photo cannot be read or shows no object; the message says what to do.
    """
    from wheatstone.pipelines.photo_to_mesh import photo_to_mesh

    source = photo if isinstance(photo, bytes) else Path(photo)
    return photo_to_mesh(source, _executor(), model=model, on_part=on_part).mesh


def mesh_parts(photo: str | PathLike[str] | bytes, *, model: str = "auto") -> AsyncGenerator[Part, None]:
    """The parts that `mesh` tells, for asyncio: `async for part in wheatstone.mesh_parts("teapot.jpg")`.

    A thread does the work; closing the generator, or cancelling whoever waits for it, ends that, too.

    Raises:
        WheatstoneError: as for `mesh`, at the first part.
    """
    from wheatstone.pipelines import photo_to_mesh

    source = photo if isinstance(photo, bytes) else Path(photo)
    return photo_to_mesh.mesh_parts(source, _executor(), model=model)


def load(path: str | PathLike[str]) -> Scene:
    """Read a splat scene from a `.sog` or `.ply` file.

    Raises:
        WheatstoneError: the file is missing, malformed or of an unknown format.
    """
    from wheatstone.splats.formats import read_scene

    return read_scene(Path(path))


@functools.cache
def _executor() -> InlineExecutor:
    from wheatstone.executors import InlineExecutor
    from wheatstone.settings import load_settings

    return InlineExecutor(load_settings())
