"""Hostile meshes: GLB with its JSON, its numbers or its chunks changed, OBJ line by line, and OBJ in a zip."""

from __future__ import annotations

import functools
import json
import struct
from random import Random
from typing import Any

import numpy as np

from bench.hostile.archives import Files, with_odd_entries, with_odd_records, zipped
from bench.hostile.documents import change
from bench.hostile.edits import damaged, rearranged
from wheatstone.meshes.formats import glb, obj
from wheatstone.meshes.mesh import Mesh
from wheatstone.meshes.textures import TextureKind

KINDS = ("GLB", "OBJ", "ZIP")
_KEYS = ("mesh", "indices", "byteStride", "byteOffset", "sparse", "matrix", "extensions", "mode", "\x1b[1m")
_NUMBERS = (
    0.0, -0.0, 1e-45, 1e-30, 1e18, 2e18, 3.4e38, -3.4e38, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
_INDICES = (0, 1, 7, 8, 255, 65_534, 65_535, 1 << 31, (1 << 32) - 1)
_WORDS = (
    "nan", "inf", "-inf", "1e999", "1e-999", "1e30", "-1e18", "0x1p3", "1_0", "٣", "abc", "\0", "\x1b[2J", "",
    "1,5", "0", "-1", "-9", "9999999999", "9" * 5000, "1/2/3/4", "//", "1//", "/1", "-1/-1/-1", "1/99/1",
)  # fmt: skip
_LINES = (
    "", "#", "v", "v 1 2", "v 0 0 0 1 1 1", "vt 0", "vn 0 0 0", "f", "f 1", "f 1 1 1", "f 1/1 2/2 3/3",
    "f -1 -2 -3", "f " + "1 " * 2000, "mtllib ../../etc/passwd", "mtllib it.obj", "mtllib " + "m" * 5000, "usemtl",
    "o \x1b[31m", "curv 0 1 1", "s off", "l 1 2", "\\", "v 1 2 \\", "\xff\xfe", "\u2028f 1 2 3",
)  # fmt: skip
_MATERIALS = (
    "map_Kd", "map_Kd ../it.png", "map_Kd -s 1 1 1 output3d.png", "map_Kd output3d.obj", "map_Kd " + "p" * 5000,
    "map_Kd \x1b[31m", "newmtl", "map_Kd output3d.mtl",
)  # fmt: skip


def hostile_mesh(kind: str, random: Random) -> bytes:
    """A damaged file of this kind; about one in 40 is left whole."""
    roll = random.random()
    if roll < 0.025:
        return random.choice(whole_meshes(kind))
    if roll < 0.2:
        return damaged(random, random.choice(whole_meshes(kind)))
    match kind:
        case "GLB":
            return _hostile_glb(random, random.choice(whole_meshes(kind)))
        case "OBJ":
            return _hostile_obj(random, random.choice(whole_meshes(kind)))
        case _:
            return _hostile_zip(random)


@functools.cache
def whole_meshes(kind: str) -> tuple[bytes, ...]:
    """Files as we write them, with and without colours, and as others do."""
    coloured, bare = _pyramid(), Mesh(_pyramid().vertices, _pyramid().faces)
    match kind:
        case "GLB":
            files = [glb.encode(coloured, texture=texture) for texture in TextureKind]
            files += [glb.encode(coloured, unlit=True), glb.encode(coloured, draco=True), glb.encode(bare)]
            return tuple(files)
        case "OBJ":
            plain = b"v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1\nf 1 2 3 4\nf -1 -2 -3\n"
            return plain, *(obj.files(mesh)[f"{obj.STEM}.obj"] for mesh in (coloured, bare))
        case _:
            return obj.encode_zip(coloured), obj.encode_zip(bare)


@functools.cache
def _pyramid() -> Mesh:
    """Closed, with a texture that has a seam."""
    corners = np.array([[-1, 0, -1], [1, 0, -1], [1, 0, 1], [-1, 0, 1], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 4, 1], [1, 4, 2], [2, 4, 3], [3, 4, 0]])
    texture = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    uv = np.random.default_rng(1).random((18, 2)).astype(np.float32)
    return Mesh(corners[faces.ravel()], np.arange(18, dtype=np.int32).reshape(-1, 3), uv, texture)


