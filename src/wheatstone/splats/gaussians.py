"""3D Gaussians as a frozen struct of arrays."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from wheatstone.arrays import F32, AnyArray
from wheatstone.compiled import run_chunks
from wheatstone.errors import BadSceneError

SH_C0 = 0.28209479177387814
"""Value of the constant real spherical harmonic, 1 / (2 sqrt(pi))."""

MAX_VALUE = 1e30
"""Largest magnitude of a value that `validate` lets pass: sums of a few stay inside float32."""

_UNIT_TOLERANCE = 1e-3  # of a quaternion's length
_CHUNK = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class Gaussians:
    """N Gaussians in the OpenCV frame (x right, y down, z forward), lengths in metres.

    The arrays become contiguous, read-only float32. Values are linear: logarithms and logits live only
    inside the file formats. Colours are display-referred sRGB, as every splat viewer blends them.

    Attributes:
        means: (N, 3) centres in metres.
        scales: (N, 3) standard deviations along the principal axes in metres, not negative.
        quaternions: (N, 4) unit quaternions w, x, y, z: principal axes to scene.
        opacities: (N,) peak opacity, 0 to 1.
        sh: (N, (degree + 1)**2, 3) real spherical harmonics per colour channel, degree 0 to 3, in the basis
            order of 3D Gaussian splatting. Colour = 0.5 + sum(sh * basis(direction)).
    """

    means: F32
    scales: F32
    quaternions: F32
    opacities: F32
    sh: F32

    def __post_init__(self) -> None:
        for field in fields(self):
            array = np.ascontiguousarray(getattr(self, field.name), dtype=np.float32).view()
            array.setflags(write=False)
            object.__setattr__(self, field.name, array)
        n = len(self.means)
        expected = {"means": (n, 3), "scales": (n, 3), "quaternions": (n, 4), "opacities": (n,)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise BadSceneError(f"{name} has shape {getattr(self, name).shape}, expected {shape}.")
        if self.sh.shape not in [(n, count, 3) for count in (1, 4, 9, 16)]:
            raise BadSceneError(f"sh has shape {self.sh.shape}, expected ({n}, 1 | 4 | 9 | 16, 3).")

    @classmethod
    def from_colors(
        cls, means: ArrayLike, scales: ArrayLike, quaternions: ArrayLike, opacities: ArrayLike, colors: ArrayLike
    ) -> Gaussians:
        """Gaussians of one colour from all sides; `colors` is (N, 3) sRGB, 0 to 1."""
        sh = ((np.asarray(colors, np.float64) - 0.5) / SH_C0).astype(np.float32)
        return cls(
            np.asarray(means, np.float32),
            np.asarray(scales, np.float32),
            np.asarray(quaternions, np.float32),
            np.asarray(opacities, np.float32),
            sh[:, None, :],
        )

    def __len__(self) -> int:
        return len(self.means)

    @property
    def sh_degree(self) -> int:
        """Degree of the spherical harmonics, 0 to 3."""
        return math.isqrt(self.sh.shape[1]) - 1

    @property
    def colors(self) -> F32:
        """(N, 3) sRGB colour averaged over all directions, clipped to 0..1."""
        colors: F32 = np.clip(np.float32(0.5) + np.float32(SH_C0) * self.sh[:, 0], 0, 1)
        return colors

    def take(self, selection: AnyArray) -> Gaussians:
        """The Gaussians that a boolean mask (N,) or an index array selects, in its order."""
        return Gaussians(*(getattr(self, field.name)[selection] for field in fields(self)))

    def crop(self, low: Sequence[float], high: Sequence[float]) -> Gaussians:
        """Those whose centres lie in the closed box from `low` to `high` (metres)."""
        inside = np.all((self.means >= np.asarray(low)) & (self.means <= np.asarray(high)), axis=1)
        return self.take(inside)

    def validate(self) -> None:
        """Check the values.

        Raises:
            BadSceneError: a value is not finite or beyond `MAX_VALUE`, a scale is negative, an opacity is
                outside 0..1, or a quaternion is not of unit length; says which and how many.
        """
        found: list[Counter[str]] = []
        run_chunks(lambda start, stop: found.append(self.faults(slice(start, stop))), len(self), _CHUNK)
        refuse_faults(sum(found, Counter()))

    def faults(self, part: slice) -> Counter[str]:
        """What is wrong with a part that holds at least one, and how often; for `refuse_faults`."""
        faults: Counter[str] = Counter()
        for field in fields(self):
            values = getattr(self, field.name)[part]
            if not (values.min() >= -MAX_VALUE and values.max() <= MAX_VALUE):  # NaN fails
                bad = int((~(np.abs(values) <= MAX_VALUE)).sum())
                faults[f"values of {field.name} are not finite, or beyond {MAX_VALUE:g}."] = bad
        opacities, quaternions = self.opacities[part], self.quaternions[part]
        if self.scales[part].min() < 0:
            faults["scales are negative."] = int((self.scales[part] < 0).sum())
        if opacities.min() < 0 or opacities.max() > 1:
            faults["opacities lie outside 0..1."] = int(((opacities < 0) | (opacities > 1)).sum())
        with np.errstate(over="ignore"):
            lengths = np.sqrt(np.square(quaternions) @ np.ones(4, np.float32))
        if np.abs(lengths - 1).max() > _UNIT_TOLERANCE:
            faults["quaternions are not of unit length."] = int((np.abs(lengths - 1) > _UNIT_TOLERANCE).sum())
        return faults


def refuse_faults(faults: Mapping[str, int]) -> None:
    """Raise what `Gaussians.faults` found, if anything.

    Raises:
        BadSceneError: something is wrong; says what and how often.
    """
    if faults:
        raise BadSceneError(" ".join(f"{count} {fault}" for fault, count in sorted(faults.items())))


def merge(parts: Sequence[Gaussians]) -> Gaussians:
    """All parts one after the other; a part of lower degree gets zero for the higher harmonics.

    Raises:
        BadSceneError: no part was given.
    """
    if not parts:
        raise BadSceneError("Nothing to merge: give at least one set of Gaussians.")
    width = max(part.sh.shape[1] for part in parts)
    padded = [np.pad(part.sh, ((0, 0), (0, width - part.sh.shape[1]), (0, 0))) for part in parts]
    return Gaussians(
        np.concatenate([part.means for part in parts]),
        np.concatenate([part.scales for part in parts]),
        np.concatenate([part.quaternions for part in parts]),
        np.concatenate([part.opacities for part in parts]),
        np.concatenate(padded),
    )
