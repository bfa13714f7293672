"""`wheatstone info`: what a file holds."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wheatstone.cli.files import is_mesh
from wheatstone.cli.mesh_files import describe_mesh
from wheatstone.cli.text import size_text
from wheatstone.pictures import PICTURE_SUFFIXES, read_picture
from wheatstone.splats.formats import format_of, read_scene
from wheatstone.splats.scene import Scene
from wheatstone.splats.statistics import Quantiles, measure


def info(file: Path, /) -> None:
    """Tell what a splat, a mesh or a photo holds.

    Args:
        file: Splat (`.sog`, `.ply`), mesh (`.glb`, `.obj`, `.zip`) or photo.
    """
    is_photo = file.suffix.lower() in PICTURE_SUFFIXES
    rows = _photo(file) if is_photo else describe_mesh(file) if is_mesh(file) else _scene(file)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    for name, value in rows:
        table.add_row(name, escape(value))
    Console().print(table)


def _photo(file: Path) -> list[tuple[str, str]]:
    picture = read_picture(file)
    height, width = picture.rgb.shape[:2]
    return [
        ("photo", f"{file} ({size_text(file.stat().st_size)})"),
        ("size", f"{width}×{height} px" + (", with transparency" if picture.alpha is not None else "")),
        ("focal length", f"{picture.f_px:.1f} px ({picture.focal_source})"),
    ]


def _scene(file: Path) -> list[tuple[str, str]]:
    scene = read_scene(file)
    statistics = measure(scene)
    rows = [
        ("splat", f"{file} ({format_of(file).name}, {size_text(file.stat().st_size)})"),
        ("made by", scene.label or "not said"),
        ("licence", scene.licence or "not said"),
        ("Gaussians", f"{statistics.count:,}, spherical harmonics of degree {statistics.sh_degree}"),
        ("camera", _camera(scene)),
    ]
    if statistics.box is not None:
        low, high = (
            ", ".join(f"{value:.3g}" for value in corner) for corner in (statistics.box.low, statistics.box.high)
        )
        rows.append(("box", f"({low}) to ({high}) m"))
    for name, unit, quantiles in (
        ("depth", " m", statistics.depth_m),
        ("size of a splat", " m", statistics.scale_m),
        ("opacity", "", statistics.opacity),
    ):
        if quantiles is not None:
            rows.append((name, _range(quantiles, unit)))
    return rows


def _camera(scene: Scene) -> str:
    camera = scene.camera
    if camera is None:
        return "not said"
    return f"{camera.width_px}×{camera.height_px} px, focal length {camera.fx_px:.1f} px"


def _range(quantiles: Quantiles, unit: str) -> str:
    return f"{quantiles.p10:.3g} to {quantiles.p90:.3g}{unit} (10 to 90 %), median {quantiles.p50:.3g}{unit}"
