"""Hostile PLY: headers from a small grammar of what PLY allows and does not, over bodies of hostile numbers."""

from __future__ import annotations

import functools
import io
import struct
from random import Random

import numpy as np

from bench.hostile.edits import damaged, rearranged
from bench.hostile.scenes import scene
from wheatstone.splats.formats import format_named

_SIZES = {"char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "float": 4, "double": 8}
_TYPES = (*_SIZES, "int8", "uint64", "half", "list", "")
_ENCODINGS = ("ascii", "binary_little_endian", "binary_big_endian", "binary", "")
_COUNTS = (
    "0",
    "1",
    "2",
    "7",
    "-1",
    "65537",
    "4294967296",
    "999999999999999",
    "9" * 40,
    "1e3",
    "0x10",
    "",
    "٣",
    "1_0",
)
_NUMBERS = (
    0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-38, 1e30, -1e30, 3.4e38, 1e300, 88.0, 89.0, -104.0, 709.0,
    float("nan"), float("inf"), float("-inf"), 255.0, 65536.0, 4294967295.0,
)  # fmt: skip
_WORDS = (
    "nan",
    "inf",
    "-inf",
    "1e999",
    "1e-999",
    "0x1p3",
    "1_0",
    "abc",
    "#",
    '"',
    "\0",
    "\x1b[2J",
    "",
    "-",
    "1,5",
)
_GAUSSIAN = [
    "x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity",
    "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3",
]  # fmt: skip
_LINES = (
    "", "comment", "comment wheatstone: \x1b[31mred", "comment wheatstone: " + "long " * 300, "obj_info x",
    "end_header", "ply", "property float", "property list uchar int vertex_indices", "property list float int x",
    "property float x", "element vertex 5", "element", "format ascii 1.0", "format binary_little_endian 2.0",
    "property float " + "n" * 5000, "element " + "e" * 200 + " 1", "\0" * 10, "\xff\xfe",
)  # fmt: skip

_Element = tuple[str, str, list[list[str]]]
"""Name, count as written, and the words of each property."""


def hostile_ply(random: Random) -> bytes:
    """A PLY that is damaged, or made up so that it means something else than it says."""
    roll = random.random()
    if roll < 0.025:
        return random.choice(whole_plys())
    if roll < 0.4:
        return damaged(random, random.choice(whole_plys()))
    if roll < 0.5:
        head, _, body = random.choice(whole_plys()).partition(b"end_header\n")
        lines = rearranged(random, head.splitlines(keepends=True))
        return b"".join(lines) + b"end_header\n" + body
    return _made_up(random)


@functools.cache
def whole_plys() -> tuple[bytes, ...]:
    """Files as we write them, and as others do."""
    files = [_written("ply", degree) for degree in range(4)] + [_written("plain-ply", 0), _written("plain-ply", 3)]
    calm = Random(0)
    for encoding in _ENCODINGS[:3]:
        elements = [_gaussian_element(4, 9), ("face", "2", [["list", "uchar", "int", "vertex_indices"]])]
        files.append(_assembled(calm, encoding, elements, [], hostile=0))
    return tuple(files)


def _written(name: str, degree: int) -> bytes:
    file = io.BytesIO()
    format_named(name).write(scene(degree), file, 0)
    return file.getvalue()


def _gaussian_element(count: int, rest: int) -> _Element:
    names = [*_GAUSSIAN[:6], *(f"f_rest_{index}" for index in range(rest)), *_GAUSSIAN[6:]]
    return "vertex", str(count), [["float", name] for name in names]


def _sharp_elements(random: Random) -> list[_Element]:
    """SHARP's further elements, each with one property of its own name."""
    sizes = {"extrinsic": 16, "intrinsic": 9, "image_size": 2, "frame": 2, "disparity": 2, "color_space": 1}
    return [
        (name, str(count), [[random.choice(("float", "uint", "double", "uchar")), name]])
        for name, count in sizes.items()
        if random.random() < 0.7
    ]


def _made_up(random: Random) -> bytes:
    elements = [_gaussian_element(random.randint(0, 6), random.choice((0, 0, 9, 24, 45, 3, 10, 60)))]
    if random.random() < 0.6:
        elements += _sharp_elements(random)
    if random.random() < 0.3:
        elements.insert(random.randint(0, 1), ("face", "3", [["list", "uchar", "int", "i"], ["float", "w"]]))
    for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
        elements = _changed(random, elements)
    encoding = random.choice(_ENCODINGS[:3]) if random.random() < 0.95 else random.choice(_ENCODINGS)
    lines = [random.choice(_LINES) for _ in range(random.choice((0, 0, 0, 1, 2)))]
    return _assembled(random, encoding, elements, lines, hostile=random.choice((0, 0, 0.01, 0.2)))


def _changed(random: Random, elements: list[_Element]) -> list[_Element]:
    """One change to the grammar's choices: counts, types, names, orders."""
    elements = [(name, count, [list(words) for words in properties]) for name, count, properties in elements]
    at = random.randrange(len(elements))
    name, count, properties = elements[at]
    spot = random.randrange(len(properties)) if properties else 0
    match random.randrange(10):
        case 0:
            elements[at] = (name, random.choice(_COUNTS), properties)
        case 1:
            elements[at] = (
                random.choice(("vertex", "face", "intrinsic", "", "a b", "\x1b[1m")),
                count,
                properties,
            )
        case 2:
            random.shuffle(elements)
        case 3:
            elements.insert(at, elements[at])
        case 4:
            random.shuffle(properties)
        case 5 if properties:
            properties[spot][0] = random.choice(_TYPES)
        case 6 if properties:
            properties[spot][-1] = random.choice((*_GAUSSIAN, "f_rest_0", "f_rest_99999", "packed_position", ""))
        case 7 if properties:
            del properties[spot]
        case 8 if properties:
            properties[spot:spot] = [["list", random.choice(_TYPES), random.choice(_TYPES), f"l{spot}"]]
        case _:
            extra = random.choice((1, 30, 3000))
            properties += [[random.choice(tuple(_SIZES)), f"extra_{index}"] for index in range(extra)]
    return elements


def _assembled(
    random: Random, encoding: str, elements: list[_Element], lines: list[str], *, hostile: float
) -> bytes:
    """Header and a body that fits it, as far as it makes sense; `hostile` is the share of odd numbers."""
    end = random.choice(("\n",) * 8 + ("\r\n",)) if lines else "\n"
    header = ["ply", f"format {encoding} 1.0"]
    for name, count, properties in elements:
        header.append(f"element {name} {count}")
        header += [" ".join(["property", *words]) for words in properties]
    for line in lines:
        header.insert(random.randint(1, len(header)), line)
    head = end.join([*header, "end_header", ""]).encode("utf-8", "surrogateescape")
    rows = b"".join(_rows(random, encoding, element, hostile) for element in elements)
    if random.random() < hostile:
        rows = damaged(random, rows)
    return head + rows


def _rows(random: Random, encoding: str, element: _Element, hostile: float) -> bytes:
    _, count, properties = element
    rows = int(count) if count.isascii() and count.isdigit() and len(count) < 6 else 3
    rows = min(rows, 3 if len(properties) > 100 else 20)
    body = []
    for _ in range(rows):
        for words in properties:
            length = 1
            if words[0] == "list":
                length = random.choice((0, 1, 3, 3, 255))
                body.append(_value(random, encoding, words[1], length, 0))
            kind = words[-2] if len(words) > 1 else ""
            body += [
                _value(random, encoding, kind, random.uniform(0.1, 1.0), hostile) for _ in range(min(length, 8))
            ]
        if encoding == "ascii":
            body.append(b"\n")
    return b"".join(body)


def _value(random: Random, encoding: str, kind: str, value: float, hostile: float) -> bytes:
    if random.random() < hostile:
        value = random.choice(_NUMBERS)
        if encoding == "ascii" and random.random() < 0.3:
            return random.choice(_WORDS).encode() + b" "
    if encoding == "ascii":
        return b"%r " % value
    order = ">" if encoding.endswith("big_endian") else "<"
    if kind in ("float", "double"):
        with np.errstate(over="ignore"):
            return struct.pack(f"{order}{kind[0]}", np.float32(value) if kind == "float" else value)
    whole = int(value) if np.isfinite(value) else -1
    size = _SIZES.get(kind, 1)
    return (whole % (1 << 8 * size)).to_bytes(size, "big" if order == ">" else "little")
