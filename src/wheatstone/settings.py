"""One typed settings tree, read once and passed in; nothing else reads the environment.

A variable is named `WHEATSTONE_<SECTION>__<KEY>`, for example `WHEATSTONE_PICTURES__MAX_BYTES=20000000`.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any, get_origin

import platformdirs
from pydantic import BaseModel, Field, IPvAnyNetwork, ValidationError

from wheatstone.errors import BadOptionError


class PictureLimits(BaseModel, frozen=True):
    """What a picture may be at most; checked from its header, before any pixel is decoded."""

    max_bytes: int = Field(100_000_000, gt=0, description="Largest picture file in bytes.")
    max_pixels: int = Field(60_000_000, gt=0, description="Largest picture in pixels (width times height).")


class CheckpointSettings(BaseModel, frozen=True):
    """Where model weights come from."""

    offline: bool = Field(False, description="Never fetch weights; use only what is in the cache or named.")
    local: dict[str, Path] = Field(
        default_factory=dict, description="Checkpoint name to a file of yours, used instead of every source."
    )


class EgressSettings(BaseModel, frozen=True):
    """What outgoing requests may reach."""

    allow_private: tuple[IPvAnyNetwork, ...] = Field(
        (), description="Networks (CIDR) that may be reached although they are not public."
    )


class Settings(BaseModel, frozen=True):
    """The whole tree."""

    cache_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("wheatstone"),
        description="Folder for weights and compiled code; safe to delete.",
    )
    pictures: PictureLimits = PictureLimits()
    checkpoints: CheckpointSettings = CheckpointSettings()
    egress: EgressSettings = EgressSettings()


@functools.cache
def load_settings() -> Settings:
    """Read the settings of this process from the environment, once.

    Raises:
        BadOptionError: a variable holds a value that does not fit.
    """
    try:
        return Settings.model_validate(_from_environment(Settings, "WHEATSTONE_"))
    except ValidationError as error:
        first = error.errors()[0]
        section_and_key = first["loc"][:2]  # what follows is inside the value
        name = "WHEATSTONE_" + "__".join(str(part).upper() for part in section_and_key)
        raise BadOptionError(f"{name}: {first['msg']} (got {first['input']!r}).") from error


def _from_environment(model: type[BaseModel], prefix: str) -> dict[str, Any]:
    """What variables with this prefix say about a model; lists and tables are JSON."""
    values: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        variable, kind = prefix + name.upper(), field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            values[name] = _from_environment(kind, f"{variable}__")
        elif variable in os.environ:
            text = os.environ[variable]
            try:
                values[name] = json.loads(text) if get_origin(kind) in (dict, tuple) else text
            except json.JSONDecodeError as error:
                raise BadOptionError(f"{variable} is not JSON, as lists and tables must be: {error}.") from error
    return values
