"""Khronos's validator of glTF: where it is and what it says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.peers.splat_transform import NODE

MODULE = Path(__file__).parent / "node_modules" / "gltf-validator"
MISSING = "gltf-validator is not installed: run `npm ci` in tests/peers"

_PROGRAM = """
const [module, file] = process.argv.slice(1)
const content = new Uint8Array(require("fs").readFileSync(file))
require(module).validateBytes(content).then((report) => console.log(JSON.stringify(report)))
"""


def report(path: Path) -> dict[str, Any]:
    """The validator's report of a file."""
    command = [str(NODE), "-e", _PROGRAM, str(MODULE), str(path)]
    found: dict[str, Any] = json.loads(subprocess.check_output(command, timeout=60))
    return found
