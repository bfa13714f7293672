"""Numbers as text, many at a time."""

from __future__ import annotations

from wheatstone.arrays import AnyArray


def rows(pattern: str, values: AnyArray, separator: str = "\n") -> str:
    """Each row of (N, K) values in a pattern of K places, one after the other."""
    return separator.join([pattern] * len(values)) % tuple(values.ravel().tolist())
