"""The requirement documents, whose examples must work unchanged; they lie beside a checkout of the developers."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "shared" / "requirements"
SHARP_API = "sharp-api-service.zh.md"
MLSHARP = "mlsharp-3d-maker.zh.md"
GENERATE3D = "generate3d-websocket.zh.md"


def text(document: str) -> str:
    """A whole document; skips the test where it is missing, but not in CI."""
    path = FOLDER / document
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{path} is missing")
        pytest.skip(f"{document} is not beside this checkout")
    return path.read_text(encoding="utf-8")


def blocks(document: str, language: str) -> list[str]:
    """The examples of a language in a document."""
    return re.findall(rf"^```{language}\n(.*?)^```", text(document), re.DOTALL | re.MULTILINE)
