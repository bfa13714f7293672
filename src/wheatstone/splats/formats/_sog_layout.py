"""Which Gaussian goes to which pixel of a SOG's images: neighbours in space should be neighbours there.

Scenes made from a photo come in picture order, two layers of rows from top to bottom. Kept that way, with
images as wide as a row, they compress best (12.1 MB against 13.0 MB at another width and 13.4 MB in Morton
order, for 1.18 million Gaussians). Scenes in no such order are sorted along a Morton curve.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wheatstone.arrays import F32, I64, AnyArray
from wheatstone.compiled import run_chunks

MAX_SIDE_PX = 4096
"""The largest texture that every device with WebGL 2 takes, nearly; WebP itself allows 16383."""
_SAMPLES = 65_536  # enough to judge an order by
_CHUNK = 65_536
_INDEX_BITS = 24  # of a Gaussian, at most


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Pixel `i` of a `width_px` by `height_px` image, row by row, holds the Gaussian `order[i]`.

    Attributes:
        order: (N,) indices; None keeps the order of the scene.
        width_px: width of the images.
        height_px: height of the images; the pixels after the last Gaussian are padding.
    """

    order: I64 | None
    width_px: int
    height_px: int

    def image(self, values: AnyArray) -> AnyArray:
        """(height, width, C) picture of the (N, C) uint8 values, padded with zeros."""
        image = values if self.order is None else values[self.order]
        padding = self.height_px * self.width_px - len(values)
        if padding:
            image = np.pad(image, ((0, padding), (0, 0)))
        return image.reshape(self.height_px, self.width_px, -1)


def choose_layout(means: F32, cells: AnyArray) -> Layout:
    """The layout for a scene.

    Args:
        means: (N, 3) centres in metres, OpenCV frame.
        cells: (N, 3) uint16 quantised centres.
    """
    n = len(means)
    row_px = _row_length(means)
    if row_px:
        return Layout(None, row_px, n // row_px)
    width_px = 4 * math.ceil(math.sqrt(n) / 4)
    height_px = 4 * math.ceil(n / width_px / 4)
    order = _morton_order(cells)
    # A bit less a step repays the loss of the order; picture order, if masked, is as good as Morton's.
    sampled = np.arange(0, n - 1, max(1, n // _SAMPLES))
    scattered = (
        _bits_per_step(cells, sampled, sampled + 1) > _bits_per_step(cells, order[sampled], order[sampled + 1]) + 1
    )
    return Layout(order if scattered else None, width_px, height_px)


def _row_length(means: F32) -> int:
    """The length of a row if the Gaussians come in full picture rows, else 0.

    Along a row x/z grows, with some noise; from a row to the next it falls by nearly the picture's width.
    """
    if means[:, 2].min() <= 0:
        return 0
    across = means[:, 0] / means[:, 2].astype(np.float64)  # float32 would overflow near the camera
    low, high = np.quantile(across[:: max(1, len(across) // _SAMPLES)], [0.01, 0.99])
    ends = np.flatnonzero(np.diff(across) < (low - high) / 2) + 1
    if len(ends) == 0:
        return 0
    row_px = int(ends[0])
    complete = len(means) % row_px == 0 and np.array_equal(ends, np.arange(row_px, len(means), row_px))
    return row_px if complete and max(row_px, len(means) // row_px) <= MAX_SIDE_PX else 0


def _morton_order(cells: AnyArray) -> I64:
    """(N,) indices that sort (N, 3) uint16 cells along a Morton curve, x in the lowest bit; equal ones stay."""
    keys = np.empty(len(cells), np.uint64)

    def work(start: int, stop: int) -> None:
        codes = keys[start:stop]
        codes[:] = 0
        for axis in range(3):
            bits = cells[start:stop, axis].astype(np.uint64)
            for shift, mask in (
                (32, 0x1F00000000FFFF),
                (16, 0x1F0000FF0000FF),
                (8, 0x100F00F00F00F00F),
                (4, 0x10C30C30C30C30C3),
                (2, 0x1249249249249249),
            ):
                bits = (bits | (bits << np.uint64(shift))) & np.uint64(mask)
            codes |= bits << np.uint64(axis)
        # The upper 40 of the 48 bits and the index in one word: sorting words is quick, and no two are equal.
        codes >>= np.uint64(48 + _INDEX_BITS - 64)
        codes <<= np.uint64(_INDEX_BITS)
        codes |= np.arange(start, stop, dtype=np.uint64)

    run_chunks(work, len(cells), _CHUNK)
    keys.sort()
    keys &= np.uint64((1 << _INDEX_BITS) - 1)
    return keys.astype(np.int64)


def _bits_per_step(cells: AnyArray, starts: I64, stops: I64) -> float:
    """Mean of log2(1 + |difference|) from cell to cell: what it costs, roughly, to store them."""
    if len(starts) == 0:
        return 0.0
    steps = np.abs(cells[stops].astype(np.int32) - cells[starts])
    return float(np.log2(1 + steps, dtype=np.float32).mean(dtype=np.float64))
