"""The server's settings: a file, the environment, flags; and the file, changed without touching its comments."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from wheatstone.configuration.aliases import our_key, with_our_keys, with_our_names
from wheatstone.configuration.tables import is_yaml, read, update, write
from wheatstone.configuration.template import template
from wheatstone.errors import BadOptionError, reason
from wheatstone.settings import Settings, merge_settings, setting_names, variable_of

__all__ = [
    "Configuration",
    "configure",
    "is_yaml",
    "our_key",
    "read",
    "resolve",
    "template",
    "update",
    "usual_file",
    "write",
]

USUAL_NAMES = ("config.yaml", "config.jsonc", "config.json")
"""Files that are looked for in the working folder, in this order."""

Flags = Mapping[str, object]
"""Section to key to value, or key to value outside sections; None where a flag was not given."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings, and where they come from.

    Attributes:
        settings: all of them.
        file: that was read, if one was.
        origins: dotted name to the flag, variable or file that says so; defaults are left out.
    """

    settings: Settings
    file: Path | None
    origins: Mapping[str, str]


def configure(
    path: Path | None,
    flags: Flags,
    *,
    flag_names: Mapping[str, str] = {},
) -> Settings:
    """The settings of a server: `resolve`, without where they come from."""
    return resolve(path, flags, flag_names=flag_names).settings


def resolve(
    path: Path | None,
    flags: Flags,
    *,
    flag_names: Mapping[str, str] = {},
) -> Configuration:
    """The settings of a server, and where they come from.

    A flag beats a variable, a variable beats one in `.env`, that beats the file, the file beats the default.

    Args:
        path: the file, YAML or JSON with comments; by default `usual_file()`.
        flags: what the command line says.
        flag_names: dotted name of a setting to its flag, where that is not named as the key.

    Raises:
        BadOptionError: the file cannot be read, or a value does not fit; the message names where.
    """
    path = path or usual_file()
    table = with_our_keys(read(path)) if path else {}
    variables, spelled = with_our_names({**_dotenv(), **os.environ})
    given = _given(flags)
    origins: dict[str, str] = {}
    for name in setting_names():
        variable = variable_of(name)
        if _holds(given, name):
            origins[name] = flag_names.get(name, f"--{name.rpartition('.')[2].replace('_', '-')}")
        elif variable in variables:
            origins[name] = spelled.get(variable, variable)
        elif _holds(table, name):
            origins[name] = str(path)
    names = {name: origin for name, origin in origins.items() if origin != str(path)}
    settings = merge_settings(variables, table, given, file_name=str(path or ""), names=names)
    return Configuration(settings, path, origins)


def usual_file() -> Path | None:
    """The first of `USUAL_NAMES` that is in the working folder."""
    return next((Path(name) for name in USUAL_NAMES if Path(name).is_file()), None)


def _dotenv() -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(".env").items() if value is not None}
    except ValueError as error:
        raise BadOptionError(f".env cannot be read: {reason(error)}.") from error


def _given(flags: Flags) -> dict[str, object]:
    return dict(_without_none(flags))


def _without_none(flags: Flags) -> Iterator[tuple[str, object]]:
    for name, value in flags.items():
        if isinstance(value, Mapping):
            yield name, dict(_without_none(value))
        elif value is not None:
            yield name, value


def _holds(table: Mapping[str, object], name: str) -> bool:
    section, _, key = name.rpartition(".")
    values = table.get(section) if section else table
    return isinstance(values, Mapping) and key in values
