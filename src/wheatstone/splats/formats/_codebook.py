"""A codebook: the 256 numbers that stand for many, chosen optimally.

Two errors matter: the root mean square, and the largest, which is what a viewer sees on the few Gaussians
in the tails. Of all codebooks whose largest error stays within a bound, dynamic programming over a fine
histogram finds the one of smallest rms. The bound comes from a yardstick: splat-transform's codebook, whose
rms and largest error are both undercut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wheatstone.arrays import F32, F64, I32, U8, AnyArray
from wheatstone.compiled import kernel

SIZE = 256
_BINS = 4096
_YARDSTICK_BINS = 1024
_TIGHTER = (0.7, 0.8, 0.9, 0.97)
"""Bounds to try, of the yardstick's largest error; each costs a few milliseconds and a little rms."""


@dataclass(frozen=True, slots=True)
class _Histogram:
    """Sorted values in bins that are not empty: (B,) number, sum, sum of squares, smallest, largest.

    Values are counted from `origin`, so that the sums keep their digits.
    """

    counts: F64
    sums: F64
    squares: F64
    lows: F64
    highs: F64
    origin: float


def build_codebook(values: AnyArray, size: int = SIZE) -> F32:
    """At most `size` ascending numbers to stand for `values`, finite and of any shape, at least one.

    Exact when no more than `size` differ. Otherwise the rms and the largest error are both smaller than
    those of splat-transform's codebook (or equal, where it cannot be improved).
    """
    ordered = np.sort(values.astype(np.float32), axis=None).astype(np.float64)
    if np.count_nonzero(np.diff(ordered)) < size:
        return np.unique(ordered).astype(np.float32)
    best = _yardstick(ordered, size)
    best_rms, largest = _errors(best, ordered)
    fine = _histogram(ordered, _BINS, blend=0.5)
    for factor in _TIGHTER:
        candidate = _optimal(fine, size, factor * largest)
        if len(candidate) and _errors(candidate, ordered)[0] < best_rms:
            return candidate
    return best


def nearest(codebook: F32, values: AnyArray) -> U8:
    """Index of the entry nearest to each value, in the shape of `values`."""
    middles = (codebook[1:].astype(np.float64) + codebook[:-1]) / 2
    return np.searchsorted(middles.astype(np.float32), values.astype(np.float32)).astype(np.uint8)


def _errors(codebook: F32, ordered: F64) -> tuple[float, float]:
    """Root mean square and largest distance of sorted values from their nearest entries."""
    entries = codebook.astype(np.float64)
    borders = np.searchsorted(ordered, (entries[1:] + entries[:-1]) / 2)
    errors = np.abs(ordered - np.repeat(entries, np.diff(borders, prepend=0, append=len(ordered))))
    return float(np.sqrt(np.mean(errors**2))), float(errors.max())


def _histogram(ordered: F64, bins: int, blend: float) -> _Histogram:
    """Bins that lie between equal counts (`blend` 1) and equal widths (`blend` 0)."""
    low, high = ordered[0], ordered[-1]
    place = blend * np.arange(len(ordered)) / len(ordered) + (1 - blend) * (ordered - low) / (high - low)
    first = np.searchsorted(place, np.arange(bins) / bins)
    first = np.unique(first[first < len(ordered)])
    origin = float(ordered.mean())
    centred = ordered - origin
    counts = np.diff(first, append=len(ordered)).astype(np.float64)
    sums, squares = np.add.reduceat(centred, first), np.add.reduceat(centred**2, first)
    lasts = np.append(first[1:], len(ordered)) - 1
    return _Histogram(counts, sums, squares, centred[first], centred[lasts], origin)


def _yardstick(ordered: F64, size: int) -> F32:
    """What splat-transform would choose.

    Its bins lean to equal counts the more the values lie in tails, and each bin stands for its mean with the
    square root of its count as weight.
    """
    quarter, three_quarters = ordered[int(len(ordered) * 0.25)], ordered[int(len(ordered) * 0.75)]
    blend = min(max(1 - (three_quarters - quarter) / (ordered[-1] - ordered[0]), 0.5), 0.999)
    coarse = _histogram(ordered, min(_YARDSTICK_BINS, len(ordered)), blend)
    means, weights = coarse.sums / coarse.counts, np.sqrt(coarse.counts)
    weighted = _Histogram(weights, weights * means, weights * means**2, means, means, coarse.origin)
    return _optimal(weighted, size, np.inf)


def _optimal(histogram: _Histogram, size: int, bound: float) -> F32:
    """The ascending codebook of smallest squared error with no error above `bound`; empty if there is none."""
    h = histogram
    size = min(size, len(h.counts))
    sums = [np.concatenate([[0.0], np.cumsum(part)]) for part in (h.counts, h.sums, h.squares)]
    borders = _partition(sums[0], sums[1], sums[2], h.lows, h.highs, size, bound)
    if len(borders) == 0:
        return np.empty(0, np.float32)
    starts, stops = borders[:-1], borders[1:]
    entries = (sums[1][stops] - sums[1][starts]) / (sums[0][stops] - sums[0][starts])
    entries = np.clip(entries, h.highs[stops - 1] - bound, h.lows[starts] + bound)
    return np.sort((entries + h.origin).astype(np.float32))


@kernel
def _partition(counts: F64, sums: F64, squares: F64, lows: F64, highs: F64, size: int, bound: float) -> I32:
    """(size + 1,) borders that split the bins into `size` runs of least squared error; empty if impossible.

    `counts`, `sums` and `squares` are cumulative, from zero. No run may be wider than 2 `bound`. The best
    start of a run moves right with its end, so each layer is filled by halving: bins * log(bins) steps.
    """
    bins = len(lows)
    before = np.full(bins + 1, np.inf)
    before[0] = 0.0
    starts = np.zeros((size + 1, bins + 1), np.int32)
    stack = np.empty((64, 4), np.int64)  # ends first..last whose best starts lie in low..high
    for run in range(1, size + 1):
        here = np.full(bins + 1, np.inf)
        stack[0] = (1, bins, 0, bins - 1)
        top = 1
        while top > 0:
            top -= 1
            first, last, low, high = stack[top, 0], stack[top, 1], stack[top, 2], stack[top, 3]
            if first > last:
                continue
            end = (first + last) // 2
            best = -1
            for start in range(min(high, end - 1), low - 1, -1):
                if highs[end - 1] - lows[start] > 2 * bound:
                    break
                count, total = counts[end] - counts[start], sums[end] - sums[start]
                cost = before[start] + max(0.0, squares[end] - squares[start] - total * total / count)
                if cost < here[end]:
                    here[end] = cost
                    best = start
            starts[run, end] = max(best, 0)
            stack[top] = (first, end - 1, low, high if best < 0 else best)
            stack[top + 1] = (end + 1, last, low if best < 0 else best, high)
            top += 2
        before = here
    if before[bins] == np.inf:
        return np.empty(0, np.int32)
    borders = np.empty(size + 1, np.int32)
    borders[size] = bins
    for run in range(size, 0, -1):
        borders[run - 1] = starts[run, borders[run]]
    return borders
