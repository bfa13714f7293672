"""The part of a glTF document that is read here: one mesh, its arrays and its texture."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError
from pydantic.alias_generators import to_camel

from wheatstone.arrays import F32, I64, AnyArray
from wheatstone.errors import BadMeshError
from wheatstone.meshes.formats import _draco

U16, U32, FLOAT = 5123, 5125, 5126
"""glTF's numbers of component types."""

_KINDS: dict[int, np.dtype[Any]] = {U16: np.dtype("<u2"), U32: np.dtype("<u4"), FLOAT: np.dtype("<f4")}
_ATTRIBUTES = {"POSITION": "VEC3", "NORMAL": "VEC3", "TEXCOORD_0": "VEC2"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}
_MAX_ITEMS = 4096

Item = TypeVar("Item")


class _Part(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class _View(_Part):
    buffer: Literal[0] = 0
    byte_offset: NonNegativeInt = 0
    byte_length: PositiveInt
    byte_stride: PositiveInt | None = None


class _Accessor(_Part):
    buffer_view: NonNegativeInt | None = None
    byte_offset: NonNegativeInt = 0
    component_type: int
    count: PositiveInt
    type: str
    sparse: None = None


class _Draco(_Part):
    buffer_view: NonNegativeInt
    attributes: dict[str, NonNegativeInt]


class _PrimitiveExtensions(_Part):
    draco: _Draco | None = Field(None, alias=_draco.NAME)


class Primitive(_Part):
    """Triangles and what is known at their corners."""

    attributes: dict[str, NonNegativeInt]
    indices: NonNegativeInt | None = None
    material: NonNegativeInt | None = None
    mode: Literal[4] = 4  # triangles
    extensions: _PrimitiveExtensions = _PrimitiveExtensions()


class _Mesh(_Part):
    primitives: list[Primitive]


class _Node(_Part):
    mesh: NonNegativeInt | None = None
    matrix: None = None
    translation: None = None
    rotation: None = None
    scale: None = None


class _TextureUse(_Part):
    index: NonNegativeInt


class _Surface(_Part):
    base_color_texture: _TextureUse | None = None


class _Material(_Part):
    pbr_metallic_roughness: _Surface = _Surface()


class _Source(_Part):
    source: NonNegativeInt


class _TextureExtensions(_Part):
    webp: _Source | None = Field(None, alias="EXT_texture_webp")


class _Texture(_Part):
    source: NonNegativeInt | None = None
    extensions: _TextureExtensions = _TextureExtensions()


class _Image(_Part):
    buffer_view: NonNegativeInt


class _Json(_Part):
    nodes: list[_Node] = Field(default_factory=list, max_length=_MAX_ITEMS)
    meshes: list[_Mesh] = Field(default_factory=list, max_length=_MAX_ITEMS)
    accessors: list[_Accessor] = Field(default_factory=list, max_length=_MAX_ITEMS)
    buffer_views: list[_View] = Field(default_factory=list, max_length=_MAX_ITEMS)
    materials: list[_Material] = Field(default_factory=list, max_length=_MAX_ITEMS)
    textures: list[_Texture] = Field(default_factory=list, max_length=_MAX_ITEMS)
    images: list[_Image] = Field(default_factory=list, max_length=_MAX_ITEMS)


class Document:
    """A document together with its binary chunk; every number in it is checked before it is used."""

    def __init__(self, parts: _Json, body: bytes) -> None:
        self._parts = parts
        self._body = body

    def only_primitive(self) -> Primitive:
        """The one primitive.

        Raises:
            BadMeshError: there is none, or more than one.
        """
        primitives = [primitive for mesh in self._parts.meshes for primitive in mesh.primitives]
        if len(primitives) != 1:
            raise BadMeshError(f"The GLB holds {len(primitives)} pieces; files of one can be read.")
        return primitives[0]

    def plain(self, primitive: Primitive) -> tuple[dict[str, F32], I64]:
        """Arrays by their names and (3 F,) indices.

        Raises:
            BadMeshError: an array is not there, or of another kind.
        """
        attributes = primitive.attributes
        arrays = {
            name: self._array(attributes[name], kind, (FLOAT,)).astype(np.float32)
            for name, kind in _ATTRIBUTES.items()
            if name in attributes
        }
        if primitive.indices is None:
            return arrays, np.arange(len(arrays.get("POSITION", [])))
        return arrays, self._array(primitive.indices, "SCALAR", (U16, U32)).astype(np.int64)

    def compressed(self, primitive: Primitive) -> tuple[dict[str, F32], I64] | None:
        """The same of what is compressed; None if it is not.

        Raises:
            BadMeshError: it is damaged, or what unpacks it is not installed.
        """
        draco = primitive.extensions.draco
        if draco is None:
            return None
        content = self._content(_item(self._parts.buffer_views, draco.buffer_view, "buffer view"))
        ids = {name: number for name, number in draco.attributes.items() if name in _ATTRIBUTES}
        return _draco.unpack(content, ids)

    def _array(self, number: int, kind: str, components: tuple[int, ...]) -> AnyArray:
        """The array of an accessor, (N,) or (N, 2 | 3).

        Args:
            number: of the accessor.
            kind: `SCALAR`, `VEC2` or `VEC3`.
            components: component types that are taken.

        Raises:
            BadMeshError: it is not there, of another kind, or reaches out of the file.
        """
        accessor = _item(self._parts.accessors, number, "accessor")
        if accessor.type != kind or accessor.component_type not in components:
            raise BadMeshError(f"Accessor {number} of the GLB is {accessor.type} of {accessor.component_type}.")
        if accessor.buffer_view is None:
            raise BadMeshError(f"Accessor {number} of the GLB has no content.")
        view = _item(self._parts.buffer_views, accessor.buffer_view, "buffer view")
        values, width = _KINDS[accessor.component_type], _WIDTHS[kind]
        row = values.itemsize * width
        stride = view.byte_stride or row
        if stride < row or accessor.byte_offset + stride * (accessor.count - 1) + row > view.byte_length:
            raise BadMeshError(f"Accessor {number} of the GLB reaches out of its buffer view.")
        content = self._content(view)
        shape, strides = (accessor.count, width), (stride, values.itemsize)
        array: AnyArray = np.ndarray(shape, values, content, accessor.byte_offset, strides)
        return array[:, 0] if kind == "SCALAR" else array

    def picture(self, primitive: Primitive) -> bytes | None:
        """The picture file of a primitive's colours; None if it has none.

        Raises:
            BadMeshError: it is not in the file.
        """
        if primitive.material is None:
            return None
        use = _item(
            self._parts.materials, primitive.material, "material"
        ).pbr_metallic_roughness.base_color_texture
        if use is None:
            return None
        texture = _item(self._parts.textures, use.index, "texture")
        webp = texture.extensions.webp
        source = webp.source if webp else texture.source
        if source is None:
            raise BadMeshError("The texture of the GLB has no picture of a kind that can be read.")
        image = _item(self._parts.images, source, "image")
        return self._content(_item(self._parts.buffer_views, image.buffer_view, "buffer view"))

    def _content(self, view: _View) -> bytes:
        end = view.byte_offset + view.byte_length
        if end > len(self._body):
            raise BadMeshError("A buffer view of the GLB reaches out of the file.")
        return self._body[view.byte_offset : end]


def read_document(text: bytes, body: bytes) -> Document:
    """Parse a document.

    Raises:
        BadMeshError: it is no JSON, or not of the shape that can be read; says where.
    """
    try:
        return Document(_Json.model_validate_json(text), body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "JSON"
        raise BadMeshError(f"The GLB cannot be read: {where[:80]}: {first['msg'][:120]}.") from error


def _item(items: list[Item], number: int, kind: str) -> Item:
    if number >= len(items):
        raise BadMeshError(f"The GLB names {kind} {number}, but has {len(items)}.")
    return items[number]
