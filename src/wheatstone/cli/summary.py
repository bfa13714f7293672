"""What `wheatstone splat` and `wheatstone mesh` show: where files will go, how far it is, what it made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from wheatstone.cli.text import error_text, size_text
from wheatstone.errors import BadOptionError


@dataclass(frozen=True, slots=True)
class Row:
    """One finished photo in the summary; `count` is of what its result consists of."""

    photo: Path
    count: int
    seconds: dict[str, float]
    files: list[Path]


def output_bases(photos: Sequence[Path], output: Path, suffixes: Sequence[str]) -> list[Path]:
    """Folder and name of each photo's files, without ending; photos of one name get a number.

    Raises:
        BadOptionError: `output` ends in one of the suffixes, so it is one file, but there are several photos, or
            nothing comes before the suffix.
    """
    for suffix in suffixes:
        if output.name.lower().endswith(suffix):
            if len(photos) > 1:
                raise BadOptionError(
                    f"--output {output} is one file, but there are {len(photos)} photos: name a folder."
                )
            if len(output.name) == len(suffix):
                raise BadOptionError(f"--output {output} has nothing before its ending: name a file or a folder.")
            return [output.with_name(output.name[: -len(suffix)])]
    bases: list[Path] = []
    for photo in photos:
        base, number = output / photo.stem, 2
        while base in bases:
            base, number = output / f"{photo.stem}-{number}", number + 1
        bases.append(base)
    return bases


def progress_bar(console: Console) -> Progress:
    """A bar with the fields `photo` and `stage`, which vanishes when it is done."""
    return Progress(
        TextColumn("{task.fields[photo]}", style="bold"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[stage]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def print_error(console: Console, error: Exception | str) -> None:
    """One line about what went wrong with a photo, others go on."""
    said = error if isinstance(error, str) else error_text(error)
    console.print(f"[bold red]error:[/] {escape(said)}", soft_wrap=True, highlight=False)


def stage_text(stage: str, fraction: float) -> str:
    """A stage, and how far it is."""
    return f"{stage} {fraction:.0%}" if 0 < fraction < 1 else stage


def print_summary(rows: Sequence[Row], label: str, licence: str, counted: str = "Gaussians") -> None:
    """What was made, and by what."""
    console = Console()
    console.print(_table(rows, counted))
    console.print(f"{label}\n[dim]{licence}[/]", highlight=False)


def _table(rows: Sequence[Row], counted: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("photo", overflow="fold")
    table.add_column(counted, justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("files", overflow="fold")
    for row in rows:
        files = ", ".join(f"{path} {size_text(path.stat().st_size)}" for path in row.files)
        stages = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in row.seconds.items())
        total_s = f"{sum(row.seconds.values()):.2f}"
        table.add_row(escape(row.photo.name), f"{row.count:,}", total_s, f"{escape(files)}\n[dim]{stages}[/]")
    return table
