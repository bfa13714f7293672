"""Kinds of parameters that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Protocol, TypeAlias, TypeVar

from cyclopts import Parameter

from wheatstone.errors import BadOptionError, OutputExistsError

Flag: TypeAlias = Annotated[bool, Parameter(negative=(), show_default=False)]
"""A switch that is off unless named."""


class _Format(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def suffix(self) -> str: ...


FormatT = TypeVar("FormatT", bound=_Format)


def formats_wanted(
    names: str | None, output: Path, known: Sequence[FormatT], named: Callable[[str], FormatT]
) -> list[FormatT]:
    """The formats that `--format` names, each once; without it the one that `--output` ends in, else the first.

    Args:
        names: comma-separated, or None.
        output: a folder or a file.
        known: all formats.
        named: finds one by its name, or raises.

    Raises:
        BadOptionError: none is named.
    """
    if names is None:
        return [next((each for each in known if output.name.lower().endswith(each.suffix)), known[0])]
    formats = list(dict.fromkeys(named(name.strip()) for name in names.split(",") if name.strip()))
    if not formats:
        raise BadOptionError(f"--format names no format; try --format {known[0].name},{known[1].name}.")
    return formats


def refuse_to_lose(paths: Iterable[Path], photos: Collection[Path], *, overwrite: bool) -> None:
    """Stop early, before any work, when a result would take the place of a photo, or is already there.

    Raises:
        BadOptionError: one of the paths is a photo; that is never replaced.
        OutputExistsError: one exists and `overwrite` is false.
    """
    originals = {photo.resolve() for photo in photos}
    for path in paths:
        if path.resolve() in originals:
            raise BadOptionError(f"{path} is a photo itself and would be replaced: name another --output.")
        refuse_existing(path, overwrite=overwrite)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Stop early, before any work, when a result is already there.

    Raises:
        OutputExistsError: `path` exists and `overwrite` is false.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists already; pass --overwrite to replace it.")
