"""The server's settings: a file, the environment, flags."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import json5
from dotenv import dotenv_values

from wheatstone.errors import BadOptionError, reason
from wheatstone.settings import Settings, merge_settings

_USUAL_NAMES = ("config.jsonc", "config.json")
_MAX_BYTES = 1 << 20


def configure(path: Path | None, flags: Mapping[str, Mapping[str, object]]) -> Settings:
    """The settings of a server.

    A flag beats a variable, a variable beats one in `.env`, that beats the file, the file beats the default.

    Args:
        path: the file, JSON with comments; by default `config.jsonc` or `config.json` in the working folder.
        flags: section to key to value; None where a flag was not given.

    Raises:
        BadOptionError: the file cannot be read, or a value does not fit; the message names where.
    """
    if path is None:
        path = next((Path(name) for name in _USUAL_NAMES if Path(name).is_file()), None)
    table = _read(path) if path else {}
    try:
        dotenv = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    except ValueError as error:
        raise BadOptionError(f".env cannot be read: {reason(error)}.") from error
    given = {
        section: {key: value for key, value in keys.items() if value is not None}
        for section, keys in flags.items()
    }
    return merge_settings({**dotenv, **os.environ}, table, given, file_name=str(path or ""))


def _read(path: Path) -> dict[str, object]:
    try:
        with path.open(encoding="utf-8") as file:
            table = json5.loads(file.read(_MAX_BYTES))
    except OSError as error:
        raise BadOptionError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise BadOptionError(f"{path} is not JSON with comments: {reason(error)}.") from error
    if not isinstance(table, dict):
        raise BadOptionError(f"{path} must hold a table of sections, not {type(table).__name__}.")
    return table