def _hostile_glb(random: Random, data: bytes) -> bytes:
    size = struct.unpack_from("<I", data, 12)[0]
    text, body = data[20 : 20 + size], data[28 + size :]
    roll = random.random()
    if roll < 0.6:
        text = _changed_json(random, text)
    elif roll < 0.85:
        body = _changed_numbers(random, body)
    else:
        body = damaged(random, body)
    lengths = [28 + len(text) + len(body), len(text), len(body)]
    if random.random() < 0.1:
        lengths[random.randrange(3)] = random.choice((0, 1, 4, 12, 20, 1 << 24, 1 << 31, (1 << 32) - 1))
    chunks = [
        struct.pack(
            "<4sII", random.choice((b"glTF",) * 30 + (b"gltf",)), random.choice((2,) * 30 + (1, 3)), lengths[0]
        ),
        struct.pack("<I4s", lengths[1], b"JSON"),
        text,
        struct.pack("<I4s", lengths[2], b"BIN\0"),
        body,
    ]
    return b"".join(rearranged(random, chunks) if random.random() < 0.05 else chunks)


def _changed_json(random: Random, text: bytes) -> bytes:
    document: dict[str, Any] = json.loads(text)
    change(random, document, _KEYS)
    if random.random() < 0.3:  # a number that stands for something else, or reaches beyond
        accessors = document.get("accessors")
        for accessor in accessors if isinstance(accessors, list) else []:
            if isinstance(accessor, dict) and random.random() < 0.5:
                accessor[random.choice(("count", "byteOffset", "componentType"))] = random.choice(
                    (0, 1, 3, 18, 5121, 5123, 5125, 5126, 1 << 31, 1 << 62)
                )
    text = json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    match random.randrange(25):
        case 0:
            text = damaged(random, text)
        case 1:
            text = text.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-32", "utf-8-sig")))
        case 2:
            text = text[:-1] + b',"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        case 3:
            text = text[:-1] + b',"meshes":' + random.choice((b"1e400", b"9" * 5000, b"[]", b"[{}]")) + b"}"
    return text


def _changed_numbers(random: Random, body: bytes) -> bytes:
    """Some aligned numbers of the body replaced by ones at which arithmetic or indexing goes wrong."""
    changed = bytearray(body)
    for _ in range(random.choice((1, 1, 2, 50))):
        at = 4 * random.randrange(max(1, len(body) // 4))
        as_index = struct.pack("<I", random.choice(_INDICES))
        changed[at : at + 4] = random.choice((struct.pack("<f", random.choice(_NUMBERS)), as_index))
    return bytes(changed[: len(body)])


def _hostile_obj(random: Random, data: bytes) -> bytes:
    lines = data.decode("utf-8").splitlines()
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(lines))
        words = lines[at].split(" ")
        match random.randrange(4):
            case 0:
                lines.insert(at, random.choice(_LINES))
            case 1:
                lines[at] = " ".join(words[:1])
            case _:
                words[random.randrange(len(words))] = random.choice(_WORDS)
                lines[at] = " ".join(words)
    end = random.choice(("\n",) * 8 + ("\r\n", "\r"))
    text = end.join(lines).encode("utf-8", "surrogatepass")
    pieces = text.splitlines(keepends=True)
    return b"".join(rearranged(random, pieces)) if random.random() < 0.2 else text


def _hostile_zip(random: Random) -> bytes:
    files: Files = list(obj.files(random.choice((_pyramid(), _pyramid().welded()))).items())
    roll = random.random()
    if roll < 0.5:
        at = random.randrange(len(files))
        name, content = files[at]
        if name.endswith(".obj"):
            content = _hostile_obj(random, content)
        elif name.endswith(".mtl") and random.random() < 0.5:
            content += random.choice(_MATERIALS).encode() + b"\n"
        else:
            content = damaged(random, content)
        return zipped(random, [*files[:at], (name, content), *files[at + 1 :]])
    if roll < 0.75:
        return with_odd_records(random, zipped(random, files))
    return zipped(random, with_odd_entries(random, files), odd=True)
