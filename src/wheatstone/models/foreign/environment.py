"""What a foreign model's process is started with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_OURS = (
    "WHEATSTONE_",
    "API_KEYS",
    "PYTHON",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
    "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV",
)
"""Beginnings of variables that are meant for this process: secrets, and where its own modules are."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A Python environment.

    Attributes:
        python: its interpreter, 3.9 or newer.
        adapter: the file that drives the model there; see `foreign/child.py`.
        variables: further environment variables.
    """

    python: Path
    adapter: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def variables_in(self, scratch_dir: Path) -> dict[str, str]:
        """All variables of the process: this one's, but for what is only meant for it.

        The interpreter's folder comes first in PATH, as if the environment were activated, since models build
        extensions with tools that lie there. Temporary files go into `scratch_dir`.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        path = os.pathsep.join([str(self.python.parent), kept.get("PATH", os.defpath)])
        scratch = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch_dir))
        return {**kept, "PATH": path, **scratch, "PYTHONUNBUFFERED": "1", "TQDM_DISABLE": "1", **self.variables}
