"""Foreground mattes: which pixels belong to the main object, and how much of each."""

from wheatstone.models.matting.matte import Matte, MatteSource, estimate_matte

__all__ = ["Matte", "MatteSource", "estimate_matte"]
