"""`wheatstone mesh`: photos of objects become meshes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape

from wheatstone.cli.parameters import Flag, formats_wanted, refuse_to_lose
from wheatstone.cli.summary import Row, output_bases, print_error, print_summary, progress_bar, stage_text
from wheatstone.errors import BadOptionError, WheatstoneError
from wheatstone.executors import InlineExecutor
from wheatstone.meshes.formats import MESH_FORMATS, mesh_format_named
from wheatstone.models.inflate.about import Detail
from wheatstone.models.registry import mesh_model_named
from wheatstone.pictures import picture_paths
from wheatstone.pipelines.photo_to_mesh import MadeMesh, MeshOutput, photo_to_mesh, write_mesh_outputs
from wheatstone.settings import changed, load_settings
from wheatstone.stages import Stages

_Make: TypeAlias = Callable[[Path, Stages], tuple[MadeMesh, str, str]]
"""Turns a photo into a mesh, and tells the label and the licence of what made it."""


def mesh(
    photos: Annotated[list[Path], Parameter(negative=())],
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")] = Path(),
    model: str = "auto",
    format: Annotated[str | None, Parameter(alias="-f")] = None,  # noqa: A002 - the flag's name
    faces: int | None = None,
    texture_size: int | None = None,
    parts: Flag = False,
    poster: Flag = False,
    turntable: Flag = False,
    overwrite: Flag = False,
    server: str | None = None,
) -> int:
    """Turn photos of objects into closed, textured meshes.

    Best are photos of one thing before a plain background, seen from its front, or cut-outs (PNG with
    transparency). Each photo gives one file per format, named like the photo. A photo that cannot be read or
    shows no object is named, the others are still done, and the exit code is 2.

    Examples: `wheatstone mesh teapot.jpg`, `wheatstone mesh things/ -o meshes --poster`,
    `wheatstone mesh teapot.jpg -o teapot.glb --format glb,stl --faces 5000`

    Args:
        photos: Photos (JPEG, PNG, WebP, HEIC, AVIF, TIFF) or folders of them.
        output: Folder for the results or, for a single photo, a file name such as `teapot.glb`.
        model: `auto` for the best one that can run here, or a name from `wheatstone models list`.
        format: Formats to write, comma-separated: `glb`, `obj`, `zip` (OBJ in one file), `ply`, `stl`, `usdz`. By
            default what the output ends in, else `glb`.
        faces: How many faces the meshes of `inflate` have, about; 24,000 unless the settings say otherwise.
        texture_size: Pixels along each side of the texture's halves, for front and back, with `inflate`; 1024
            unless the settings say otherwise.
        parts: Also keep all that the model makes, in a folder `.parts`: cut-out, six views, their coordinates,
            preview.
        poster: Also render a picture of each mesh (`.webp`).
        turntable: Also render a clip of each mesh (`.mp4`).
        overwrite: Replace files that exist.
        server: Address of a Wheatstone server that does the work, such as `http://127.0.0.1:8000`. The variable
            `WHEATSTONE_API_KEY` holds the key it may want.
    """
    files = picture_paths(photos)
    formats = formats_wanted(format, output, MESH_FORMATS, mesh_format_named)
    bases = output_bases(files, output, [known.suffix for known in MESH_FORMATS])
    if server is not None and (faces is not None or texture_size is not None):
        raise BadOptionError("With --server leave out --faces and --texture-size: its settings say that.")
    rows: list[Row] = []
    made_by = "", ""
    with ExitStack() as resources, progress_bar(Console(stderr=True)) as bar:
        make = _here(model, faces, texture_size) if server is None else _there(server, model, resources)
        task = bar.add_task("", total=len(files), photo="", stage="")

        def report(stage: str, fraction: float) -> None:
            bar.update(task, stage=stage_text(stage, fraction))

        for photo, base in zip(files, bases, strict=True):
            bar.update(task, photo=escape(photo.name), stage="")
            wanted = MeshOutput(base, formats, parts, poster, turntable)
            stages = Stages(report)
            try:
                refuse_to_lose(wanted.paths, files, overwrite=overwrite)
                made, label, licence = make(photo, stages)
                written = write_mesh_outputs(made, wanted, stages, overwrite=overwrite)
            except (WheatstoneError, OSError) as error:
                print_error(bar.console, error)
            else:
                made_by = label, licence
                rows.append(Row(photo, len(made.mesh.faces), stages.seconds, written))
            bar.advance(task)
    if rows:
        print_summary(rows, *made_by, counted="faces")
    return 0 if len(rows) == len(files) else 2


def _here(model: str, faces: int | None, texture_size: int | None) -> _Make:
    settings = load_settings()
    detail = Detail(
        settings.mesh.faces if faces is None else faces,
        settings.mesh.texture_size if texture_size is None else texture_size,
    )
    settings = changed(settings, "mesh", faces=detail.faces, texture_size=detail.texture_px)
    info = mesh_model_named(model, settings).info
    executor = InlineExecutor(settings)

    def make(photo: Path, stages: Stages) -> tuple[MadeMesh, str, str]:
        made = photo_to_mesh(photo, executor, model=model, limits=settings.pictures, stages=stages)
        return made, info.label, info.licence

    return make


def _there(server: str, model: str, resources: ExitStack) -> _Make:
    from wheatstone.cli.remote import client_of  # the client takes a moment, and most work is done here
    from wheatstone.cli.remote_mesh import mesh_remotely

    client = resources.enter_context(client_of(server))

    def make(photo: Path, stages: Stages) -> tuple[MadeMesh, str, str]:
        made, job = mesh_remotely(client, photo, model, stages)
        return made, job.label or "", job.licence or ""

    return make
