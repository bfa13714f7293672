"""Hostile SOG: the ZIP, its `meta.json` and its images, each broken with the others kept whole."""

from __future__ import annotations

import functools
import io
import json
import zipfile
from random import Random

from PIL import Image

from bench.hostile.archives import Files, with_odd_entries, with_odd_records, zipped
from bench.hostile.documents import change
from bench.hostile.edits import damaged
from bench.hostile.scenes import scene
from wheatstone.splats.formats import format_named

META = "meta.json"


def hostile_sog(random: Random) -> bytes:
    """A SOG with one of its layers damaged."""
    files = list(random.choice(_whole_files()))
    roll = random.random()
    if roll < 0.025:
        return zipped(random, files)
    if roll < 0.4:
        return zipped(random, _with_meta(random, files))
    if roll < 0.7:
        return zipped(random, _with_image(random, files))
    if roll < 0.8:
        return damaged(random, zipped(random, files))
    if roll < 0.9:
        return with_odd_records(random, zipped(random, files))
    return zipped(random, with_odd_entries(random, files), odd=True)


def whole_sogs() -> tuple[bytes, ...]:
    """Files as we write them."""
    return tuple(zipped(Random(0), files) for files in _whole_files())


@functools.cache
def _whole_files() -> tuple[Files, ...]:
    seeds = []
    for degree in range(4):
        file = io.BytesIO()
        format_named("sog").write(scene(degree), file, 0)
        with zipfile.ZipFile(file) as archive:
            seeds.append([(name, archive.read(name)) for name in archive.namelist()])
    return tuple(seeds)


def _with_meta(random: Random, files: Files) -> Files:
    """`meta.json` with values, keys or characters changed."""
    contents = dict(files)
    meta = json.loads(contents[META])
    change(random, meta, ("count", "version", "files", "camera", "\x1b[1m"))
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
