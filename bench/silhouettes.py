"""Random silhouettes become bodies: every one closed, facing outwards and about as large as its outline says.

Blobs, polygons, strokes as thin as a pixel, rings and combs, in one piece or several, whole or cut by the border;
each is inflated at several numbers of faces.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from wheatstone.arrays import F32, U8
from wheatstone.meshes.mesh import Mesh
from wheatstone.models.inflate.body import closed_surface, raise_heights
from wheatstone.models.inflate.decimation import decimate
from wheatstone.models.inflate.silhouette import PLAN_PX, find_silhouette

SILHOUETTES = 400
FACES = (24_000, 3_000, 300)


def run() -> dict[str, Any]:
    """The whole campaign, a few minutes; the tests do a twentieth."""
    return campaign(SILHOUETTES)


def campaign(count: int) -> dict[str, Any]:
    """Inflate so many silhouettes.

    Returns:
        `silhouettes`, `meshes`, and `findings`: number of the silhouette, faces asked for, and what is wrong.
    """
    findings: list[str] = []
    for number in range(count):
        silhouette = find_silhouette(random_matte(number), f"silhouette {number}")
        shading = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
        colours: U8 = cv2.resize(shading, (PLAN_PX, PLAN_PX), interpolation=cv2.INTER_LINEAR)
        vertices, faces = closed_surface(silhouette, raise_heights(silhouette, colours))
        for target in FACES:
            vertices, faces = decimate(vertices, faces, target)
            findings += [f"{number} at {target}: {fault}" for fault in faults(Mesh(vertices, faces), target)]
    return {"silhouettes": count, "meshes": count * len(FACES), "findings": findings}


def faults(mesh: Mesh, target: int) -> list[str]:
    """What is wrong with a surface."""
    found = []
    if not mesh.is_watertight:
        found.append("open")
    if not mesh.volume > 0:
        found.append("inside out")
    if len(mesh.faces) > max(target, 2000):  # many holes need many faces
        found.append(f"{len(mesh.faces)} faces")
    if np.abs(mesh.vertices).max() > 1.05:
        found.append("outside its box")
    return found


def random_matte(seed: int) -> F32:
    """(H, W) a matte of something, different with every seed."""
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(120, 480, 2))
    matte = np.zeros((height, width), np.uint8)
    for _ in range(int(random.integers(1, 5))):
        _DRAWERS[int(random.integers(len(_DRAWERS)))](matte, random)
    for _ in range(int(random.integers(0, 4))):  # holes
        radius = int(random.integers(1, max(2, min(height, width) // 8)))
        cv2.circle(matte, _point(matte, random), radius, 0, -1)
    if not matte.any():
        cv2.circle(matte, (width // 2, height // 2), min(height, width) // 4, 255, -1)
    soft = cv2.GaussianBlur(matte, (0, 0), 0.7) if random.random() < 0.5 else matte
    if (soft > 127).sum() < 30:
        soft[height // 4 : height // 2, width // 4 : width // 2] = 255
    return (soft / np.float32(255)).astype(np.float32)


def _point(matte: U8, random: np.random.Generator) -> tuple[int, int]:
    height, width = matte.shape
    return int(random.integers(-width // 10, width + width // 10)), int(random.integers(0, height))


def _blob(matte: U8, random: np.random.Generator) -> None:
    noise = cv2.GaussianBlur(random.random(matte.shape), (0, 0), float(random.uniform(4, 25)))
    matte[noise > np.quantile(noise, random.uniform(0.6, 0.97))] = 255


def _ellipse(matte: U8, random: np.random.Generator) -> None:
    axes = int(random.integers(3, matte.shape[1] // 2)), int(random.integers(3, matte.shape[0] // 2))
    cv2.ellipse(matte, _point(matte, random), axes, float(random.uniform(0, 180)), 0, 360, 255, -1)


def _polygon(matte: U8, random: np.random.Generator) -> None:
    points = np.array([_point(matte, random) for _ in range(int(random.integers(3, 9)))], np.int32)
    cv2.fillPoly(matte, [points], 255)


def _strokes(matte: U8, random: np.random.Generator) -> None:
    for _ in range(int(random.integers(1, 12))):
        cv2.line(matte, _point(matte, random), _point(matte, random), 255, int(random.integers(1, 9)))


def _ring(matte: U8, random: np.random.Generator) -> None:
    radius = int(random.integers(8, min(matte.shape) // 2))
    cv2.circle(matte, _point(matte, random), radius, 255, int(random.integers(1, max(2, radius // 3))))


def _comb(matte: U8, random: np.random.Generator) -> None:
    pitch = int(random.integers(3, 20))
    x, y = _point(matte, random)
    for tooth in range(int(random.integers(3, 15))):
        left = x + tooth * pitch
        cv2.rectangle(matte, (left, y), (left + pitch // 2, y + matte.shape[0] // 3), 255, -1)
    cv2.rectangle(matte, (x, y), (x + 10 * pitch, y + pitch), 255, -1)


_DRAWERS = (_blob, _ellipse, _polygon, _strokes, _ring, _comb)
