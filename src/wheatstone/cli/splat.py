"""`wheatstone splat`: photos become splats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape

from wheatstone.cli.parameters import Flag, refuse_existing
from wheatstone.cli.remote import Wanted, splat_remotely
from wheatstone.cli.summary import Row, output_bases, print_error, print_summary, progress_bar, stage_text
from wheatstone.errors import BadOptionError, WheatstoneError
from wheatstone.executors import InlineExecutor
from wheatstone.models.registry import splat_model_named
from wheatstone.pictures import picture_paths
from wheatstone.pipelines import Output, photo_to_splat, write_outputs
from wheatstone.settings import accepting, changed, load_settings
from wheatstone.splats.formats import FORMATS, check_writable, format_named
from wheatstone.stages import Stages


def splat(
    photos: Annotated[list[Path], Parameter(negative=())],
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")] = Path(),
    model: str = "auto",
    focal_length: float | None = None,
    format: Annotated[str, Parameter(alias="-f")] = "sog",  # noqa: A002 - the flag's name
    poster: Flag = False,
    turntable: Flag = False,
    effort: int = 0,
    overwrite: Flag = False,
    accept_licence: Flag = False,
    input_size: tuple[int, int] | None = None,
    server: str | None = None,
) -> int:
    """Turn photos into 3D Gaussian splats.

    Each photo gives one file per format, named like the photo. A photo that cannot be read is named, the
    others are still done, and the exit code is 2.

    Examples: `wheatstone splat photo.jpg`, `wheatstone splat holiday/ -o splats --poster`,
    `wheatstone splat photo.jpg -o scene.sog --format sog,ply`

    Args:
        photos: Photos (JPEG, PNG, WebP, HEIC, AVIF, TIFF) or folders of them.
        output: Folder for the results or, for a single photo, a file name such as `scene.sog`.
        model: `auto` for the best one that can run here, or a name from `wheatstone models list`.
        focal_length: Focal length in pixels. By default from each photo's EXIF, else a 30 mm equivalent.
        format: Formats to write, comma-separated: `sog`, `html`, `ply`, `plain-ply`.
        poster: Also render a picture of each splat (`.webp`).
        turntable: Also render a clip of each splat (`.mp4`).
        effort: How hard to try for a small `.sog` or `.html`: 0 is fast; 1 takes about eight times as long to
            write, for 4 to 8 % less.
        overwrite: Replace files that exist.
        accept_licence: You have read the licence of the model's weights (`wheatstone models list`) and accept it.
        input_size: Width and height in pixels at which `sharp` sees the photo, by default 1536 1536; less is a
            draft, faster and coarser.
        server: Address of a Wheatstone server that does the work, such as `http://127.0.0.1:8000`; it gives `sog`,
            `ply` and the poster.
    """
    if focal_length is not None and focal_length <= 0:
        raise BadOptionError(f"--focal-length must be a positive number of pixels, got {focal_length}.")
    files = picture_paths(photos)
    formats = [format_named(name.strip()) for name in format.split(",") if name.strip()]
    if not formats:
        raise BadOptionError("--format names no format; try --format sog,ply.")
    bases = output_bases(files, output, [known.suffix for known in FORMATS])
    if server is not None:
        if turntable or effort or accept_licence or input_size:
            raise BadOptionError(
                "--turntable, --effort, --accept-licence, --input-size do not work with --server."
            )
        chosen = None if model == "auto" else model
        wanted = Wanted([known.suffix for known in formats], poster, chosen, focal_length, overwrite)
        return splat_remotely(server, files, bases, wanted)
    settings = load_settings()
    if input_size is not None:
        settings = changed(settings, "inference", input_size=input_size)
    if accept_licence:
        settings = accepting(settings, splat_model_named("sharp" if model == "auto" else model).info.checkpoints)
    info = splat_model_named(model, settings).info
    check_writable(formats, effort)
    outputs = [Output(base, formats, poster, turntable, effort) for base in bases]
    executor = InlineExecutor(settings)
    rows: list[Row] = []
    with progress_bar(Console(stderr=True)) as bar:
        task = bar.add_task("", total=len(files), photo="", stage="")
        for photo, target in zip(files, outputs, strict=True):
            bar.update(task, photo=escape(photo.name), stage="")
            stages = Stages(lambda stage, fraction: bar.update(task, stage=stage_text(stage, fraction)))
            try:
                for path in target.paths:
                    refuse_existing(path, overwrite=overwrite)
                scene = photo_to_splat(
                    photo, executor, model=model, f_px=focal_length, limits=settings.pictures, stages=stages
                )
                written = write_outputs(scene, target, stages, overwrite=overwrite)
                rows.append(Row(photo, len(scene.gaussians), stages.seconds, written))
            except WheatstoneError as error:
                print_error(bar.console, error)
            bar.advance(task)
    if rows:
        print_summary(rows, info.label, info.licence)
    return 0 if len(rows) == len(files) else 2
