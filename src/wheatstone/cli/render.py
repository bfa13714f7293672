"""`wheatstone render`: a picture of a splat."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape

from wheatstone.cli.parameters import Flag, refuse_existing
from wheatstone.errors import BadOptionError
from wheatstone.splats.formats import format_of, read_scene
from wheatstone.splats.posters import contact_sheet, write_poster


def render(
    scene: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    size: int = 768,
    yaw: Annotated[str, Parameter(allow_leading_hyphen=True)] = "0",
    overwrite: Flag = False,
) -> None:
    """Render a picture of a splat file, on the CPU.

    The view is that of the photo the scene was made from; without one, the scene is framed.

    Examples: `wheatstone render scene.sog`, `wheatstone render scene.ply --yaw -10,0,10 -o sheet.webp`

    Args:
        scene: Splat file.
        output: Picture to write (`.webp`, `.png`, `.jpg`); by default the scene's name with `.webp`.
        size: Longer side of the picture in pixels.
        yaw: Degrees to the right around the scene's middle; several, comma-separated, give views side by side.
        overwrite: Replace the picture if it exists.
    """
    try:
        yaws_deg = [float(angle) for angle in yaw.split(",")]
    except ValueError as error:
        raise BadOptionError(f"--yaw takes degrees such as -10,0,10; got {yaw!r}.") from error
    suffix = format_of(scene).suffix
    target = output or scene.with_name(scene.name[: -len(suffix)] + ".webp")
    refuse_existing(target, overwrite=overwrite)
    picture = contact_sheet(read_scene(scene), yaws_deg, size)
    write_poster(picture, target, overwrite=overwrite)
    height, width = picture.shape[:2]
    Console().print(f"{escape(str(target))}: {width}×{height}", highlight=False, soft_wrap=True)
