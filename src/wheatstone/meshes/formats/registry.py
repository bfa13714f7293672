"""The table of mesh file formats, and reading and writing by a file's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wheatstone.errors import BadMeshError, BadOptionError, OutputExistsError, UnknownFormatError
from wheatstone.files import atomic_write
from wheatstone.meshes.formats import glb, obj, ply, stl, usdz
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.textures import TextureKind

MAX_BYTES = obj.MAX_BYTES
"""Of a file that is read."""


@dataclass(frozen=True, slots=True)
class Export:
    """How a mesh is written, where its format leaves a choice.

    Attributes:
        texture: how GLB and USDZ keep the texture; OBJ always has a PNG.
        unlit: whether a GLB asks viewers to show it without lights.
        draco: whether a GLB's surface is compressed.
        size_mm: longest side in an STL.
    """

    texture: TextureKind = TextureKind.PNG
    unlit: bool = False
    draco: bool = False
    size_mm: float = stl.SIZE_MM


@dataclass(frozen=True, slots=True)
class MeshFormat:
    """A way to keep a mesh in a file.

    Attributes:
        name: what `--format` takes.
        suffix: what file names end in, lower case, with the dot.
        summary: what it is good for, in a few words.
        files: what is written, by name; the first has the stem and this suffix.
        read: parses a file; None where only writing is possible.
        beside: endings of further files of the same stem.
    """

    name: str
    suffix: str
    summary: str
    files: Callable[[Mesh, str, Export], dict[str, bytes]]
    read: Callable[[Path], Mesh] | None = None
    beside: tuple[str, ...] = ()


def _glb_files(mesh: Mesh, stem: str, export: Export) -> dict[str, bytes]:
    return {f"{stem}.glb": glb.encode(mesh, texture=export.texture, unlit=export.unlit, draco=export.draco)}


def _obj_files(mesh: Mesh, stem: str, _export: Export) -> dict[str, bytes]:
    return obj.files(mesh, stem)


def _zip_files(mesh: Mesh, stem: str, _export: Export) -> dict[str, bytes]:
    return {f"{stem}.zip": obj.encode_zip(mesh)}


def _ply_files(mesh: Mesh, stem: str, _export: Export) -> dict[str, bytes]:
    return {f"{stem}.ply": ply.encode(mesh)}


def _stl_files(mesh: Mesh, stem: str, export: Export) -> dict[str, bytes]:
    return {f"{stem}.stl": stl.encode(mesh, size_mm=export.size_mm)}


def _usdz_files(mesh: Mesh, stem: str, export: Export) -> dict[str, bytes]:
    return {f"{stem}.usdz": usdz.encode(mesh, texture=export.texture)}


def _read_glb(path: Path) -> Mesh:
    return glb.decode(_content(path))


def _read_zip(path: Path) -> Mesh:
    return obj.decode_zip(_content(path))


def _read_obj(path: Path) -> Mesh:
    """With what lies beside it: material and texture are looked for in no other folder."""
    files = {entry.name: entry for entry in path.parent.iterdir() if entry.is_file()}
    return obj.decode(_content(path), lambda name: _content(files[name]) if name in files else None)


def _content(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise BadMeshError(f"The file has {size:,} bytes; {MAX_BYTES:,} can be read.")
    return path.read_bytes()


MESH_FORMATS = (
    MeshFormat("glb", ".glb", "one file for the web and most programs", _glb_files, _read_glb),
    MeshFormat("obj", ".obj", "three files: surface, material, texture", _obj_files, _read_obj, (".mtl", ".png")),
    MeshFormat("zip", ".zip", "the three files of OBJ in one", _zip_files, _read_zip),
    MeshFormat("ply", ".ply", "colours at vertices, for scanning programs", _ply_files),
    MeshFormat("stl", ".stl", "for printers: millimetres, no colour", _stl_files),
    MeshFormat("usdz", ".usdz", "for Apple's devices, in the room", _usdz_files),
)
"""All formats."""


def mesh_format_of(path: Path) -> MeshFormat:
    """The format a file name asks for.

    Raises:
        UnknownFormatError: no format has this ending.
    """
    for candidate in MESH_FORMATS:
        if path.suffix.lower() == candidate.suffix:
            return candidate
    known = ", ".join(candidate.suffix for candidate in MESH_FORMATS)
    raise UnknownFormatError(f"{path}: no mesh format has this ending; known are {known}.")


def mesh_format_named(name: str) -> MeshFormat:
    """The format of that name.

    Raises:
        UnknownFormatError: there is none.
    """
    for candidate in MESH_FORMATS:
        if candidate.name == name:
            return candidate
    known = ", ".join(candidate.name for candidate in MESH_FORMATS)
    raise UnknownFormatError(f"Unknown format {name!r}; known are {known}.")


def read_mesh(path: Path) -> Mesh:
    """Read a mesh in the format its name asks for.

    Raises:
        UnknownFormatError: no format has this ending.
        BadOptionError: the format can only be written.
        BadMeshError: the file is missing or malformed; the message names it.
    """
    chosen = mesh_format_of(path)
    if chosen.read is None:
        known = ", ".join(candidate.suffix for candidate in MESH_FORMATS if candidate.read)
        raise BadOptionError(f"{path}: {chosen.suffix} files can be written, not read; those of {known} can.")
    try:
        return chosen.read(path)
    except BadMeshError as error:
        raise BadMeshError(f"{path}: {error}") from error
    except FileNotFoundError as error:
        raise BadMeshError(f"{path}: no such file.") from error
    except OSError as error:
        raise BadMeshError(f"{path}: cannot be read ({error.strerror}).") from error


def write_mesh(mesh: Mesh, path: Path, *, export: Export | None = None, overwrite: bool = True) -> Path:
    """Write a mesh in the format the name asks for; returns `path`.

    Each file is whole or absent. An OBJ comes with its .mtl and .png beside it, and last, as it names them.

    Raises:
        UnknownFormatError: no format has this ending.
        BadOptionError: the format cannot be written as asked.
        OutputExistsError: one of the files exists and `overwrite` is false.
    """
    contents = mesh_format_of(path).files(mesh, path.stem, export or Export())
    own, *beside = contents.items()
    targets = [(path.with_name(name), content) for name, content in beside] + [(path, own[1])]
    for target, _ in targets:
        if not overwrite and target.exists():
            raise OutputExistsError(f"{target} exists already; pass --overwrite to replace it.")
    for target, content in targets:
        with atomic_write(target) as file:
            file.write(content)
    return path
