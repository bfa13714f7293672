"""A configuration file with every setting of the server, its default and what it does."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from wheatstone.settings import Settings, section_of

_WIDTH = 100
_NOT_OF_THE_SERVER = "cache_dir"
_TITLE = "Settings of `wheatstone serve`: change what you like. These are the defaults."


def template(*, yaml: bool) -> str:
    """The text of the file: YAML, or JSON with comments."""
    defaults = Settings().model_dump(mode="json", exclude={_NOT_OF_THE_SERVER})
    if yaml:
        return f"# {_TITLE}\n" + "".join(_yaml_lines(Settings, defaults, ""))
    return f"// {_TITLE}\n{{\n" + ",\n".join(_json_members(Settings, defaults, "  ")) + "\n}\n"


def _yaml_lines(model: type[BaseModel], values: dict[str, Any], indent: str) -> Iterator[str]:
    for key, value in values.items():
        section = section_of(model.model_fields[key].annotation)
        yield "\n" if not indent else ""
        yield _comment(model, key, f"{indent}# ")
        if section:
            yield f"{indent}{key}:\n"
            yield from _yaml_lines(section, value, indent + "  ")
        else:
            yield f"{indent}{key}: {json.dumps(value)}\n"


def _json_members(model: type[BaseModel], values: dict[str, Any], indent: str) -> Iterator[str]:
    for key, value in values.items():
        section = section_of(model.model_fields[key].annotation)
        text = json.dumps(value)
        if section:
            text = "{\n" + ",\n".join(_json_members(section, value, indent + "  ")) + f"\n{indent}}}"
        yield f"{_comment(model, key, f'{indent}// ')}{indent}{json.dumps(key)}: {text}"


def _comment(model: type[BaseModel], key: str, start: str) -> str:
    section = section_of(model.model_fields[key].annotation)
    text = section.__doc__ if section else model.model_fields[key].description
    lines = textwrap.wrap(text or "", _WIDTH - len(start))
    return "".join(f"{start}{line}\n" for line in lines)
