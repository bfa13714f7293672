"""Hostile SOG: the ZIP, its `meta.json` and its images, each broken with the others kept whole."""

from __future__ import annotations

import copy
import functools
import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from random import Random
from typing import Any

from PIL import Image

from bench.hostile.edits import damaged
from bench.hostile.scenes import scene
from wheatstone.splats.formats import format_named

META = "meta.json"
_SIGNATURES = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06")
_HEAD_BYTES = 46
"""Of the longest of the ZIP's records, before the name."""
_VALUES: tuple[Any, ...] = (
    None, True, "", "0", "\x1b[2J\n", "../meta.json", "/etc/passwd", "means_l.webp", "ñ.webp", "a" * 70_000,
    0, -1, 1, 2, 3, 255, 256, 65_536, 1 << 24, 1 << 31, 1 << 63, 10**400, 0.5, -0.0, 1e-320, 88.8, 1e30, 1e308,
    float("nan"), float("inf"), float("-inf"), [], {}, [0.0] * 256, [1e30] * 256, [1] * 257, [[]], [None] * 16,
)  # fmt: skip
_NAMES = ("META.JSON", "./meta.json", "meta.json/", "\\meta.json", "../x.webp", "/abs.webp", "ü.webp", "n" * 3000)

Files = list[tuple[str, bytes]]


def hostile_sog(random: Random) -> bytes:
    """A SOG with one of its layers damaged."""
    files = list(random.choice(_whole_files()))
    roll = random.random()
    if roll < 0.025:
        return _zipped(random, files)
    if roll < 0.4:
        return _zipped(random, _with_meta(random, files))
    if roll < 0.7:
        return _zipped(random, _with_image(random, files))
    if roll < 0.8:
        return damaged(random, _zipped(random, files))
    if roll < 0.9:
        return _with_odd_records(random, _zipped(random, files))
    return _zipped(random, _with_odd_entries(random, files), odd=True)


def whole_sogs() -> tuple[bytes, ...]:
    """Files as we write them."""
    return tuple(_zipped(Random(0), files) for files in _whole_files())


@functools.cache
def _whole_files() -> tuple[Files, ...]:
    seeds = []
    for degree in range(4):
        file = io.BytesIO()
        format_named("sog").write(scene(degree), file, 0)
        with zipfile.ZipFile(file) as archive:
            seeds.append([(name, archive.read(name)) for name in archive.namelist()])
    return tuple(seeds)


def _zipped(random: Random, files: Files, *, odd: bool = False) -> bytes:
    """The archive; an odd one mixes methods, has data descriptors, comments or bytes before it."""
    methods = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]
    if odd:
        methods += [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    method = random.choice(methods)
    file = _Unseekable() if odd and random.random() < 0.3 else io.BytesIO()
    if odd and random.random() < 0.3:
        file.write(random.randbytes(50))
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.simplefilter("ignore")  # names that come twice are the point
        for name, content in files:
            undated = zipfile.ZipInfo(name)
            archive.writestr(undated, content, random.choice(methods) if odd else method)
        if odd and random.random() < 0.3:
            archive.comment = random.randbytes(random.choice((1, 22, 65_535)))
    return file.getvalue()


class _Unseekable(io.BytesIO):
    """Makes zipfile write data descriptors, as one that streams its output does."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_args: int) -> int:
        raise io.UnsupportedOperation


def _with_meta(random: Random, files: Files) -> Files:
    """`meta.json` with values, keys or characters changed."""
    contents = dict(files)
    meta = json.loads(contents[META])
    for _ in range(random.randint(1, 3)):
        holder, key = random.choice(list(_places(meta)))
        match random.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.extend([holder[key]] * random.choice((1, 1, 1, 300)))
            case 2 if isinstance(holder, dict):
                holder[random.choice(("count", "version", "files", "camera", "\x1b[1m"))] = holder[key]
            case _:
                holder[key] = copy.deepcopy(random.choice(_VALUES))
        if not meta:
            break
    text = json.dumps(meta, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    match random.randrange(20):
        case 0:
            text = damaged(random, text)
        case 1:
            text = text.decode().encode(random.choice(("utf-16", "utf-32", "utf-8-sig", "latin-1")), "replace")
        case 2:
            text = text[:-1] + b',"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        case 3:
            text = text[:-1] + b',"count":' + random.choice((b"1e400", b"9" * 5000, b"20.0", b'"20"')) + b"}"
        case 4:
            text = text.replace(
                b"made to be broken", random.choice((b"\\ud800", b"\\n\\u001b[2J", b"x" * 900_000))
            )
    return [(name, text if name == META else content) for name, content in files]


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value: what holds it, and the key or index there."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _with_image(random: Random, files: Files) -> Files:
    """One image damaged, of another size or kind, enormous, or in the place of another one."""
    at = random.randrange(1, len(files))
    name, content = files[at]
    match random.randrange(8):
        case 0:
            content = files[random.randrange(len(files))][1]
        case 1:
            width_px, height_px = random.choice(((1, 1), (19, 1), (3, 7), (64, 64), (16_383, 1), (300, 300)))
            content = _picture(random, width_px, height_px)
        case 2:
            content = content[:21] + random.randbytes(4) + content[25:]  # width and height
        case 3:
            content = _animation(random)
        case 4 if random.random() < 0.05:
            content = bytes(random.choice((1 << 20, 1 << 27, (1 << 27) + 1)))
        case _:
            content = damaged(random, content)
    return [*files[:at], (name, content), *files[at + 1 :]]


def _picture(random: Random, width_px: int, height_px: int) -> bytes:
    file = io.BytesIO()
    kind = random.choice(("WEBP", "WEBP", "WEBP", "PNG"))
    mode = random.choice(("RGB", "RGBA", "L"))
    Image.new(mode, (width_px, height_px)).save(file, kind, lossless=random.random() < 0.7)
    return file.getvalue()


def _animation(random: Random) -> bytes:
    file = io.BytesIO()
    size = random.choice(((20, 1), (8, 4), (1, 1)))
    frames = [Image.new("RGBA", size, (shade, 0, 0, 255)) for shade in range(random.randint(2, 5))]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return file.getvalue()


def _with_odd_entries(random: Random, files: Files) -> Files:
    """Entries that come twice, are gone, in another order or under odd names."""
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(files))
        name, content = files[at]
        match random.randrange(5):
            case 0 if len(files) > 1:
                files = files[:at] + files[at + 1 :]
            case 1:
                files = [*files, (name, damaged(random, content))]
            case 2:
                files = random.sample(files, len(files))
            case 3:
                files = [*files, *[(random.choice(_NAMES), content)] * random.choice((1, 100))]
            case _:
                files = [*files[:at], (random.choice(_NAMES), content), *files[at + 1 :]]
    return files


def _with_odd_records(random: Random, data: bytes) -> bytes:
    """Fields of the ZIP's own records changed: sizes, offsets, methods, flags, checksums."""
    places = [at for at in range(len(data)) if data[at : at + 4] in _SIGNATURES]
    for _ in range(random.randint(1, 4)):
        at = random.choice(places) + random.randrange(4, _HEAD_BYTES)
        value = random.choice((b"\0", b"\x01", b"\xff", b"\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x08\0"))
        value = random.choice((value, random.randbytes(2)))
        data = data[:at] + value + data[at + len(value) :]
    return data
