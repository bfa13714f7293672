"""Networks with the golden files' weights, which are made up by rule from each tensor's name."""

from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from tests.data.sharp import filler
from wheatstone.models.sharp.config import SharpConfig, VisionConfig

GOLDENS = Path(__file__).parents[2] / "data" / "sharp"
FULL = SharpConfig()
TINY = SharpConfig(
    vision=VisionConfig(width=32, depth=4, heads=2, hidden=128, taps=(0, 1)),
    level_widths=(16, 24, 40, 48, 48),
    splat_width=32,
    features=24,
)
"""The released structure with tiny widths; pictures and crops keep their sizes."""

_TABLES = {"tiny": "state_dict_keys_tiny.tsv", "full": "state_dict_keys.tsv"}
CONFIGS = {"tiny": TINY, "full": FULL}


def shapes(kind: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all tensors of the checkpoint, the unused ones too."""
    _header, *rows = (GOLDENS / _TABLES[kind]).read_text().splitlines()
    return {name: ast.literal_eval(shape) for name, shape, _dtype in (row.split("\t") for row in rows)}


def weights(kind: str) -> dict[str, Tensor]:
    """The filled state dict."""
    wanted = shapes(kind)
    with ThreadPoolExecutor() as pool:
        values = pool.map(filler.tensor, wanted, wanted.values())
        return {name: torch.from_numpy(value) for name, value in zip(wanted, values, strict=True)}


def checkpoint(kind: str, folder: Path) -> Path:
    """A filled checkpoint as it would be published; made if it is not there."""
    path = folder / f"sharp-{kind}.pt"
    if not path.exists():
        part = path.with_suffix(".part")
        torch.save(weights(kind), part)
        part.replace(path)
    return path
