"""Kinds of parameters that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from cyclopts import Parameter

from wheatstone.errors import OutputExistsError

Flag: TypeAlias = Annotated[bool, Parameter(negative=(), show_default=False)]
"""A switch that is off unless named."""


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Stop early, before any work, when a result is already there.

    Raises:
        OutputExistsError: `path` exists and `overwrite` is false.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists already; pass --overwrite to replace it.")
