"""Hostile ZIP archives: odd entries, odd records, odd packing around files that may be whole."""

from __future__ import annotations

import io
import warnings
import zipfile
from random import Random

from bench.hostile.edits import damaged

_SIGNATURES = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06")
_HEAD_BYTES = 46
"""Of the longest of the ZIP's records, before the name."""
_NAMES = ("META.JSON", "./meta.json", "meta.json/", "\\meta.json", "../x.webp", "/abs.webp", "ü.webp", "n" * 3000)

Files = list[tuple[str, bytes]]


def zipped(random: Random, files: Files, *, odd: bool = False) -> bytes:
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


def with_odd_entries(random: Random, files: Files) -> Files:
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


def with_odd_records(random: Random, data: bytes) -> bytes:
    """Fields of the ZIP's own records changed: sizes, offsets, methods, flags, checksums."""
    places = [at for at in range(len(data)) if data[at : at + 4] in _SIGNATURES]
    for _ in range(random.randint(1, 4)):
        at = random.choice(places) + random.randrange(4, _HEAD_BYTES)
        value = random.choice((b"\0", b"\x01", b"\xff", b"\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x08\0"))
        value = random.choice((value, random.randbytes(2)))
        data = data[:at] + value + data[at + len(value) :]
    return data
