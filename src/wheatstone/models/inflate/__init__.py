"""The embedded model `inflate`: a photo of an object becomes a closed, textured mesh."""

from wheatstone.models.inflate.about import INFLATE, Detail
from wheatstone.models.inflate.model import Inflate

__all__ = ["INFLATE", "Detail", "Inflate"]
