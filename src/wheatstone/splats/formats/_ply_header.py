"""The header of a PLY file: what the body holds, told without touching the body."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

import numpy as np

from wheatstone.errors import BadSceneError

MAX_HEADER_BYTES = 128 * 1024

_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2",
    "int": "i4", "uint": "u4", "float": "f4", "double": "f8",
    "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8",
}  # fmt: skip
_END = re.compile(rb"\nend_header[ \t]*\r?(?:\n|\Z)")


class Encoding(StrEnum):
    """How the body is written."""

    ASCII = "ascii"
    LITTLE_ENDIAN = "binary_little_endian"
    BIG_ENDIAN = "binary_big_endian"


@dataclass(frozen=True, slots=True)
class Property:
    """One column of an element.

    Attributes:
        name: as in the file.
        type: numpy type code without byte order, `f4` for example.
        count_type: of a list, the type of its length; empty for a plain value.
    """

    name: str
    type: str
    count_type: str = ""


@dataclass(frozen=True, slots=True)
class Element:
    """One table of the body: `count` rows of the same properties."""

    name: str
    count: int
    properties: tuple[Property, ...]

    @property
    def has_lists(self) -> bool:
        """Whether rows differ in size."""
        return any(column.count_type for column in self.properties)

    def dtype(self, encoding: Encoding) -> np.dtype[np.void]:
        """The type of a row; for ASCII all columns are float64."""
        order = ">" if encoding is Encoding.BIG_ENDIAN else "<"
        if encoding is Encoding.ASCII:
            return np.dtype([(column.name, "<f8") for column in self.properties])
        return np.dtype([(column.name, order + column.type) for column in self.properties])


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed header.

    Attributes:
        encoding: how the body is written.
        elements: in the order of the body; names differ.
        comments: without the word `comment`.
        size_bytes: where the body begins.
    """

    encoding: Encoding
    elements: tuple[Element, ...]
    comments: tuple[str, ...]
    size_bytes: int


def read_header(file: BinaryIO) -> Header:
    """Parse the header at the start of `file`.

    Raises:
        BadSceneError: this is no PLY file, or its header is malformed or over-long.
    """
    head = file.read(MAX_HEADER_BYTES)
    if re.match(rb"ply[ \t]*\r?\n", head) is None:
        raise BadSceneError("This is not a PLY file: it does not begin with 'ply'.")
    end = _END.search(head)
    if end is None:
        raise BadSceneError(f"The PLY header does not end within its first {MAX_HEADER_BYTES} bytes.")
    encoding: Encoding | None = None
    comments: list[str] = []
    tables: dict[str, tuple[int, dict[str, Property]]] = {}
    columns: dict[str, Property] = {}
    for line in head[: end.start()].decode("ascii", "replace").split("\n")[1:]:
        match line.split():
            case [] | ["obj_info", *_]:
                pass
            case ["comment", *_]:
                comments.append(line.strip()[len("comment") :].strip())
            case ["format", name, "1.0"] if name in set(Encoding):
                encoding = Encoding(name)
            case ["element", name, count] if name not in tables and re.fullmatch(r"\d{1,15}", count):
                columns = {}
                tables[name] = (int(count), columns)
            case ["property", type_, name] if tables and name not in columns and type_ in _TYPES:
                columns[name] = Property(name, _TYPES[type_])
            case ["property", "list", count_type, type_, name] if (
                tables and name not in columns and type_ in _TYPES and _TYPES.get(count_type, "f")[0] != "f"
            ):
                columns[name] = Property(name, _TYPES[type_], _TYPES[count_type])
            case _:
                raise BadSceneError(f"The PLY header has a line that makes no sense there: {line.strip()[:80]!r}.")
    if encoding is None:
        raise BadSceneError("The PLY header does not say its format.")
    elements = tuple(Element(name, count, tuple(columns.values())) for name, (count, columns) in tables.items())
    return Header(encoding, elements, tuple(comments), end.end())


def header_bytes(tables: Sequence[tuple[str, int, np.dtype[np.void]]], comments: Sequence[str] = ()) -> bytes:
    """The header of a little-endian file that holds these tables: name, number of rows and their type."""
    names = {"<f4": "float", "<u4": "uint", "<i4": "int", "|u1": "uchar"}
    lines = ["ply", "format binary_little_endian 1.0", *(f"comment {comment}" for comment in comments)]
    for name, count, dtype in tables:
        lines.append(f"element {name} {count}")
        for column in dtype.names or ():
            lines.append(f"property {names[dtype[column].str]} {column}")
    return "\n".join([*lines, "end_header\n"]).encode("ascii")
