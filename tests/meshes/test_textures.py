from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tests.meshes.shapes import SIDES, box, painted, sphere
from wheatstone.errors import BadMeshError, BadOptionError
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.textures import (
    TextureKind,
    decode_texture,
    encode_texture,
    vertex_colors,
    with_texture_of,
)
from wheatstone.settings import PictureLimits


@pytest.mark.parametrize("kind", list(TextureKind))
def test_a_texture_is_kept_as_asked_and_comes_back(kind: TextureKind) -> None:
    texture = np.repeat(np.repeat(SIDES[None], 16, axis=0), 16, axis=1)
    content = encode_texture(texture, kind)
    assert content == encode_texture(texture, kind)
    with Image.open(BytesIO(content)) as picture:
        assert picture.format == kind.value.upper()
    back = decode_texture(content, "it", PictureLimits())
    assert np.abs(back.astype(int) - texture)[:, 4:12].max() < (1 if kind is TextureKind.PNG else 8)


def test_a_texture_too_large_for_graphics_cards_is_refused() -> None:
    with pytest.raises(BadOptionError, match="16384"):
        encode_texture(np.zeros((1, 16385, 3), np.uint8))


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(BadMeshError, match="texture cannot be read"):
        decode_texture(b"hello", "it", PictureLimits())


def test_a_texture_becomes_smaller_but_never_larger() -> None:
    mesh = painted(sphere(), 64)
    mesh = replace(mesh, texture=np.zeros((32, 64, 3), np.uint8))
    smaller = with_texture_of(mesh, 16).texture
    assert smaller is not None
    assert smaller.shape == (8, 16, 3)
    assert with_texture_of(mesh, 64) is mesh
    assert with_texture_of(sphere(), 16).texture is None


def test_a_texture_without_pixels_is_refused() -> None:
    with pytest.raises(BadOptionError, match="at least one pixel"):
        with_texture_of(box(), 0)


def test_vertices_have_the_colours_of_the_texture_there() -> None:
    colors = vertex_colors(box())
    assert colors is not None
    assert np.array_equal(colors, np.repeat(SIDES, 4, axis=0))
    assert vertex_colors(sphere()) is None


def test_edges_of_a_texture_go_on_outside() -> None:
    texture = np.array([[(10, 0, 0), (30, 0, 0)], [(50, 0, 0), (70, 0, 0)]], np.uint8)
    uv = np.array([(-5, 9), (9, -5), (0.5, 0.5), (0.5, 1)], np.float32)
    mesh = Mesh(np.eye(4, 3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), uv, texture)
    colors = vertex_colors(mesh)
    assert colors is not None
    assert colors[:, 0].tolist() == [10, 70, 40, 20]
