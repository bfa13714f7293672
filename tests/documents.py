"""The requirement documents, whose examples must work unchanged; they lie beside a checkout of the developers."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "shared" / "requirements"
SHARP_API = "sharp-api-service.zh.md"
MLSHARP = "mlsharp-3d-maker.zh.md"


def blocks(document: str, language: str) -> list[str]:
    """The examples of a language in a document; skips the test where it is missing, but not in CI."""
    path = FOLDER / document
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{path} is missing")
        pytest.skip(f"{document} is not beside this checkout")
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
