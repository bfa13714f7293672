"""Apple's SHARP: one photo becomes two layers of splats in metres, by a learned network in PyTorch.

Listing it needs no PyTorch; `predictor` and all that computes does.
"""

from wheatstone.models.sharp import _runtime  # noqa: F401  (before PyTorch)
from wheatstone.models.sharp.about import DRAFT_SIDES_PX, NATIVE_SIDE_PX, SHARP, native_side_px

__all__ = ["DRAFT_SIDES_PX", "NATIVE_SIDE_PX", "SHARP", "native_side_px"]
