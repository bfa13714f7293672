"""A palette: at most 65536 sets of spherical harmonics that stand for many, found by splitting.

Starting from one group, the group with the largest squared error is cut in two at the mean of its widest
axis, until there are enough groups. Red, green and blue go together, so the axes are their sum and two
differences. k-means comes out closer, but takes minutes where this takes a second.
"""

from __future__ import annotations

import heapq

import numpy as np

from wheatstone.arrays import F32, F64, I64
from wheatstone.compiled import kernel

MAX_SIZE = 65_536
_SQRT_2, _SQRT_3, _SQRT_6 = np.sqrt(np.array([2, 3, 6], np.float32))


def build_palette(harmonics: F32) -> tuple[F32, I64]:
    """A palette for (N, K, 3) harmonics, N at least 1.

    Returns:
        (P, K, 3) palette, P at most 65536 and at most the largest power of two up to N; (N,) which entry
        stands for each Gaussian.
    """
    red, green, blue = (harmonics[..., channel] for channel in range(3))
    axes = [(red + green + blue) / _SQRT_3, (red - blue) / _SQRT_2, (red - 2 * green + blue) / _SQRT_6]
    size = min(MAX_SIZE, 1 << (len(harmonics).bit_length() - 1))
    labels = _split(np.concatenate(axes, axis=1), size)
    members = np.bincount(labels)
    sums = [np.bincount(labels, column) for column in harmonics.reshape(len(harmonics), -1).T]
    palette = (np.stack(sums, axis=1) / members[:, None]).astype(np.float32)
    return palette.reshape(-1, *harmonics.shape[1:]), labels


@kernel
def _split(vectors: F32, size: int) -> I64:
    """(N,) group of each vector, 0 to at most `size` - 1, all used; groups that touch have near numbers."""
    order = np.arange(len(vectors))
    first_sse, first_axis, first_mean = _widest(vectors, order)
    # Error (negative: the heap gives the smallest first), range in `order`, where to cut.
    heap = [(-first_sse, 0, len(vectors), first_axis, first_mean)]
    whole = [(0, len(vectors))][:0]  # groups that cannot be cut
    while len(heap) > 0 and len(heap) + len(whole) < size:
        _, start, stop, axis, mean = heapq.heappop(heap)
        middle = start
        for i in range(start, stop):
            if vectors[order[i], axis] < mean:
                order[i], order[middle] = order[middle], order[i]
                middle += 1
        if middle in (start, stop):  # all its members are equal, or nearly
            whole.append((start, stop))
            continue
        for part in ((start, middle), (middle, stop)):
            sse, part_axis, part_mean = _widest(vectors, order[part[0] : part[1]])
            heapq.heappush(heap, (-sse, part[0], part[1], part_axis, part_mean))
    starts = np.array([group[1] for group in heap] + [group[0] for group in whole])
    starts.sort()
    labels = np.empty(len(vectors), np.int64)
    for group in range(len(starts)):
        stop = starts[group + 1] if group + 1 < len(starts) else len(vectors)
        for i in range(starts[group], stop):
            labels[order[i]] = group
    return labels


@kernel
def _widest(vectors: F32, members: I64) -> tuple[float, int, float]:
    """Squared error of a group around its mean, its axis of largest variance, and the mean there."""
    dimensions = vectors.shape[1]
    sums: F64 = np.zeros(dimensions)
    squares: F64 = np.zeros(dimensions)
    for i in members:
        for d in range(dimensions):
            value = float(vectors[i, d])
            sums[d] += value
            squares[d] += value * value
    total, widest, axis = 0.0, 0.0, 0
    for d in range(dimensions):
        error = max(0.0, squares[d] - sums[d] * sums[d] / len(members))
        total += error
        if error > widest:
            widest, axis = error, d
    return total, axis, sums[axis] / len(members)
