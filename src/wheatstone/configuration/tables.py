"""Configuration files, read as tables of sections, and changed in place."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from wheatstone.configuration import jsonc, yaml
from wheatstone.errors import BadOptionError, reason
from wheatstone.files import atomic_write

_MAX_BYTES = 1 << 20
_BOM = "\ufeff"


def read(path: Path) -> dict[str, Any]:
    """The table of sections in a file: YAML by its name (`.yaml`, `.yml`), else JSON with comments.

    Raises:
        BadOptionError: it cannot be read, or holds something else.
    """
    return _table(path, _text(path))


def update(path: Path, section: str, values: Mapping[str, object]) -> None:
    """Set values in a section of a file; whatever else it holds stays byte for byte, comments included.

    A file that is missing is made, with its folders. It is whole at any time, and keeps its permissions.

    Args:
        path: the file; a link is followed.
        section: of the values; empty for those that stand outside all sections.
        values: plain JSON by key.

    Raises:
        BadOptionError: the file cannot be read or written, or is laid out so that the change would change more.
    """
    path = path.resolve()
    text = _text(path) if path.exists() else _empty(path)
    table = _table(path, text)
    before = table.get(section) if section else table
    after = {**(before if isinstance(before, dict) else {}), **values}
    wanted = {**table, section: after} if section else after
    bom, text = (_BOM, text.removeprefix(_BOM)) if text.startswith(_BOM) else ("", text)
    try:
        for key, value in values.items():
            place = (section, key) if section else (key,)
            text = _language(path).scan(text).with_value(place, value)
        is_right = _language(path).load(text) == wanted
    except ValueError:
        is_right = False
    if not is_right:
        names = ", ".join(f"{section}.{key}" if section else key for key in values)
        raise BadOptionError(f"{path} is written so that {names} cannot be set without more: edit it by hand.")
    write(path, bom + text)


def write(path: Path, text: str, *, overwrite: bool = True) -> None:
    """Write a file, whole or not at all; one that exists keeps its permissions.

    Raises:
        OutputExistsError: it exists and `overwrite` is false.
        BadOptionError: it cannot be written.
    """
    try:
        with atomic_write(path, overwrite=overwrite) as file:
            if path.exists():
                Path(file.name).chmod(stat.S_IMODE(path.stat().st_mode))
            file.write(text.encode())
    except OSError as error:
        raise BadOptionError(f"{path} cannot be written: {error.strerror}.") from error


def is_yaml(path: Path) -> bool:
    """Whether a file of this name is YAML; else it is JSON with comments."""
    return path.suffix.lower() in (".yaml", ".yml")


def _language(path: Path) -> ModuleType:
    return yaml if is_yaml(path) else jsonc


def _empty(path: Path) -> str:
    return "" if is_yaml(path) else "{}\n"


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise BadOptionError(f"{path} is larger than the {_MAX_BYTES} bytes that a configuration may have.")
        return content.decode()
    except OSError as error:
        raise BadOptionError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadOptionError(f"{path} is not UTF-8: {reason(error)}.") from error


def _table(path: Path, text: str) -> dict[str, Any]:
    table = _said(path, text)
    if not isinstance(table, dict):
        raise BadOptionError(f"{path} must hold a table of sections, not {type(table).__name__}.")
    return table


def _said(path: Path, text: str) -> object:
    try:
        return _language(path).load(text.removeprefix(_BOM))
    except (ValueError, RecursionError) as error:
        language = "YAML" if is_yaml(path) else "JSON with comments"
        raise BadOptionError(f"{path} is not {language}: {reason(error)}.") from error
