"""A renderer of textured meshes for CPUs: z-buffer, perspective-correct, bilinear, several samples a pixel.

The picture is cut into bands of rows. Each band lists the faces that reach into it, finds the nearest at every
sample, and only then looks up colours, so that nothing hidden is shaded. Bands are drawn on all cores; the picture
is the same to the last bit whatever their number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from wheatstone.arrays import F32, F64, I32, I64, U8, AnyArray
from wheatstone.compiled import run_chunks
from wheatstone.errors import BadOptionError
from wheatstone.meshes._raster import BAND_PX, GRID, draw_bands
from wheatstone.meshes.cameras import Camera
from wheatstone.meshes.mesh import Mesh

PLAIN = (186, 186, 190)
"""Colour of meshes that have none, sRGB."""

MAX_SAMPLES = 4

_LIGHT = np.array([-0.35, 0.55, 0.76])
"""Towards the light, in the camera's frame: over the viewer's left shoulder."""

_NEAR_SHARE = 1e-3  # of the farthest vertex: nearer ones are not drawn in perspective
_FARTHEST = 2.0**40  # of a vertex from the picture, in grid steps
_TEXELS_A_SAMPLE = 2.0  # more of them are averaged beforehand


@dataclass(frozen=True, slots=True, eq=False)
class RenderedMesh:
    """What a camera sees of a mesh.

    Attributes:
        color: (H, W, 3) float32 sRGB over the background, 0 to 1.
        alpha: (H, W) float32 share of the pixel that the mesh covers.
        depth: (H, W) float32 distance ahead of the camera along its axis, mean over what is covered; infinite
            where nothing is. An orthographic camera counts from the plane through its centre.
        world: (H, W, 3) float32 mean coordinates of what is covered; NaN where nothing is.
    """

    color: F32
    alpha: F32
    depth: F32
    world: F32

    @property
    def rgb(self) -> U8:
        """(H, W, 3) uint8 sRGB."""
        rgb: U8 = np.rint(self.color.clip(0, 1) * 255).astype(np.uint8)
        return rgb


def render(
    mesh: Mesh,
    camera: Camera,
    *,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    shading: float = 1.0,
    samples: int = 2,
) -> RenderedMesh:
    """Draw a mesh, both sides of its faces, with bilinear clamped texture and soft light from near the viewer.

    Faces that touch or pass the plane of a perspective camera are left out. Of faces at the same depth the first
    is drawn. Where texels are smaller than samples the whole texture is halved first.

    Args:
        mesh: what to draw.
        camera: where it is seen from.
        background: red, green, blue behind the mesh, sRGB, 0 to 1.
        shading: 0 shows the texture as it is, 1 lit.
        samples: along each side of a pixel, 1 to 4.

    Raises:
        BadOptionError: an option is out of range.
    """
    behind = np.asarray(background, np.float32)
    if behind.shape != (3,) or not np.isfinite(behind).all():
        raise BadOptionError(f"The background must be red, green and blue, 0 to 1, got {background}.")
    if not 0 <= shading <= 1:
        raise BadOptionError(f"Shading is 0 (none) to 1, got {shading}.")
    if not 1 <= samples <= MAX_SAMPLES:
        raise BadOptionError(f"A pixel has 1 to {MAX_SAMPLES} samples along each side, got {samples}.")

    points = camera.points_seen(mesh.vertices)
    depths = -points[:, 2]
    places = _places(points, depths, camera, samples)
    nearness = _nearness(depths, camera)
    bands = math.ceil(camera.height_px / BAND_PX)
    starts, entries = _band_lists(places, nearness, mesh.faces, bands, samples)
    uv, texture = _colors(mesh, places)
    normals = mesh.vertex_normals if shading > 0 else mesh.vertices  # not looked at without shading
    normals = (normals @ camera.world_to_camera[:3, :3].T).astype(np.float32)
    light = (_LIGHT / np.linalg.norm(_LIGHT)).astype(np.float32)

    shape = camera.height_px, camera.width_px
    color, world = np.empty((2, *shape, 3), np.float32)
    alpha, depth = np.empty((2, *shape), np.float32)

    def work(start: int, stop: int) -> None:
        draw_bands(
            start,
            stop,
            starts,
            entries,
            mesh.faces,
            places,
            nearness,
            camera.is_perspective,
            samples,
            mesh.vertices,
            normals,
            uv,
            texture,
            light,
            np.float32(shading),
            behind,
            color,
            alpha,
            depth,
            world,
        )

    run_chunks(work, bands, 1)
    return RenderedMesh(color, alpha, depth, world)


def _places(points: F64, depths: F64, camera: Camera, samples: int) -> F64:
    """(V, 2) where vertices lie on the picture, right and down, in whole steps of the grid.

    On a grid the arithmetic that tells inside from outside is exact, so that faces side by side leave no gap.
    """
    zoom = camera.zoom_px * samples * GRID
    scale = zoom / np.where(depths > 0, depths, np.inf) if camera.is_perspective else np.full(len(points), zoom)
    places = np.stack([points[:, 0] * scale, -points[:, 1] * scale], axis=1)
    places += np.array([camera.width_px, camera.height_px]) / 2 * samples * GRID
    on_grid: F64 = np.rint(places.clip(-_FARTHEST, _FARTHEST))
    return on_grid


def _nearness(depths: F64, camera: Camera) -> F64:
    """(V,) larger for what is nearer, and linear on the picture; NaN for what is not to be drawn."""
    if not camera.is_perspective:
        return -depths
    near = _NEAR_SHARE * max(float(depths.max()), 0.0)
    return np.where(depths > near, 1 / np.where(depths > near, depths, 1), np.nan)


def _band_lists(places: F64, nearness: F64, faces: I32, bands: int, samples: int) -> tuple[I64, I64]:
    """Which faces reach into each band, in their order: where its list begins, and all lists in a row."""
    rows = places[:, 1][faces] / (GRID * samples * BAND_PX)
    first = np.floor(rows.min(axis=1)).clip(0, bands).astype(np.int64)
    last = np.floor(rows.max(axis=1)).clip(-1, bands - 1).astype(np.int64)
    spans = np.where(np.isfinite(nearness[faces]).all(axis=1), (last - first + 1).clip(0), 0)
    listed = np.repeat(np.arange(len(faces)), spans)
    within = np.arange(len(listed)) - np.repeat(spans.cumsum() - spans, spans)
    band = (np.repeat(first, spans) + within).astype(np.uint16)
    starts = np.concatenate([[0], np.bincount(band, minlength=bands).cumsum()])
    return starts, listed[np.argsort(band, kind="stable")]


def _colors(mesh: Mesh, places: F64) -> tuple[F32, U8]:
    """(V, 2) where in the texture vertices are, and the texture, halved as often as suits the picture."""
    if mesh.uv is None or mesh.texture is None:
        return np.zeros((len(mesh.vertices), 2), np.float32), np.array([[PLAIN]], np.uint8)
    texture = mesh.texture
    height, width = texture.shape[:2]
    on_texture = _areas(mesh.uv * np.array([width, height], np.float64), mesh.faces)
    on_picture = _areas(places / GRID, mesh.faces).sum()
    texels_a_sample = math.sqrt(on_texture.sum() / on_picture) if on_picture > 0 else 1.0
    while texels_a_sample > _TEXELS_A_SAMPLE and min(texture.shape[:2]) >= 2:
        texture = _halved(texture)
        texels_a_sample /= 2
    return mesh.uv, texture


def _areas(points: AnyArray, faces: I32) -> F64:
    """(F,) twice the area of each face on a plane."""
    a, b, c = np.moveaxis(points[faces], 1, 0)
    areas: F64 = np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))
    return areas


def _halved(texture: U8) -> U8:
    """Half as many texels along each side; of an odd number the last is dropped."""
    height, width = texture.shape[0] // 2, texture.shape[1] // 2
    even = np.array(texture[: 2 * height, : 2 * width])
    halved: U8 = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
    return halved
