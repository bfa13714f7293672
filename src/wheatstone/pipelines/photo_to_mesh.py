"""Photo of an object to mesh: decode, reconstruct, write."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wheatstone.errors import CancelledError, ModelFailedError
from wheatstone.executors import Executor
from wheatstone.files import atomic_write
from wheatstone.meshes.formats import MeshFormat, obj, write_mesh
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.turntables import Studio, write_turntable
from wheatstone.models.roles import OBJECT, Part
from wheatstone.pictures import Photo
from wheatstone.settings import PictureLimits
from wheatstone.stages import Stages
from wheatstone.stills import write_still

_AS_MADE = {".glb": "model.glb", ".zip": OBJECT}
"""Formats that a model may have made itself."""


@dataclass(frozen=True, slots=True)
class MeshOutput:
    """Which files to write for a mesh.

    Attributes:
        base: folder and name of the files, without ending.
        formats: at least one file each.
        parts: also keep all that the model made, in a folder.
        poster: also write a picture of the mesh, `.webp`.
        turntable: also write a clip of the mesh, `.mp4`.
    """

    base: Path
    formats: Sequence[MeshFormat]
    parts: bool = False
    poster: bool = False
    turntable: bool = False

    @property
    def paths(self) -> list[Path]:
        """All files that will be written, meshes first, and the folder of parts."""
        further = {".parts": self.parts, ".webp": self.poster, ".mp4": self.turntable}
        suffixes = [suffix for chosen in self.formats for suffix in (chosen.suffix, *chosen.beside)]
        return [self.path(suffix) for suffix in suffixes + [suffix for suffix, on in further.items() if on]]

    def path(self, suffix: str) -> Path:
        """The file with this ending."""
        return self.base.with_name(self.base.name + suffix)


@dataclass(frozen=True, slots=True, eq=False)
class MadeMesh:
    """What a model made of a photo.

    Attributes:
        mesh: the object.
        parts: name to content of all that was made, in the order in which it was.
    """

    mesh: Mesh
    parts: dict[str, bytes]


def photo_to_mesh(
    source: Path | bytes,
    executor: Executor,
    *,
    model: str = "auto",
    limits: PictureLimits | None = None,
    stages: Stages | None = None,
    on_part: Callable[[Part], None] | None = None,
) -> MadeMesh:
    """Turn a photo of an object into a mesh.

    Args:
        source: path or content of the photo.
        executor: where the model runs.
        model: name of the model, or `auto`.
        limits: of the picture; by default those of the settings.
        stages: times the stages and reports their progress.
        on_part: called with each part the moment it exists.

    Raises:
        BadPictureError: not a picture that can be read, or it shows no object.
        PictureTooLargeError: over the limits.
        UnknownModelError: there is no such model.
        ModelFailedError: the model made no mesh.
    """
    parts: dict[str, bytes] = {}

    def take(part: Part) -> None:
        parts[part.name] = part.data
        if on_part is not None:
            on_part(part)

    executor.reconstruct_mesh(model, Photo(source, limits=limits), stages or Stages(), take)
    if OBJECT not in parts:
        raise ModelFailedError(f"The model {model} made no {OBJECT}.")
    return MadeMesh(obj.decode_zip(parts[OBJECT]), parts)


async def mesh_parts(
    source: Path | bytes, executor: Executor, *, model: str = "auto", limits: PictureLimits | None = None
) -> AsyncGenerator[Part, None]:
    """The parts of the mesh of an object's photo, each the moment it exists; a thread does the work.

    Whoever closes the generator early, or is cancelled, ends the work: it returns when that has ended, within or
    between parts. Takes and raises what `photo_to_mesh` does.
    """
    loop = asyncio.get_running_loop()
    made: asyncio.Queue[Part | None] = asyncio.Queue()
    stages = Stages()

    def tell(part: Part | None) -> None:
        loop.call_soon_threadsafe(made.put_nowait, part)

    def work() -> None:
        try:
            executor.reconstruct_mesh(model, Photo(source, limits=limits), stages, tell)
        finally:
            tell(None)

    working = loop.run_in_executor(None, work)
    try:
        while (part := await made.get()) is not None:
            yield part
        await working
    finally:
        stages.cancellation.cancel()
        with contextlib.suppress(CancelledError):  # told above already, if it was anything else
            await asyncio.shield(working)


def write_mesh_outputs(made: MadeMesh, output: MeshOutput, stages: Stages, *, overwrite: bool) -> list[Path]:
    """Write a mesh's files, each whole or not at all; returns their paths.

    Args:
        made: what to write.
        output: which files.
        stages: times the stages.
        overwrite: replace files that exist.

    Raises:
        OutputExistsError: a file exists and `overwrite` is false.
    """
    written = []
    for chosen in output.formats:
        path = output.path(chosen.suffix)
        with stages.stage(chosen.name):
            if _AS_MADE.get(chosen.suffix) in made.parts:
                with atomic_write(path, overwrite=overwrite) as file:
                    file.write(made.parts[_AS_MADE[chosen.suffix]])
            else:
                write_mesh(made.mesh, path, overwrite=overwrite)
        written.append(path)
    if output.parts:
        for name, data in made.parts.items():
            written.append(output.path(".parts") / name)
            with atomic_write(written[-1], overwrite=overwrite) as file:
                file.write(data)
    if output.poster:
        with stages.stage("poster"):
            written.append(write_still(Studio(made.mesh).picture(), output.path(".webp"), overwrite=overwrite))
    if output.turntable:
        with stages.stage("turntable") as progress:
            target = output.path(".mp4")
            written.append(write_turntable(Studio(made.mesh), target, progress=progress, overwrite=overwrite))
    return written
