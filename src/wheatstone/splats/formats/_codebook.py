"""A codebook: the 256 numbers that stand for many, chosen optimally.

Two errors matter: the root mean square, and the largest, which is what a viewer sees on the few Gaussians
in the tails. Of all codebooks whose largest error stays within a bound, dynamic programming over a fine
histogram finds the one of smallest rms. The bound comes from a yardstick: splat-transform's codebook, whose
rms and largest error are both undercut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wheatstone.arrays import F32, F64, I32, I64, U8, AnyArray
from wheatstone.compiled import kernel

SIZE = 256
_BINS = 2048
_YARDSTICK_BINS = 1024
_TIGHTER = (0.7, 0.8, 0.9, 0.97)
"""Bounds to try, of the yardstick's largest error; each costs a few milliseconds and a little rms."""
_RUNG = 64


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Values in ascending order, with sums over any run of them at hand.

    Attributes:
        values: (N,) ascending.
        origin: where the sums count from, so that they keep their digits.
        ladder: (N // 64 + 1, 2) sums of the values, and of their squares, before every 64th.
    """

    values: F32
    origin: float
    ladder: F64

    @classmethod
    def of(cls, values: AnyArray) -> _Sorted:
        ordered = np.sort(values.astype(np.float32, copy=False), axis=None)
        origin = float(ordered[len(ordered) // 2])
        return cls(ordered, origin, _ladder(ordered, origin))

    def sums_before(self, places: I64) -> F64:
        """(2, P) sums of the first `places` values, and of their squares, counted from `origin`."""
        return _sums_before(self.values, self.origin, self.ladder, places)


@dataclass(frozen=True, slots=True)
class _Histogram:
    """Sorted values in bins that are not empty: (B,) number, sum, sum of squares, smallest, largest.

    Values are counted from `origin`.
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
    ordered = _Sorted.of(values)
    differ = ordered.values[1:] != ordered.values[:-1]
    if np.count_nonzero(differ) < size:
        return np.append(ordered.values[:1], ordered.values[1:][differ])
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
    indices = np.empty(values.shape, np.uint8)
    borders = np.full(SIZE - 1, np.inf, np.float32)
    borders[: len(codebook) - 1] = _middles(codebook)
    _search(borders, np.ascontiguousarray(values, np.float32).reshape(-1), indices.reshape(-1))
    return indices


def _middles(codebook: F32) -> F32:
    """Where one entry's values end and the next one's begin."""
    middles: F32 = ((codebook[1:].astype(np.float64) + codebook[:-1]) / 2).astype(np.float32)
    return np.where(middles < codebook[1:], middles, codebook[:-1])  # between neighbours there is no float32


@kernel
def _search(borders: F32, values: F32, indices: U8) -> None:
    """Fill in how many of the 255 ascending `borders` lie below each value."""
    for i in range(len(values)):
        index = 0
        for step in (128, 64, 32, 16, 8, 4, 2, 1):
            index += step * (values[i] > borders[index + step - 1])
        indices[i] = index


@kernel
def _ladder(values: F32, origin: float) -> F64:
    ladder = np.zeros((len(values) // _RUNG + 1, 2))
    total, squares = 0.0, 0.0
    for i in range(len(values)):
        if i % _RUNG == 0:
            ladder[i // _RUNG, 0], ladder[i // _RUNG, 1] = total, squares
        value = values[i] - origin
        total += value
        squares += value * value
    if len(values) % _RUNG == 0:
        ladder[-1, 0], ladder[-1, 1] = total, squares
    return ladder


@kernel
def _sums_before(values: F32, origin: float, ladder: F64, places: I64) -> F64:
    sums = np.empty((2, len(places)))
    for k in range(len(places)):
        rung = places[k] // _RUNG
        total, squares = ladder[rung, 0], ladder[rung, 1]
        for i in range(rung * _RUNG, places[k]):
            value = values[i] - origin
            total += value
            squares += value * value
        sums[0, k], sums[1, k] = total, squares
    return sums


def _errors(codebook: F32, ordered: _Sorted) -> tuple[float, float]:
    """Root mean square and largest distance of the values from their nearest entries."""
    inner = np.searchsorted(ordered.values, _middles(codebook), side="right")
    borders = np.concatenate([[0], inner, [len(ordered.values)]])
    counts = np.diff(borders)
    sums, squares = np.diff(ordered.sums_before(borders))
    centred = codebook.astype(np.float64) - ordered.origin
    total = np.sum(squares - 2 * centred * sums + centred**2 * counts)
    used = counts > 0
    ends = ordered.values[np.stack([borders[:-1][used], borders[1:][used] - 1])].astype(np.float64)
    return float(np.sqrt(max(0.0, total) / len(ordered.values))), float(np.abs(ends - codebook[used]).max())


def _histogram(ordered: _Sorted, bins: int, blend: float) -> _Histogram:
    """Bins that lie between equal counts (`blend` 1) and equal widths (`blend` 0)."""
    values, n = ordered.values, len(ordered.values)
    low, extent = float(values[0]), float(values[-1]) - float(values[0])
    first, last = np.zeros(bins, np.int64), np.full(bins, n)  # where a bin begins: bisected, all at once
    while np.any(first < last):
        middle = (first + last) // 2
        place = blend * middle / n + (1 - blend) * (values[np.minimum(middle, n - 1)] - low) / extent
        before = (place < np.arange(bins) / bins) & (middle < last)
        first, last = np.where(before, middle + 1, first), np.where(before, last, middle)
    borders = np.append(np.unique(first[first < n]), n)
    sums, squares = np.diff(ordered.sums_before(borders))
    lows, highs = (values[ends].astype(np.float64) - ordered.origin for ends in (borders[:-1], borders[1:] - 1))
    return _Histogram(np.diff(borders).astype(np.float64), sums, squares, lows, highs, ordered.origin)


def _yardstick(ordered: _Sorted, size: int) -> F32:
    """What splat-transform would choose.

    Its bins lean to equal counts the more the values lie in tails, and each bin stands for its mean with the
    square root of its count as weight.
    """
    n = len(ordered.values)
    low, quarter, three_quarters, high = ordered.values[[0, n // 4, n * 3 // 4, -1]].astype(np.float64)
    blend = min(max(1 - (three_quarters - quarter) / (high - low), 0.5), 0.999)
    coarse = _histogram(ordered, min(_YARDSTICK_BINS, n), blend)
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
            best, least = -1, np.inf
            lowest = highs[end - 1] - 2 * bound
            for start in range(min(high, end - 1), low - 1, -1):
                if lows[start] < lowest:
                    break
                count, total = counts[end] - counts[start], sums[end] - sums[start]
                cost = before[start] - squares[start] - total * total / count
                if cost < least:
                    best, least = start, cost
            if best >= 0:
                here[end] = max(least + squares[end], before[best])
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
