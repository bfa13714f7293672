"""Centres and orientations in bytes, as SOG stores them.

A centre is three 16-bit steps between the ends of its axis, on a logarithmic scale. An orientation is the
three smaller components of its quaternion, in bytes, and which one was left out. We take the nearest step
and the nearest of the eight byte triples around it, where truncation would double the error.
"""

from __future__ import annotations

import cv2
import numpy as np

from wheatstone.arrays import F32, F64, U8, AnyArray
from wheatstone.compiled import kernel, run_chunks

STEPS = 65535
_FIRST_TAG = 252  # the alpha byte of an orientation: 252 + index of the largest of w, x, y, z
_BYTES_PER_UNIT = 255 / np.sqrt(2)  # a component lies between -1/sqrt(2) and 1/sqrt(2)
_CHUNK = 65_536


def quantise_means(means: F32) -> tuple[AnyArray, F64, F64]:
    """(N, 3) uint16 steps, and the (3,) ends of the axes on the logarithmic scale."""
    # Axis by axis, which is thirty times faster than all at once.
    mins = _logs(np.array([means[:, axis].min() for axis in range(3)]))
    maxs = _logs(np.array([means[:, axis].max() for axis in range(3)]))
    steps_per_unit = STEPS / np.where(maxs > mins, maxs - mins, 1)
    steps = np.empty(means.shape, np.uint16)

    def work(start: int, stop: int) -> None:
        exact = (_logs(means[start:stop]) - mins) * steps_per_unit
        steps[start:stop] = np.rint(exact, out=exact).clip(0, STEPS, out=exact)

    run_chunks(work, len(means), _CHUNK)
    return steps, mins, maxs


def _logs(means: F32) -> F64:
    """Metres on the logarithmic scale: sign(x) ln(1 + |x|)."""
    logs: F64 = np.abs(means, dtype=np.float64)
    return np.copysign(np.log1p(logs, out=logs), means, out=logs)


def restore_means(low: U8, high: U8, mins: F64, maxs: F64) -> F32:
    """(N, 3) centres in metres from the low and high bytes of their steps; infinite where float32 ends."""
    extents = np.where(maxs == mins, 1, maxs - mins)  # as other readers do
    means = np.empty((len(low), 3), np.float32)
    with np.errstate(over="ignore"):
        logs = mins + extents * (np.arange(STEPS + 1)[:, None] / STEPS)
        metres = np.copysign(np.expm1(np.abs(logs)), logs).astype(np.float32)  # of every step

    def work(start: int, stop: int) -> None:
        steps = low[start:stop, :3] | (high[start:stop, :3].astype(np.intp) << 8)
        for axis in range(3):
            means[start:stop, axis] = metres[steps[:, axis], axis]

    run_chunks(work, len(means), _CHUNK)
    return means


def look_up(entries: F32, indices: U8) -> F32:
    """`entries[indices]`: one of 256 for each byte, in the shape of the `indices`."""
    found: F32 = cv2.LUT(indices.reshape(-1, 1), entries)
    return found.reshape(indices.shape)


def quantise_quaternions(quaternions: F32) -> U8:
    """(N, 4) bytes for (N, 4) unit quaternions w, x, y, z."""
    packed = np.empty((len(quaternions), 4), np.uint8)
    run_chunks(lambda start, stop: _pack(quaternions[start:stop], packed[start:stop]), len(quaternions), _CHUNK)
    return packed


@kernel
def _pack(quaternions: F32, packed: U8) -> None:
    """Choose, of the eight byte triples around the exact values, the one that turns least."""
    offs = np.empty((3, 2))  # squared distance to the byte below and to the one above
    pulls = np.empty((3, 2))  # what that does to the component left out, which follows from the others
    for i in range(len(quaternions)):
        largest = 0
        for c in range(1, 4):
            largest = c if abs(quaternions[i, c]) > abs(quaternions[i, largest]) else largest
        missing = np.float64(quaternions[i, largest])
        sign = np.copysign(1.0, missing)
        for k in range(3):
            component = sign * quaternions[i, k + (k >= largest)]
            exact = min(255.0, max(0.0, component * _BYTES_PER_UNIT + 127.5))
            below = min(254.0, np.floor(exact))
            packed[i, k] = np.uint8(below)
            for above in range(2):
                off = (below + above - exact) / _BYTES_PER_UNIT
                offs[k, above] = off * off
                pulls[k, above] = (component + off / 2) * off / missing
        best, best_corner = np.inf, 0
        for corner in range(8):
            a, b, c = corner & 1, corner >> 1 & 1, corner >> 2
            pull = pulls[0, a] + pulls[1, b] + pulls[2, c]
            error = offs[0, a] + offs[1, b] + offs[2, c] + pull * pull
            best_corner = corner if error < best else best_corner
            best = min(error, best)
        for k in range(3):
            packed[i, k] += np.uint8(best_corner >> k & 1)
        packed[i, 3] = _FIRST_TAG + largest


def restore_quaternions(bytes_: U8, tags: U8) -> F32:
    """(N, 4) unit quaternions from the (N, 3) bytes and (N,) tags; the identity where the tag is none."""
    quaternions = np.empty((len(tags), 4), np.float32)
    components = ((np.arange(256) - 127.5) / _BYTES_PER_UNIT).astype(np.float32)  # of every byte

    def work(start: int, stop: int) -> None:
        first, second, third = np.ascontiguousarray(look_up(components, bytes_[start:stop]).T)
        squares = first * first + second * second + third * third
        largest = np.sqrt(np.maximum(0, 1 - squares))
        for component in (first, second, third):
            component /= np.sqrt(np.maximum(1, squares))
        tag = tags[start:stop]
        w, x, y, z = (tag == _FIRST_TAG + index for index in range(4))
        part = quaternions[start:stop]
        part[:, 0] = np.where(w, largest, first)
        part[:, 1] = np.where(w, first, np.where(x, largest, second))
        part[:, 2] = np.where(z, third, np.where(y, largest, second))
        part[:, 3] = np.where(z, largest, third)
        part[tag < _FIRST_TAG] = (1, 0, 0, 0)

    run_chunks(work, len(tags), _CHUNK)
    return quaternions
