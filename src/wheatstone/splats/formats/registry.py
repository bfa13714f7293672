"""The table of splat file formats, and reading and writing by a file's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wheatstone.errors import BadOptionError, BadSceneError, UnknownFormatError
from wheatstone.files import atomic_write
from wheatstone.splats.formats import ply, sog
from wheatstone.splats.scene import Scene


@dataclass(frozen=True, slots=True)
class Format:
    """A way to keep a scene in a file.

    Attributes:
        name: what `--format` takes.
        suffix: what file names end in, lower case, with the dot.
        summary: what it is good for, in a few words.
        read: parses a file.
        write: writes a scene to an open binary file, with an effort of 0 to `max_effort`.
        max_effort: 0 writes fast, more makes a smaller file; 0 where there is nothing to choose.
        check: raises when this installation cannot write the format; quick.
    """

    name: str
    suffix: str
    summary: str
    read: Callable[[Path], Scene]
    write: Callable[[Scene, BinaryIO, int], None]
    max_effort: int = 0
    check: Callable[[], None] = lambda: None


def _read_html(path: Path) -> Scene:
    from wheatstone.splats.formats import html

    return html.read(path)


def _write_html(scene: Scene, file: BinaryIO, effort: int) -> None:
    from wheatstone.splats.formats import html  # brings the renderer along, which other formats do without

    html.write(scene, file, effort)


def _check_html() -> None:
    from wheatstone.splats.formats import html

    html.check_viewer()


def _write_plain_ply(scene: Scene, file: BinaryIO, _effort: int) -> None:
    ply.write_plain(scene, file)


def _write_ply(scene: Scene, file: BinaryIO, _effort: int) -> None:
    ply.write(scene, file)


FORMATS = (
    Format("sog", ".sog", "compressed, for the web", sog.read, sog.write, sog.MAX_EFFORT),
    Format(
        "html",
        ".html",
        "one page to send, viewer inside; cannot be read again",
        _read_html,
        _write_html,
        sog.MAX_EFFORT,
        _check_html,
    ),
    Format("plain-ply", ".plain.ply", "for viewers that choke on extra elements", ply.read, _write_plain_ply),
    Format("ply", ".ply", "lossless, SHARP's layout with the camera", ply.read, _write_ply),
)
"""All formats; a longer suffix stands before the shorter one it ends in."""


def format_of(path: Path) -> Format:
    """The format a file name asks for.

    Raises:
        UnknownFormatError: no format has this ending.
    """
    for candidate in FORMATS:
        if path.name.lower().endswith(candidate.suffix):
            return candidate
    known = ", ".join(candidate.suffix for candidate in FORMATS)
    raise UnknownFormatError(f"{path}: no splat format has this ending; known are {known}.")


def format_named(name: str) -> Format:
    """The format of that name.

    Raises:
        UnknownFormatError: there is none.
    """
    for candidate in FORMATS:
        if candidate.name == name:
            return candidate
    known = ", ".join(candidate.name for candidate in FORMATS)
    raise UnknownFormatError(f"Unknown format {name!r}; known are {known}.")


def check_writable(formats: Sequence[Format], effort: int) -> None:
    """Stop early, before any work, when formats cannot be written as asked; an effort is for those that have it.

    Raises:
        BadOptionError: none has that effort.
        ViewerUnavailableError: one needs the viewer, without which Wheatstone was installed.
    """
    for chosen in formats:
        chosen.check()
    most = max(chosen.max_effort for chosen in formats)
    if not 0 <= effort <= most:
        names = ", ".join(chosen.name for chosen in formats)
        if most:
            raise BadOptionError(f"Effort {effort}: {names} can be written with an effort of 0 to {most}.")
        others = ", ".join(known.name for known in FORMATS if known.max_effort)
        raise BadOptionError(f"Effort {effort}: {names} has no effort to choose; formats that have are {others}.")


def read_scene(path: Path) -> Scene:
    """Read a scene in the format its name asks for.

    Raises:
        UnknownFormatError: no format has this ending.
        BadSceneError: the file is missing or malformed; the message names it.
    """
    reader = format_of(path).read
    try:
        return reader(path)
    except BadSceneError as error:
        raise BadSceneError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise BadSceneError(f"{path}: no such file.") from error
    except OSError as error:
        raise BadSceneError(f"{path}: cannot be read ({error.strerror}).") from error


def write_scene(scene: Scene, path: Path, *, overwrite: bool = True, effort: int = 0) -> Path:
    """Write a scene in the format the name asks for, whole or not at all; returns `path`.

    Raises:
        UnknownFormatError: no format has this ending.
        BadOptionError: the format has no such effort.
        ViewerUnavailableError: the format needs the viewer, without which Wheatstone was installed.
        OutputExistsError: the file exists and `overwrite` is false.
    """
    chosen = format_of(path)
    check_writable([chosen], effort)
    with atomic_write(path, overwrite=overwrite) as file:
        chosen.write(scene, file, effort)
    return path
