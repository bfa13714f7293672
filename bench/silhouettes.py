"""Random silhouettes become bodies: every one closed, facing outwards and about as large as its outline says.

Blobs, polygons, strokes as thin as a pixel, rings and combs, in one piece or several, whole or cut by the border;
among them vases, cups, plates and cups on saucers. Each is made at several numbers of faces.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from wheatstone.arrays import F32, U8
from wheatstone.meshes.mesh import Mesh
from wheatstone.models.inflate.body import closed_surface
from wheatstone.models.inflate.decimation import decimate
from wheatstone.models.inflate.heights import raise_heights
from wheatstone.models.inflate.silhouette import PLAN_PX, find_silhouette

SILHOUETTES = 400
FACES = (24_000, 3_000, 300)
_CROCKERY = 5
"""Every so many-th is a vase, a cup or a plate."""


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
        if number % _CROCKERY == 0:
            matte, colours = random_crockery(number)
        else:
            matte = random_matte(number)
            shading = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
            colours = np.asarray(cv2.resize(shading, (PLAN_PX, PLAN_PX), interpolation=cv2.INTER_LINEAR), np.uint8)
        silhouette = find_silhouette(matte, f"silhouette {number}")
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


def random_crockery(seed: int) -> tuple[F32, U8]:
    """A matte as large as the plan, which its object fills, and its colours."""
    random = np.random.default_rng(seed)
    matte = np.zeros((PLAN_PX, PLAN_PX), np.uint8)
    colours = np.full((PLAN_PX, PLAN_PX, 3), 200, np.uint8)
    middle, half = PLAN_PX // 2, round(0.45 * PLAN_PX)
    squash = float(random.uniform(0.2, 0.95))
    kind = random.integers(3)
    if kind == 0:  # a vase
        knots = random.uniform(0.05, 1, int(random.integers(2, 7))) * half
        radii = np.interp(np.linspace(0, 1, 2 * half), np.linspace(0, 1, len(knots)), knots)
        for row, radius in enumerate(radii):
            matte[middle - half + row, round(middle - radius) : round(middle + radius)] = 255
        return (matte / np.float32(255)).astype(np.float32), colours
    rim_x = half if kind == 1 else round(half * random.uniform(0.3, 0.8))
    rim_y = max(6, round(rim_x * squash))
    top = middle - round(half * random.uniform(0, 0.5))
    if kind == 1:  # a cup or, if it is low, a plate
        foot, height = round(rim_x * random.uniform(0.3, 0.9)), round(half * random.uniform(0.02, 1))
        low = top + height
        wall = [(middle - rim_x, top), (middle + rim_x, top), (middle + foot, low), (middle - foot, low)]
        cv2.fillPoly(matte, [np.array(wall, np.int32)], 255)
        cv2.ellipse(matte, (middle, low), (foot, round(foot * squash)), 0, 0, 360, 255, -1)
    else:  # a cup on its saucer
        cv2.ellipse(matte, (middle, middle), (half, round(half * squash)), 0, 0, 360, 255, -1)
    cv2.ellipse(matte, (middle, top), (rim_x, rim_y), 0, 0, 360, 255, -1)
    cv2.ellipse(colours, (middle, top), (rim_x - 5, rim_y - 5), 0, 0, 360, (60, 40, 30), -1)
    return (matte / np.float32(255)).astype(np.float32), np.asarray(
        cv2.GaussianBlur(colours, (0, 0), 1.5), np.uint8
    )


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
