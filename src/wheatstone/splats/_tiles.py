"""Which Gaussians each tile of the picture blends, nearest first, in lists of bounded length.

The picture is cut into square tiles, numbered row by row. Counting sort brings the Gaussians, already in
order of depth, into the lists of the tiles they touch. Tiles are handled in batches, so that a scene of
huge Gaussians costs time and not memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wheatstone.arrays import F32, I32, I64
from wheatstone.compiled import kernel

TILE_PX = 16

MAX_ENTRIES = 1 << 24
"""Longest list of a batch (64 MiB), unless a single tile needs more; a tile needs at most N."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Consecutive tiles and their lists.

    Attributes:
        first: number of the first tile.
        starts: (tiles + 1,) where each tile's list begins in `entries`.
        entries: indices of Gaussians, nearest first in each list.
    """

    first: int
    starts: I64
    entries: I32


def depth_order(depths: F32) -> I64:
    """Indices that sort positive depths from near to far; equal depths keep their order.

    Bits of positive floats sort like integers, and NumPy sorts 16-bit integers by radix.
    """
    bits = np.ascontiguousarray(depths).view(np.uint32)
    order = np.argsort(bits.astype(np.uint16), kind="stable")
    high = (bits >> 16).astype(np.uint16)
    return order[np.argsort(high[order], kind="stable")]


def batches(boxes: I32, order: I64, tiles_across: int, tiles_down: int, max_entries: int) -> Iterator[Batch]:
    """Lists of all tiles, batch by batch.

    Args:
        boxes: (N, 4) pixel boxes x0, y0, x1, y1, as in `Projection`.
        order: the Gaussians to draw, nearest first; their boxes are not empty.
        tiles_across: tiles in a row.
        tiles_down: rows of tiles.
        max_entries: longest list of a batch of more than one tile.
    """
    spans = boxes.take(order, axis=0)
    spans[:, 2:] += TILE_PX - 1
    spans //= TILE_PX
    steps = np.zeros((tiles_down + 1, tiles_across + 1), np.int64)
    _add_corners(spans, steps)
    counts = steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1].ravel()
    ends = counts.cumsum()
    first = 0
    while first < len(ends):
        before = ends[first] - counts[first]
        last = max(first + 1, int(np.searchsorted(ends, before + max_entries, side="right")))
        starts = np.concatenate([[0], ends[first:last] - before])
        entries = np.empty(starts[-1], np.int32)
        _scatter(spans, order, tiles_across, first, last, starts[:-1].copy(), entries)
        yield Batch(first, starts, entries)
        first = last


@kernel
def _add_corners(spans: I32, steps: I64) -> None:
    """Mark each span's corners, so that sums along both axes give the number of spans over each tile."""
    for k in range(len(spans)):
        x0, y0, x1, y1 = spans[k, 0], spans[k, 1], spans[k, 2], spans[k, 3]
        steps[y0, x0] += 1
        steps[y0, x1] -= 1
        steps[y1, x0] -= 1
        steps[y1, x1] += 1


@kernel
def _scatter(spans: I32, order: I64, tiles_across: int, first: int, last: int, cursors: I64, entries: I32) -> None:
    """Append each Gaussian to the lists of the tiles it touches among `first` to `last`."""
    first_row, last_row = first // tiles_across, (last - 1) // tiles_across + 1
    for k in range(len(order)):
        for row in range(max(spans[k, 1], first_row), min(spans[k, 3], last_row)):
            begin = row * tiles_across
            for tile in range(max(begin + spans[k, 0], first), min(begin + spans[k, 2], last)):
                entries[cursors[tile - first]] = order[k]
                cursors[tile - first] += 1
