"""Models that live in Python environments of their own, since their pins do not fit ours; driven over a pipe."""

from wheatstone.models.foreign.environment import Environment
from wheatstone.models.foreign.model import ForeignModel

__all__ = ["Environment", "ForeignModel"]
