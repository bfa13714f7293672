"""What `wheatstone info`, `convert` and `render` do with a mesh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from wheatstone.cli.parameters import refuse_existing
from wheatstone.cli.text import size_text
from wheatstone.clips import frame_count
from wheatstone.errors import BadOptionError
from wheatstone.meshes.formats import Export, mesh_format_of, read_mesh, write_mesh
from wheatstone.meshes.textures import TextureKind
from wheatstone.meshes.turntables import AZIMUTH_DEG, ELEVATION_DEG, Studio, contact_sheet, write_turntable
from wheatstone.stills import write_still

FramesBar = Callable[[Path, int], AbstractContextManager[Callable[[float], None]]]
"""Shows how many frames of a file are done."""


def describe_mesh(file: Path) -> list[tuple[str, str]]:
    """What to tell of a mesh file, line by line."""
    mesh = read_mesh(file)
    low, high = (", ".join(f"{value:.3g}" for value in corner) for corner in mesh.bounds)
    texture = "none" if mesh.texture is None else f"{mesh.texture.shape[1]}×{mesh.texture.shape[0]} px"
    closed = mesh.is_watertight
    rows = [
        ("mesh", f"{file} ({mesh_format_of(file).name}, {size_text(file.stat().st_size)})"),
        ("faces", f"{len(mesh.faces):,}, {'closed' if closed else 'open'}"),
        ("vertices", f"{len(mesh.vertices):,} at {len(mesh.places()[1]):,} places"),
        ("texture", texture),
        ("box", f"({low}) to ({high})"),
    ]
    return [*rows, ("volume", f"{mesh.volume:.3g}")] if closed else rows


def convert_mesh(source: Path, target: Path, *, draco: bool, size_mm: float | None, overwrite: bool) -> int:
    """Write a mesh in another format; returns how many faces it has.

    Raises:
        BadOptionError: an option is for another format.
    """
    export = _export(target, draco=draco, size_mm=size_mm)
    refuse_existing(target, overwrite=overwrite)
    mesh = read_mesh(source)
    write_mesh(mesh, target, export=export, overwrite=overwrite)
    return len(mesh.faces)


def _export(target: Path, *, draco: bool, size_mm: float | None) -> Export:
    chosen = mesh_format_of(target).name
    if draco and chosen != "glb":
        raise BadOptionError(f"--draco is for .glb; {target} is none.")
    if size_mm is not None and chosen != "stl":
        raise BadOptionError(f"--size-mm is for .stl; {target} is none.")
    if draco:
        return Export(TextureKind.JPEG, draco=True)
    return Export() if size_mm is None else Export(size_mm=size_mm)


@dataclass(frozen=True, slots=True)
class MeshPicture:
    """How a mesh is pictured.

    Attributes:
        size_px: width and height of each view.
        azimuths_deg: of the views, to the right around the mesh, 0 is its front; None for that of posters.
        elevation_deg: of the camera; None for that of posters.
    """

    size_px: int
    azimuths_deg: Sequence[float] | None
    elevation_deg: float | None

    def write(self, source: Path, target: Path, *, overwrite: bool) -> str:
        """Write the views side by side; tells what was written."""
        sheet = contact_sheet(self._studio(source), self.azimuths_deg or [AZIMUTH_DEG])
        write_still(sheet, target, overwrite=overwrite)
        return f"{sheet.shape[1]}×{sheet.shape[0]}"

    def write_clip(
        self, source: Path, target: Path, *, seconds: float, fps: int, bar: FramesBar, overwrite: bool
    ) -> str:
        """Write a clip of one turn; tells what was written."""
        frames = frame_count(seconds, fps)
        studio = self._studio(source)
        with bar(target, frames) as progress:
            write_turntable(studio, target, seconds=seconds, fps=fps, progress=progress, overwrite=overwrite)
        return f"{self.size_px}×{self.size_px}, {frames} frames, {frames / fps:.3g} s"

    def _studio(self, source: Path) -> Studio:
        elevation_deg = ELEVATION_DEG if self.elevation_deg is None else self.elevation_deg
        return Studio(read_mesh(source), self.size_px, self.size_px, elevation_deg)
