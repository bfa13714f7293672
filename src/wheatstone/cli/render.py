"""`wheatstone render`: a picture or a clip of a splat, for one eye or two, or of a mesh."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wheatstone.cli.files import is_mesh
from wheatstone.cli.mesh_files import MeshPicture
from wheatstone.cli.parameters import Flag, refuse_existing
from wheatstone.clips import FPS, MULTIPLE_PX, SECONDS, SIZE_PX, SUFFIXES, frame_count
from wheatstone.errors import BadOptionError
from wheatstone.splats.clips import write_clip
from wheatstone.splats.formats import format_of, read_scene
from wheatstone.splats.paths import PATHS, PathName, default_path
from wheatstone.splats.posters import contact_sheet
from wheatstone.splats.shots import Shot
from wheatstone.splats.stereo import Layout, Stereo
from wheatstone.splats.views import View
from wheatstone.stills import write_still

_VIEW = Group("View", sort_key=1)
_EYES = Group("Two eyes", sort_key=2)
_CLIP = Group("Clip", sort_key=3)


def render(
    scene: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    size: int = SIZE_PX,
    overwrite: Flag = False,
    yaw: Annotated[str | None, Parameter(allow_leading_hyphen=True, group=_VIEW)] = None,
    pitch: Annotated[float | None, Parameter(group=_VIEW)] = None,
    dolly: Annotated[float | None, Parameter(group=_VIEW)] = None,
    stereo: Annotated[Layout | None, Parameter(group=_EYES)] = None,
    anaglyph: Annotated[Flag, Parameter(group=_EYES)] = False,
    parallax: Annotated[float | None, Parameter(group=_EYES)] = None,
    turntable: Annotated[Flag, Parameter(group=_CLIP)] = False,
    camera: Annotated[PathName | None, Parameter(group=_CLIP)] = None,
    reach: Annotated[float | None, Parameter(group=_CLIP)] = None,
    seconds: Annotated[float | None, Parameter(group=_CLIP)] = None,
    fps: Annotated[int | None, Parameter(group=_CLIP)] = None,
) -> None:
    """Render a picture or a clip of a splat or a mesh, on the CPU.

    The view is that of the photo the scene was made from; without one, the scene is framed. A mesh is seen from a
    little to the right and above, and its clip goes all the way round.

    Examples: `wheatstone render scene.sog`, `wheatstone render scene.ply --yaw -10,0,10 -o sheet.webp`,
    `wheatstone render scene.sog --turntable`, `wheatstone render scene.sog --anaglyph -o red-cyan.png`,
    `wheatstone render teapot.glb --yaw 0,90,180,270`

    Args:
        scene: Splat (`.sog`, `.ply`) or mesh (`.glb`, `.obj`, `.zip`).
        output: File to write; by default the scene's name. Pictures end in `.webp`, `.png` or `.jpg`, clips in
            `.mp4`, `.webm` or `.webp`.
        size: Longer side of the picture in pixels; of each eye's where two stand side by side.
        overwrite: Replace the file if it exists.
        yaw: Degrees to the right around the scene's middle, 0 is the front; several, comma-separated, give views
            side by side.
        pitch: Degrees upwards.
        dolly: How far towards the middle, as a share of the way.
        stereo: `parallel` (left eye's picture on the left), `cross` (on the right, for crossed eyes) or
            `anaglyph` (for red-cyan glasses).
        anaglyph: The same as `--stereo anaglyph`.
        parallax: How far the eyes' pictures differ, as a share of their width; by default 1/30, more is deeper.
        turntable: Make a clip that loops.
        camera: How the camera of a clip moves: `swing` (left and right; for scenes from photos the default),
            `orbit` (all the way round; the default for others) or `dolly` (in and out).
        reach: How far the camera goes: degrees to each side (by default 7 for a swing, 180 for an orbit), or
            for a dolly a share of the way to the middle (0.2).
        seconds: Length of the clip; by default 6.
        fps: Frames per second; by default 30.
    """
    eyes = _eyes(stereo, parallax, anaglyph=anaglyph)
    clip = turntable or camera is not None
    target = output or _beside(scene, SUFFIXES[0] if clip else ".webp")
    angles = None if yaw is None else _angles(yaw)
    if not clip:
        _refuse_clip_options({"--reach": reach, "--seconds": seconds, "--fps": fps}, target)
    elif angles is not None and len(angles) > 1:
        raise BadOptionError(f"A turntable begins at one view; --yaw {yaw} names {len(angles)}.")
    if is_mesh(scene):
        of_splats = {"--dolly": dolly, "--stereo": eyes, "--camera": camera, "--reach": reach}
        _refuse_for_meshes(scene, {**of_splats, "--yaw with --turntable": angles} if clip else of_splats)
    fps, seconds = FPS if fps is None else fps, SECONDS if seconds is None else seconds
    refuse_existing(target, overwrite=overwrite)
    if is_mesh(scene):
        mesh = MeshPicture(size, angles, pitch)
        if clip:
            said = mesh.write_clip(scene, target, seconds=seconds, fps=fps, bar=_frames_bar, overwrite=overwrite)
        else:
            said = mesh.write(scene, target, overwrite=overwrite)
    else:
        views = [View(angle, pitch or 0.0, dolly or 0.0) for angle in angles or [0.0]]
        frames = frame_count(seconds, fps) if clip else 0
        content = read_scene(scene)
        if clip:
            make = PATHS[camera or default_path(content)]
            along = make(frames, views[0]) if reach is None else make(frames, views[0], reach)
            shot = Shot.of(content, size, multiple_px=MULTIPLE_PX, stereo=eyes)
            with _frames_bar(target, frames) as bar:
                write_clip(shot, along, target, fps=fps, progress=bar, overwrite=overwrite)
            width, height = shot.size_px
            said = f"{width}×{height}, {frames} frames, {frames / fps:.3g} s"
        else:
            picture = contact_sheet(content, views, size, stereo=eyes)
            write_still(picture, target, overwrite=overwrite)
            said = f"{picture.shape[1]}×{picture.shape[0]}"
    Console().print(f"{escape(str(target))}: {said}", highlight=False, soft_wrap=True)


def _angles(yaw: str) -> list[float]:
    try:
        return [float(angle) for angle in yaw.split(",")]
    except ValueError as error:
        raise BadOptionError(f"--yaw takes degrees such as -10,0,10; got {yaw!r}.") from error


def _eyes(stereo: Layout | None, parallax: float | None, *, anaglyph: bool) -> Stereo | None:
    if anaglyph:
        if stereo not in (None, Layout.ANAGLYPH):
            raise BadOptionError(f"--anaglyph and --stereo {stereo} exclude each other.")
        stereo = Layout.ANAGLYPH
    if stereo is None:
        if parallax is not None:
            raise BadOptionError("--parallax is for two eyes: add --anaglyph or --stereo parallel, or cross.")
        return None
    return Stereo(stereo) if parallax is None else Stereo(stereo, parallax)


def _beside(scene: Path, suffix: str) -> Path:
    ending = scene.suffix if is_mesh(scene) else format_of(scene).suffix
    return scene.with_name(scene.name[: -len(ending)] + suffix)


def _refuse_clip_options(options: Mapping[str, object], target: Path) -> None:
    for flag, value in options.items():
        if value is not None:
            raise BadOptionError(f"{flag} is for clips: add --turntable.")
    if target.suffix.lower() in SUFFIXES and target.suffix.lower() != ".webp":
        raise BadOptionError(f"{target} is a clip by its name: add --turntable.")


def _refuse_for_meshes(mesh: Path, options: Mapping[str, object]) -> None:
    for flag, value in options.items():
        if value is not None:
            raise BadOptionError(f"{flag} is for splats; {mesh} is a mesh.")


@contextmanager
def _frames_bar(target: Path, frames: int) -> Iterator[Callable[[float], None]]:
    """A bar on standard error; yields a function that takes the share of the frames done."""
    with Progress(
        TextColumn(escape(target.name), style="bold"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=frames)
        yield lambda fraction: bar.update(task, completed=round(fraction * frames))
