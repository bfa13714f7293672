"""`wheatstone config`: the settings of the server, shown, set and written down."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from pydantic import TypeAdapter
from rich.console import Console

from wheatstone.cli.parameters import Flag
from wheatstone.configuration import is_yaml, our_key, read, resolve, template, update, usual_file, write
from wheatstone.errors import BadOptionError
from wheatstone.settings import (
    merge_settings,
    secret_names,
    secrets_of,
    setting_names,
    value_of,
    variable_of,
)

_File = Annotated[Path | None, Parameter(alias="-c")]
_NEW_FILE = Path("config.yaml")
_MASK = "***"

app = App(name="config", help="Show and change the server's settings.", help_format="markdown", help_epilogue="")


@app.command
def show(*, config: _File = None) -> None:
    """Tell every setting that a server started here would have, and the variable or file that says so.

    Args:
        config: The file; by default `config.yaml`, `config.jsonc` or `config.json` here.
    """
    found = resolve(config, {})
    secrets = secrets_of(found.settings)
    console = Console()
    for name in setting_names():
        text = _text(value_of(found.settings, name))
        for secret in secrets:
            text = text.replace(secret, _MASK)
        line = f"{name} = {text}  ({found.origins.get(name, 'default')})"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command(name="set")
def set_value(name: str, value: str, *, config: _File = None) -> None:
    """Set one setting in the file; its comments and all else in it stay as they are.

    Args:
        name: Of the setting, such as `server.port`.
        value: As in a variable: lists are JSON or comma-separated, `null` is nothing.
        config: The file; by default `config.yaml`, `config.jsonc` or `config.json` here, else a new `config.yaml`.
    """
    section, _, key = name.rpartition(".")
    known = f"{section}.{our_key(section, key)}" if section else key
    if known not in setting_names():
        raise BadOptionError(f"{name} is no setting; `wheatstone config show` lists them.")
    checked = _checked(known, value, name)
    path = config or usual_file() or _NEW_FILE
    table = read(path) if path.exists() else {}
    if key not in (table.get(section) or {}):  # else it stands there by its other name
        key = our_key(section, key)
    update(path, section, {key: checked})
    Console(stderr=True).print(f"{path}: {name} is set", markup=False, highlight=False, soft_wrap=True)


@app.command
def init(path: Path = _NEW_FILE, *, overwrite: Flag = False) -> None:
    """Write a file with every setting, its default and what it does.

    Args:
        path: YAML if it ends in `.yaml` or `.yml`, else JSON with comments.
        overwrite: Replace a file that exists.
    """
    write(path, template(yaml=is_yaml(path)), overwrite=overwrite)
    Console(stderr=True).print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)


def _checked(name: str, text: str, called: str) -> object:
    """The value as it goes into a file.

    Raises:
        BadOptionError: it does not fit.
    """
    if text == "null":
        section, _, key = name.rpartition(".")
        merge_settings({}, {section: {key: None}} if section else {key: None}, {}, names={name: called})
        return None
    settings = merge_settings({variable_of(name): text}, {}, {}, names={name: called})
    if name in secret_names():
        value = value_of(settings, name)
        return [part.get_secret_value() for part in value] if isinstance(value, tuple) else text
    return TypeAdapter(object).dump_python(value_of(settings, name), mode="json")


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
