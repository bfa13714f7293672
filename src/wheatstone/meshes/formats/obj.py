"""Wavefront OBJ with its material and its texture: three files of one stem, or a zip of them.

The frame is ours (y up). Corners name places, texture coordinates and normals apart, so the surface stays closed
across the texture's seams.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise

import numpy as np

from wheatstone.arrays import I64, U8
from wheatstone.errors import BadMeshError, BadOptionError, reason
from wheatstone.meshes.formats._text import rows
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.textures import decode_texture, encode_texture
from wheatstone.settings import PictureLimits

STEM = "output3d"
"""Of the three names inside `output3d.zip`."""

MAX_BYTES = 128 << 20
"""Of a file that is read; of a zip, also unpacked."""

_MATERIAL = "material0"
_ENCODING, _ODD_BYTES = "utf-8", "surrogateescape"
"""Names of files may hold any bytes, which Python keeps so."""
_MAX_FILES = 16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def files(mesh: Mesh, stem: str = STEM) -> dict[str, bytes]:
    """The files of a mesh by name: `stem` with .obj, .mtl and, if it has a texture, .png.

    Raises:
        BadOptionError: `stem` has a line break, so that lines of text cannot name the other files.
    """
    if len(f"{stem}.".splitlines()) > 1:
        raise BadOptionError(f"An OBJ names its other files, which {stem!r}, with a line break, does not let it.")
    material = [f"newmtl {_MATERIAL}", "Ka 0 0 0", "Kd 1 1 1", "Ks 0 0 0", "illum 1"]
    pictures = {}
    if mesh.texture is not None:
        material.append(f"map_Kd {stem}.png")
        pictures[f"{stem}.png"] = encode_texture(mesh.texture)
    else:
        material[2] = "Kd 0.73 0.73 0.745"
    return {
        f"{stem}.obj": _text(mesh, stem).encode("ascii" if stem.isascii() else _ENCODING, _ODD_BYTES),
        f"{stem}.mtl": ("\n".join(material) + "\n").encode(_ENCODING, _ODD_BYTES),
        **pictures,
    }


def encode_zip(mesh: Mesh, stem: str = STEM) -> bytes:
    """The files in a zip, dated 1980, so that the same mesh gives the same bytes."""
    package = BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for name, content in files(mesh, stem).items():
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # Unix, on every platform
            packed = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content, compress_type=packed)
    return package.getvalue()


def decode_zip(data: bytes, limits: PictureLimits | None = None) -> Mesh:
    """Read a zip that holds an OBJ, as `encode_zip` writes.

    Raises:
        BadMeshError: it is no zip, too large unpacked, or its mesh cannot be read.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > _MAX_FILES or sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise BadMeshError(f"The zip holds more than {_MAX_FILES} files or {MAX_BYTES:,} bytes.")
            if any(entry.compress_type not in _METHODS for entry in entries):
                raise BadMeshError("The zip is packed in a way that cannot be read.")
            found = {entry.filename: archive.read(entry) for entry in entries if not entry.filename.endswith("/")}
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError) as error:
        raise BadMeshError(f"The zip cannot be read: {reason(error)}.") from error
    names = [name for name in found if name.lower().endswith(".obj")]
    if len(names) != 1:
        raise BadMeshError(f"The zip must hold one .obj, found {len(names)}.")
    return decode(found[names[0]], found.get, limits)


def decode(content: bytes, beside: Callable[[str], bytes | None], limits: PictureLimits | None = None) -> Mesh:
    """Read an OBJ, with the texture that its material names, if that is there.

    Polygons are cut into triangles; groups, smoothing, lines, points and curves are passed over.

    Args:
        content: the .obj.
        beside: gives what is in the file of that name, which may be any text; None where there is none.
        limits: of the texture; by default those of `PictureLimits`.

    Raises:
        BadMeshError: it is malformed; says on which line.
    """
    parsed = _Parsed(content)
    name = _picture_name((beside(parsed.library) if parsed.library else None) or b"")
    picture = beside(name) if name and parsed.has_uv else None
    return parsed.mesh(None if picture is None else decode_texture(picture, name, limits or PictureLimits()))


