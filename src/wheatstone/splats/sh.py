"""Real spherical harmonics of degree 0 to 3, in the basis of 3D Gaussian splatting.

The order is by degree, then by order from -l to l; the signs are those of the original 3DGS code, so
that coefficients mean the same here as in every splat file.
"""

from __future__ import annotations

import math

import numpy as np

from wheatstone.arrays import F64, AnyArray
from wheatstone.compiled import kernel

MAX_COEFFICIENTS = 16
"""Coefficients per colour channel at degree 3."""

_C0 = math.sqrt(1 / (4 * math.pi))
_C1 = math.sqrt(3 / (4 * math.pi))
_C2 = math.sqrt(15 / (4 * math.pi))
_C2_ZONAL = math.sqrt(5 / (16 * math.pi))
_C3 = math.sqrt(105 / (4 * math.pi))
_C3_SECTORAL = math.sqrt(35 / (32 * math.pi))
_C3_TESSERAL = math.sqrt(21 / (32 * math.pi))
_C3_ZONAL = math.sqrt(7 / (16 * math.pi))


@kernel
def fill_basis(x: float, y: float, z: float, basis: F64) -> None:
    """Write the first `len(basis)` basis functions (1, 4, 9 or 16) at the unit direction x, y, z."""
    basis[0] = _C0
    if len(basis) == 1:
        return
    basis[1] = -_C1 * y
    basis[2] = _C1 * z
    basis[3] = -_C1 * x
    if len(basis) == 4:
        return
    xx, yy, zz = x * x, y * y, z * z
    basis[4] = _C2 * x * y
    basis[5] = -_C2 * y * z
    basis[6] = _C2_ZONAL * (2 * zz - xx - yy)
    basis[7] = -_C2 * x * z
    basis[8] = 0.5 * _C2 * (xx - yy)
    if len(basis) == 9:
        return
    basis[9] = -_C3_SECTORAL * y * (3 * xx - yy)
    basis[10] = _C3 * x * y * z
    basis[11] = -_C3_TESSERAL * y * (4 * zz - xx - yy)
    basis[12] = _C3_ZONAL * z * (2 * zz - 3 * xx - 3 * yy)
    basis[13] = -_C3_TESSERAL * x * (4 * zz - xx - yy)
    basis[14] = 0.5 * _C3 * z * (xx - yy)
    basis[15] = -_C3_SECTORAL * x * (xx - 3 * yy)


def basis_at(directions: AnyArray, degree: int) -> F64:
    """(M, (degree + 1)**2) values of the basis functions at the (M, 3) unit `directions`."""
    values = np.empty((len(directions), (degree + 1) ** 2), np.float64)
    for (x, y, z), row in zip(np.asarray(directions, np.float64).tolist(), values, strict=True):
        fill_basis(x, y, z, row)
    return values


def rotation_of_coefficients(turn: F64, degree: int) -> F64:
    """The matrix that turns coefficients along with the object they belong to.

    Coefficients c describe f(d) = basis(d) @ c. The turned object shows g(d) = f(turn.T @ d), and its
    coefficients are solved for from directions spread over the sphere. Degrees do not mix, so the matrix
    is block diagonal, and exact up to float64 rounding.

    Args:
        turn: (3, 3) rotation.
        degree: 0 to 3.

    Returns:
        (K, K) float64 with K = (degree + 1)**2.
    """
    count = 4 * MAX_COEFFICIENTS
    heights = (2 * np.arange(count) + 1) / count - 1
    angles = np.arange(count) * math.pi * (3 - math.sqrt(5))  # a Fibonacci spiral
    radii = np.sqrt(1 - heights**2)
    directions = np.stack([radii * np.cos(angles), radii * np.sin(angles), heights], axis=1)
    before, after = basis_at(directions @ turn, degree), basis_at(directions, degree)
    matrix = np.zeros((after.shape[1], after.shape[1]), np.float64)
    for band in range(degree + 1):
        part = slice(band**2, (band + 1) ** 2)
        matrix[part, part] = np.linalg.lstsq(after[:, part], before[:, part], rcond=None)[0]
    return matrix
