"""The embedded mesh model `inflate`: an object's silhouette is blown up and painted, in seconds on any machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from wheatstone.arrays import F32, U8
from wheatstone.meshes.formats import glb, obj
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.six_views import six_views
from wheatstone.meshes.textures import TextureKind, encode_texture, with_texture_of
from wheatstone.models.inflate.about import INFLATE, Detail
from wheatstone.models.inflate.body import closed_surface
from wheatstone.models.inflate.decimation import decimate
from wheatstone.models.inflate.features import find_features
from wheatstone.models.inflate.heights import raise_heights
from wheatstone.models.inflate.painting import object_colours, paint
from wheatstone.models.inflate.silhouette import PLAN_PX, find_silhouette
from wheatstone.models.inflate.unrolling import Unrolling, place, unroll
from wheatstone.models.matting import Matte, estimate_matte
from wheatstone.models.roles import OBJECT, PIXELS, XYZ, Part
from wheatstone.pictures import Picture
from wheatstone.stages import Stages

_MATTE_SIDE_PX = 768
_PHOTO_SIDE_PX = 3072
"""More of a photo than this tells nothing more: the texture is smaller."""
_PREVIEW_FACES, _PREVIEW_PX = 3000, 512
"""Of the mesh that can be shown before the files are there; pixels along the texture's longer side."""


class Inflate:
    """Photo of an object to a closed mesh by classical vision.

    Attributes:
        info: name, label and licence.
    """

    info = INFLATE

    def __init__(self, matte_checkpoint: Path | None, detail: Detail | None = None) -> None:
        """Take `matte_checkpoint`, a U²-Net as ONNX, for the matte; None means classical cues."""
        self._matte_checkpoint = matte_checkpoint
        self._detail = detail or Detail()

    def reconstruct(self, picture: Picture, stages: Stages) -> Iterator[Part]:
        """The parts: matte, six views, their coordinates, preview, OBJ in a ZIP, GLB.

        The same picture gives the same bytes, whatever the thread count.

        Raises:
            BadPictureError: the picture shows no object.
            CancelledError: the run was told to end.
        """
        photo = picture.resized(_PHOTO_SIDE_PX)
        matte = self._matte(photo, stages)
        yield Part("matte.png", _cut_out(photo.resized(_MATTE_SIDE_PX), matte.alpha))
        body = self._body(photo, matte, stages)
        mesh = body.wrapped(self._detail.faces)
        with stages.stage("views"):
            views = six_views(mesh)
            pixels, coordinates = encode_texture(views.pixels), encode_texture(views.coordinates)
        yield Part(PIXELS, pixels)
        yield Part(XYZ, coordinates)
        with stages.stage("files") as progress:
            preview = with_texture_of(body.wrapped(_PREVIEW_FACES), _PREVIEW_PX)
            data = glb.encode(preview, texture=TextureKind.JPEG)
            progress(0.2)
        yield Part("preview.glb", data)
        with stages.stage("files") as progress:
            progress(0.3)
            data = obj.encode_zip(mesh)
            progress(0.9)
        yield Part(OBJECT, data)
        with stages.stage("files"):
            data = glb.encode(mesh, texture=TextureKind.JPEG)
        yield Part("model.glb", data)

    def build(self, picture: Picture, stages: Stages) -> Mesh:
        """Only the mesh, with its texture unharmed; else as `reconstruct`."""
        photo = picture.resized(_PHOTO_SIDE_PX)
        return self._body(photo, self._matte(photo, stages), stages).wrapped(self._detail.faces)

    def _matte(self, photo: Picture, stages: Stages) -> Matte:
        with stages.stage("matte"):
            small = photo.resized(_MATTE_SIDE_PX)
            return estimate_matte(small.rgb, small.alpha, self._matte_checkpoint)

    def _body(self, photo: Picture, matte: Matte, stages: Stages) -> _Body:
        with stages.stage("shape") as progress:
            silhouette = find_silhouette(matte.alpha, photo.name)
            plan = object_colours(photo, matte.alpha, silhouette, 1.0, PLAN_PX)
            heights = raise_heights(silhouette, plan)
            progress(0.3)
            vertices, faces = closed_surface(silhouette, heights)
            progress(0.7)
            surface = Mesh(*decimate(vertices, faces, max(self._detail.faces, _PREVIEW_FACES)))
        with stages.stage("texture") as progress:
            unrolling = unroll(silhouette, heights)
            progress(0.2)
            extent = float(np.abs(place(unrolling, surface.vertices).places).max()) + 0.03
            colours = object_colours(photo, matte.alpha, silhouette, extent, self._detail.texture_px)
            progress(0.3)
            features = find_features(silhouette, heights, plan)
            front, back = paint(colours, unrolling, features, extent)
        return _Body(surface, unrolling, extent, np.concatenate([front, back], axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class _Body:
    """What is left to do is choose how fine.

    Attributes:
        surface: closed, in halves of the plan's side.
        unrolling: where its points lie on the texture.
        extent: half the side of the square that each half of the texture shows.
        texture: (T, 2 T, 3) sRGB, front and back.
    """

    surface: Mesh
    unrolling: Unrolling
    extent: float
    texture: U8

    def wrapped(self, faces: int) -> Mesh:
        """The surface with about so many faces in its texture, in a box of longest side 1 around the origin."""
        vertices, triangles = decimate(self.surface.vertices, self.surface.faces, faces)
        surface = Mesh(vertices, triangles)
        placement = place(self.unrolling, vertices)
        # A face is what at least two of its corners are. Where parts meet, a vertex is on both.
        kinds = np.sort(placement.kinds[triangles], axis=1)[:, 1]
        corners = triangles.astype(np.int64) * len(placement.places) + kinds[:, None]
        used, inverse = np.unique(corners, return_inverse=True)
        vertex, kind = used // len(placement.places), used % len(placement.places)
        square = np.clip((placement.places[kind, vertex] / self.extent + 1) / 2, 0, 1)
        on_back = np.array(placement.on_back)[kind]
        uv = np.stack([(square[:, 0] + on_back) / 2, 1 - square[:, 1]], axis=1)
        normals = surface.vertex_normals[vertex]
        mesh = Mesh(
            vertices[vertex],
            inverse.reshape(-1, 3).astype(np.int32),
            uv.astype(np.float32),
            self.texture,
            normals,
        )
        return mesh.normalized()


def _cut_out(photo: Picture, alpha: F32) -> bytes:
    """The photo with all but its object transparent."""
    rgba = np.dstack([photo.rgb, np.rint(alpha * 255).astype(np.uint8)])
    rgba[rgba[..., 3] == 0] = 0
    file = BytesIO()
    Image.fromarray(rgba).save(file, "PNG")
    return file.getvalue()
