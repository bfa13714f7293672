"""From the picture's frame to metres. Undoing the lens shears Gaussians, so their axes are found anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from wheatstone.models.sharp.composer import Splats

_SWEEPS = 4
"""Jacobi sweeps; the relative error of a covariance is then about 1e-6 (three: 5e-6), that of float32."""
_CHUNK = 16_384
"""Gaussians at once on a CPU: as many as stay in a core's cache."""
_TINY = 1e-30
"""Keeps quotients of zeros finite."""
_FLAT = 1e-15
"""A second axis shorter than this share of the first has no direction of its own."""


def unproject(splats: Splats, stretch: tuple[float, float, float]) -> Splats:
    """Stretch Gaussians along x, y and z.

    Args:
        splats: quaternions of any length.
        stretch: for a photo of width W, height H and focal length f it is W / 2f, H / 2f, 1.

    Returns:
        Scales in descending order, unit quaternions; colours and opacities as they were.
    """
    count = splats.scales.shape[1]
    scales, quaternions = torch.empty_like(splats.scales), torch.empty_like(splats.quaternions)
    factors = splats.means.new_tensor(stretch)[:, None]
    chunk = _CHUNK if splats.means.device.type == "cpu" else max(count, 1)
    with _one_thread():
        for start in range(0, count, chunk):
            part = slice(start, start + chunk)
            scales[:, part], quaternions[:, part] = _stretched(
                splats.scales[:, part], splats.quaternions[:, part], factors
            )
    return replace(splats, means=splats.means * factors, scales=scales, quaternions=quaternions)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let PyTorch use one thread: many small steps gain little from more, and wait long for a busy core."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _stretched(scales: Tensor, quaternions: Tensor, factors: Tensor) -> tuple[Tensor, Tensor]:
    """Scales (3, n) and quaternions (4, n) of ellipsoids stretched by factors (3, 1).

    With A the stretch, R the rotation and s the scales, the axes are the left singular vectors of A R diag(s).
    One-sided Jacobi (Hestenes 1958) turns its columns until they are orthogonal; it never forms the covariance,
    whose rounding would drown the shortest axis.
    """
    largest = scales.amax(dim=0).clamp(min=_TINY)
    columns = [axis * factors * (scale / largest) for axis, scale in zip(_axes(quaternions), scales, strict=True)]
    for _ in range(_SWEEPS):
        for first, second in ((0, 1), (0, 2), (1, 2)):
            columns[first], columns[second] = _orthogonal(columns[first], columns[second])
    lengths = [_length(column) for column in columns]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        swapped = lengths[first] < lengths[second]
        for values in (columns, lengths):
            values[first], values[second] = (
                torch.where(swapped, values[second], values[first]),
                torch.where(swapped, values[first], values[second]),
            )
    return torch.stack(lengths) * largest, _quaternion(*_frame(columns, lengths))


def _axes(quaternions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The columns (3, n) of the rotations of quaternions (4, n) of any length."""
    w, x, y, z = quaternions / _length(quaternions).clamp(min=_TINY)
    return (
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)]),
        torch.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)]),
        torch.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)]),
    )


def _orthogonal(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Two columns (3, n) turned into each other until they are orthogonal, by at most 45°."""
    difference = (second * second).sum(dim=0) - (first * first).sum(dim=0)
    twice_product = 2 * (first * second).sum(dim=0)
    reach = difference.abs() + torch.sqrt(difference * difference + twice_product * twice_product)
    tangent = torch.where(difference < 0, -twice_product, twice_product) / reach.clamp(min=_TINY)
    cosine = torch.rsqrt(1 + tangent * tangent)
    sine = cosine * tangent
    return cosine * first - sine * second, sine * first + cosine * second


def _frame(columns: list[Tensor], lengths: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """A right-handed orthonormal frame along columns (3, n) of descending length; made up where they are flat."""
    unit_x = torch.zeros_like(columns[0])
    unit_x[0] = 1
    first = torch.where(lengths[0] > 0, columns[0] / lengths[0].clamp(min=_TINY), unit_x)
    second = columns[1] - (columns[1] * first).sum(dim=0) * first
    length = _length(second)
    second = torch.where(length > _FLAT * lengths[0], second / length.clamp(min=_TINY), _across(first))
    return first, second, torch.linalg.cross(first, second, dim=0)


def _across(axis: Tensor) -> Tensor:
    """Unit vectors (3, n) at right angles to unit vectors."""
    x, y, z = axis
    zero = torch.zeros_like(x)
    across = torch.where(z.abs() < 0.9, torch.stack([y, -x, zero]), torch.stack([zero, z, -y]))
    return across / _length(across)


def _quaternion(first: Tensor, second: Tensor, third: Tensor) -> Tensor:
    """Unit quaternions (4, n) of the rotations with these columns (Shepperd 1978)."""
    (xx, yx, zx), (xy, yy, zy), (xz, yz, zz) = first, second, third
    squares = torch.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz])
    best = squares.argmax(dim=0)
    w, x, y, z = squares
    candidates = (
        torch.stack([w, zy - yz, xz - zx, yx - xy]),
        torch.stack([zy - yz, x, yx + xy, xz + zx]),
        torch.stack([xz - zx, yx + xy, y, zy + yz]),
        torch.stack([yx - xy, xz + zx, zy + yz, z]),
    )
    chosen = candidates[0]
    for number, candidate in enumerate(candidates[1:], start=1):
        chosen = torch.where(best == number, candidate, chosen)
    return chosen / _length(chosen)


def _length(vectors: Tensor) -> Tensor:
    """(n,) lengths of the columns of (k, n)."""
    return torch.sqrt((vectors * vectors).sum(dim=0))
