"""`wheatstone splat`: photos become splats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape

from wheatstone.cli.hardware import HardwareFlags
from wheatstone.cli.parameters import Flag, formats_wanted, refuse_to_lose
from wheatstone.cli.remote import Wanted, splat_remotely
from wheatstone.cli.summary import Row, output_bases, print_error, print_summary, progress_bar, stage_text
from wheatstone.errors import BadOptionError, WheatstoneError
from wheatstone.executors import InlineExecutor
from wheatstone.models.registry import splat_model_named
from wheatstone.pictures import Photo, picture_paths
from wheatstone.pipelines import Output, write_outputs
from wheatstone.settings import Settings, accepting, changed, load_settings
from wheatstone.splats.formats import FORMATS, check_writable, format_named
from wheatstone.stages import Report, Stages


@dataclass(frozen=True, slots=True)
class _Work:
    """What is done with every photo.

    Attributes:
        settings: of everything.
        executor: where the model runs.
        model: its name.
        f_px: focal length, if it is not to come from each photo.
        originals: all photos.
        overwrite: replace files that exist.
        report: told how far it is.
    """

    settings: Settings
    executor: InlineExecutor
    model: str
    f_px: float | None
    originals: Sequence[Path]
    overwrite: bool
    report: Report

    def groups(self, outputs: Sequence[tuple[Path, Output]]) -> Iterator[Sequence[tuple[Path, Output]]]:
        """Photos to be seen together: the first alone, which loads the model, then as many as it likes."""
        yield outputs[:1]
        done = 1
        while done < len(outputs):
            count = self.executor.photos_at_once(self.model, Stages(self.report))
            yield outputs[done : done + count]
            done += count

    def do(self, group: Sequence[tuple[Path, Output]]) -> Iterator[Row | Exception]:
        """For each photo what was made, or why nothing was."""
        stages = Stages(self.report)
        try:
            results = (path for _, output in group for path in output.paths)
            refuse_to_lose(results, self.originals, overwrite=self.overwrite)
            photos = [Photo(path, f_px=self.f_px, limits=self.settings.pictures) for path, _ in group]
            scenes = self.executor.predict_splats(self.model, photos, stages)
        except (WheatstoneError, OSError) as error:
            if len(group) == 1:
                yield error
            else:  # whose fault it was shows when each is alone
                for one in group:
                    yield from self.do([one])
            return
        for (photo, output), scene in zip(group, scenes, strict=True):
            own = Stages(self.report)
            own.add({stage: seconds / len(group) for stage, seconds in stages.seconds.items()})
            try:
                files = write_outputs(scene, output, own, overwrite=self.overwrite)
            except (WheatstoneError, OSError) as error:
                yield error
            else:
                yield Row(photo, len(scene.gaussians), own.seconds, files)


def splat(
    photos: Annotated[list[Path], Parameter(negative=())],
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")] = Path(),
    model: str = "auto",
    focal_length: float | None = None,
    format: Annotated[str | None, Parameter(alias="-f")] = None,  # noqa: A002 - the flag's name
    poster: Flag = False,
    turntable: Flag = False,
    metadata: Flag = False,
    effort: int = 0,
    overwrite: Flag = False,
    accept_licence: Flag = False,
    input_size: Annotated[tuple[int, int] | None, Parameter(negative=())] = None,
    hardware: HardwareFlags | None = None,
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
        format: Formats to write, comma-separated: `sog`, `html`, `ply`, `plain-ply`. By default what the output
            ends in, else `sog`.
        poster: Also render a picture of each splat (`.webp`).
        turntable: Also render a clip of each splat (`.mp4`).
        metadata: Also write what is known of each splat (`.json`): model, licence, device, seconds, camera.
        effort: How hard to try for a small `.sog` or `.html`: 0 is fast; 1 takes about eight times as long to
            write, for 4 to 8 % less.
        overwrite: Replace files that exist.
        accept_licence: You have read the licence of the model's weights (`wheatstone models list`) and accept it.
        input_size: Width and height in pixels at which `sharp` sees the photo, by default 1536 1536; less is a
            draft, faster and coarser.
        hardware: What networks run on, and how.
        server: Address of a Wheatstone server that does the work, such as `http://127.0.0.1:8000`; it gives `sog`,
            `ply` and the poster. The variable `WHEATSTONE_API_KEY` holds the key it may want.
    """
    if focal_length is not None and focal_length <= 0:
        raise BadOptionError(f"--focal-length must be a positive number of pixels, got {focal_length}.")
    files = picture_paths(photos)
    formats = formats_wanted(format, output, FORMATS, format_named)
    bases = output_bases(files, output, [known.suffix for known in FORMATS])
    if server is not None:
        if turntable or effort or accept_licence or input_size or hardware or metadata:
            raise BadOptionError(
                "With --server leave out --turntable, --metadata, --effort, --accept-licence, --input-size and "
                "what names the hardware."
            )
        chosen = None if model == "auto" else model
        wanted = Wanted([known.suffix for known in formats], poster, chosen, focal_length, overwrite)
        return splat_remotely(server, files, bases, wanted)
    settings = (hardware or HardwareFlags()).applied(load_settings())
    if input_size is not None:
        settings = changed(settings, "inference", input_size=input_size)
    if accept_licence:
        settings = accepting(settings, splat_model_named("sharp" if model == "auto" else model).info.checkpoints)
    info = splat_model_named(model, settings).info
    check_writable(formats, effort)
    extras = {"poster": poster, "turntable": turntable, "metadata": metadata}
    outputs = [Output(base, formats, effort=effort, **extras) for base in bases]
    rows: list[Row] = []
    with progress_bar(Console(stderr=True)) as bar:
        task = bar.add_task("", total=len(files), photo="", stage="")

        def report(stage: str, fraction: float) -> None:
            bar.update(task, stage=stage_text(stage, fraction))

        work = _Work(settings, InlineExecutor(settings), model, focal_length, files, overwrite, report)
        for group in work.groups(list(zip(files, outputs, strict=True))):
            bar.update(task, photo=escape(", ".join(photo.name for photo, _ in group)), stage="")
            for made in work.do(group):
                if isinstance(made, Row):
                    rows.append(made)
                else:
                    print_error(bar.console, made)
                bar.advance(task)
    if rows:
        print_summary(rows, info.label, info.licence)
    return 0 if len(rows) == len(files) else 2
