"""The body of a PLY file as one structured array per element, whatever its encoding."""

from __future__ import annotations

import os
from io import TextIOWrapper
from itertools import chain, islice
from typing import BinaryIO

import numpy as np

from wheatstone.arrays import I64, U8, AnyArray
from wheatstone.compiled import kernel
from wheatstone.errors import BadSceneError
from wheatstone.splats.formats._ply_header import Element, Encoding, Header


def read_tables(file: BinaryIO, header: Header) -> dict[str, AnyArray]:
    """The elements whose rows have a fixed size, by name; those with lists are stepped over.

    Binary tables are mapped, not read, and an element that the file is too short for is refused before
    anything is allocated for it.

    Raises:
        BadSceneError: the body ends before its last value, or an ASCII value is no number.
    """
    if header.encoding is Encoding.ASCII:
        return _read_ascii(file, header)
    return _map_binary(file, header)


def _map_binary(file: BinaryIO, header: Header) -> dict[str, AnyArray]:
    tables: dict[str, AnyArray] = {}
    size_bytes = os.fstat(file.fileno()).st_size
    offset = header.size_bytes
    for element in header.elements:
        if element.has_lists:
            if element is header.elements[-1]:
                break
            body = np.memmap(file, np.uint8, "r")
            offset = _end_of_lists(body, offset, element, header.encoding)
            continue
        dtype = element.dtype(header.encoding)
        end = offset + element.count * dtype.itemsize
        if end > size_bytes:
            raise _too_short(element)
        if end > offset:
            tables[element.name] = np.memmap(file, dtype, "r", offset, (element.count,))
        else:
            tables[element.name] = np.empty(0, dtype)
        offset = end
    return tables


def _end_of_lists(body: U8, offset: int, element: Element, encoding: Encoding) -> int:
    """Where the rows of an element with lists end."""
    count_bytes = [np.dtype(column.count_type or "V0").itemsize for column in element.properties]
    value_bytes = [np.dtype(column.type).itemsize for column in element.properties]
    big = encoding is Encoding.BIG_ENDIAN
    end = _walk(body, offset, element.count, np.array(count_bytes), np.array(value_bytes), big)
    if end < 0:
        raise _too_short(element)
    return int(end)


@kernel
def _walk(body: U8, offset: int, rows: int, count_bytes: I64, value_bytes: I64, big: bool) -> int:
    """The offset after `rows` rows, -1 when the body ends before; a plain value has a count of 0 bytes."""
    for _ in range(rows):
        for column in range(len(count_bytes)):
            length = 1
            width = count_bytes[column]
            if offset + width > len(body):
                return -1
            if width > 0:
                length = 0
                for i in range(width):
                    byte = body[offset + i] if big else body[offset + width - 1 - i]
                    length = length * 256 + int(byte)
            offset += width + length * value_bytes[column]
    return offset if offset <= len(body) else -1


def _read_ascii(file: BinaryIO, header: Header) -> dict[str, AnyArray]:
    tables: dict[str, AnyArray] = {}
    remaining_bytes = os.fstat(file.fileno()).st_size - header.size_bytes
    file.seek(header.size_bytes)
    text = TextIOWrapper(file, "ascii", errors="replace")
    lines = (line for line in text if not line.isspace())
    for element in header.elements:
        if element.has_lists:
            for _ in islice(lines, element.count):
                pass
            continue
        dtype = element.dtype(header.encoding)
        if 2 * element.count * len(element.properties) > remaining_bytes + 1:  # a digit and a space each
            raise _too_short(element)
        table = np.empty(0, dtype)
        if element.count and element.properties:
            first = next(lines, None)
            if first is None:
                raise _too_short(element)
            try:
                rows = chain([first], islice(lines, element.count - 1))
                table = np.loadtxt(rows, dtype, comments=None, ndmin=1)
            except ValueError as error:
                numbers = len(element.properties)
                raise BadSceneError(
                    f"The PLY element {element.name!r} has a bad row: not {numbers} numbers."
                ) from error
            if len(table) != element.count:
                raise _too_short(element)
        tables[element.name] = table
    text.detach()
    return tables


def _too_short(element: Element) -> BadSceneError:
    return BadSceneError(
        f"The file is too short for the {element.count} rows of {element.name!r} that its header announces."
    )
