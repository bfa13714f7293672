"""Centres and orientations in bytes, as SOG stores them.

A centre is three 16-bit steps between the ends of its axis, on a logarithmic scale. An orientation is the
three smaller components of its quaternion, in bytes, and which one was left out. We take the nearest step
and the nearest of the eight byte triples around it, where truncation would double the error.
"""

from __future__ import annotations

import math

import numpy as np

from wheatstone.arrays import F32, F64, U8, AnyArray
from wheatstone.compiled import kernel, run_chunks

STEPS = 65535
_FIRST_TAG = 252  # the alpha byte of an orientation: 252 + index of the largest of w, x, y, z
_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
_SQRT_2 = math.sqrt(2)
_CHUNK = 65_536


def quantise_means(means: F32) -> tuple[AnyArray, F64, F64]:
    """(N, 3) uint16 steps, and the (3,) ends of the axes on the logarithmic scale."""
    logs = np.copysign(np.log1p(np.abs(means, dtype=np.float64)), means)
    mins, maxs = logs.min(axis=0), logs.max(axis=0)
    extents = np.where(maxs > mins, maxs - mins, 1)
    logs -= mins
    logs *= STEPS / extents
    return np.rint(logs, out=logs).clip(0, STEPS).astype(np.uint16), mins, maxs


def restore_means(steps: AnyArray, mins: F64, maxs: F64) -> F32:
    """(N, 3) centres in metres; infinite where the ends are too far out for float32."""
    extents = np.where(maxs == mins, 1, maxs - mins)  # as other readers do
    with np.errstate(over="ignore"):
        logs = mins + extents * (steps / STEPS)
        return np.copysign(np.expm1(np.abs(logs)), logs).astype(np.float32)


def quantise_quaternions(quaternions: F32) -> U8:
    """(N, 4) bytes for (N, 4) unit quaternions w, x, y, z."""
    packed = np.empty((len(quaternions), 4), np.uint8)

    def work(start: int, stop: int) -> None:
        _pack(quaternions[start:stop], packed[start:stop])

    run_chunks(work, len(quaternions), _CHUNK)
    return packed


@kernel
def _pack(quaternions: F32, packed: U8) -> None:
    others = np.empty(3)
    for i in range(len(quaternions)):
        q = quaternions[i]
        largest = 0
        for c in range(1, 4):
            if abs(q[c]) > abs(q[largest]):
                largest = c
        sign = -1.0 if q[largest] < 0 else 1.0
        k = 0
        for c in range(4):
            if c != largest:
                others[k] = sign * q[c]
                k += 1
        best, best_corner = -1.0, 0
        for corner in range(8):  # the byte triples around the exact values; the closest rotation wins
            squares = 0.0
            dot = 0.0
            for k in range(3):
                byte = min(255.0, np.floor(_to_byte(others[k])) + ((corner >> k) & 1))
                value = (byte / 255 * 2 - 1) / _SQRT_2
                squares += value * value
                dot += value * others[k]
            dot += abs(q[largest]) * np.sqrt(max(0.0, 1 - squares))
            dot /= np.sqrt(max(1.0, squares))
            if dot > best:
                best, best_corner = dot, corner
        for k in range(3):
            packed[i, k] = min(255.0, np.floor(_to_byte(others[k])) + ((best_corner >> k) & 1))
        packed[i, 3] = _FIRST_TAG + largest


@kernel
def _to_byte(value: float) -> float:
    """-1/sqrt(2)..1/sqrt(2) on the scale 0..255."""
    return max(0.0, 255 * (value * _SQRT_2 * 0.5 + 0.5))


def restore_quaternions(packed: U8) -> F32:
    """(N, 4) unit quaternions; the identity where the tag is none."""
    values = (packed[:, :3] / np.float32(127.5) - 1) / np.sqrt(np.float32(2))
    largest = np.sqrt(np.maximum(0, 1 - np.sum(values**2, axis=1)))
    quaternions = np.zeros((len(packed), 4), np.float32)
    quaternions[:, 0] = packed[:, 3] < _FIRST_TAG
    for index in range(4):
        chosen = np.flatnonzero(packed[:, 3] == _FIRST_TAG + index)
        quaternions[chosen, index] = largest[chosen]
        quaternions[chosen[:, None], _OTHERS[index]] = values[chosen]
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    return quaternions
