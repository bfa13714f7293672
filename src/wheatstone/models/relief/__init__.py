"""The embedded model `relief`: a photo becomes complete layers of splats, without a network for depth."""

from wheatstone.models.relief.model import RELIEF, Relief

__all__ = ["RELIEF", "Relief"]