def _text(mesh: Mesh, stem: str) -> str:
    """The .obj: places, coordinates, normals, then faces whose corners are numbered from 1."""
    place, first = mesh.places()
    blocks = [
        f"mtllib {stem}.mtl",
        f"o {stem}",
        rows("v %.7g %.7g %.7g", mesh.vertices[first]),
        *([] if mesh.uv is None else [rows("vt %.7g %.7g", mesh.uv)]),
        rows("vn %.5g %.5g %.5g", mesh.vertex_normals),
        f"usemtl {_MATERIAL}",
    ]
    corners = np.stack([place[mesh.faces], mesh.faces, mesh.faces], axis=2) + 1
    if mesh.uv is None:
        blocks.append(rows("f %d//%d %d//%d %d//%d", corners[:, :, [0, 2]].reshape(-1, 6)))
    else:
        blocks.append(rows("f %d/%d/%d %d/%d/%d %d/%d/%d", corners.reshape(-1, 9)))
    return "\n".join(blocks) + "\n"


def _picture_name(material: bytes) -> str:
    """The file name that the last `map_Kd` of a material library ends in; empty if there is none."""
    name = ""
    for line in material.decode(_ENCODING, _ODD_BYTES).splitlines():
        words = line.split(maxsplit=1)
        if len(words) == 2 and words[0] == "map_Kd":
            name = words[1].strip()
    return name


class _Parsed:
    """What the lines of an .obj say."""

    def __init__(self, content: bytes) -> None:
        self.library = ""
        self._points: list[list[float]] = []
        self._uv: list[list[float]] = []
        self._normals: list[list[float]] = []
        self._corners: list[tuple[int, int, int]] = []  # three a triangle; -1 for what is not given
        for number, line in enumerate(content.decode(_ENCODING, _ODD_BYTES).splitlines(), 1):
            try:
                self._take(line.split(), line)
            except (ValueError, IndexError) as error:
                raise BadMeshError(f"Line {number} of the OBJ cannot be read: {line[:60]!r}.") from error

    @property
    def has_uv(self) -> bool:
        """Whether every corner has texture coordinates."""
        return bool(self._corners) and all(uv >= 0 for _, uv, _ in self._corners)

    def mesh(self, texture: U8 | None) -> Mesh:
        """One vertex for each combination of place, coordinates and normal that a corner has."""
        if not self._corners:
            raise BadMeshError("The OBJ has no faces.")
        combinations, faces = _distinct(np.array(self._corners, np.int64))
        places, uv, normals = combinations.T
        units = None
        if normals.min() >= 0:
            units = np.array(self._normals, np.float64)[normals]
            lengths = np.linalg.norm(units, axis=1, keepdims=True)
            units = units / lengths if np.all((lengths > 1e-6) & (lengths < 1e6)) else None
        return Mesh(
            np.array(self._points, np.float64)[places],
            faces.reshape(-1, 3).astype(np.int32),
            np.array(self._uv, np.float64)[uv] if self.has_uv else None,
            texture,
            units,
        )

    def _take(self, words: list[str], line: str) -> None:
        match words[:1]:
            case ["v"]:
                self._points.append([float(words[1]), float(words[2]), float(words[3])])
            case ["vt"]:
                self._uv.append([float(words[1]), float(words[2])])
            case ["vn"]:
                self._normals.append([float(words[1]), float(words[2]), float(words[3])])
            case ["f"]:
                corners = [self._corner(word) for word in words[1:]]
                if len(corners) < 3:
                    raise ValueError("fewer than three corners")
                for second, third in pairwise(corners[1:]):
                    self._corners += [corners[0], second, third]
            case ["mtllib"]:
                self.library = line.split(maxsplit=1)[1].strip()

    def _corner(self, word: str) -> tuple[int, int, int]:
        place, uv, normal = [*word.split("/"), "", ""][:3]
        return (
            _index(place, len(self._points)),
            _index(uv, len(self._uv)) if uv else -1,
            _index(normal, len(self._normals)) if normal else -1,
        )


def _index(word: str, count: int) -> int:
    """A number from 1, or from the end if negative, as an index of what has been read so far."""
    number = int(word)
    index = number - 1 if number > 0 else count + number
    if not 0 <= index < count or number == 0:
        raise IndexError(number)
    return index


def _distinct(corners: I64) -> tuple[I64, I64]:
    """The different rows, in the order of their first use, and for each row which it is."""
    _, first, which = np.unique(corners, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    ranks = np.argsort(order)
    return corners[first[order]], ranks[which.reshape(-1)]
