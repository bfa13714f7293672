"""Files that cost far more time or memory than their size and pixels tell, recognised before decoding."""

from __future__ import annotations

import re
import struct
from typing import Literal

from wheatstone.pictures._avif import has_modest_exif

_JPEG_SCAN = re.compile(rb"\xff\xda\0(?:\x06\0|\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
_MAX_JPEG_SCANS = 100
"""A progressive JPEG has about ten. A scan of a few bytes costs a pass over all pixels."""

_JPEG_EXIF_SEGMENT = re.compile(rb"\xff\xe1..Exif\0\0", re.DOTALL)
_MAX_JPEG_EXIF_SEGMENTS = 32
"""A photo has one, of at most 64 kB. Pillow joins them all and makes objects of their numbers."""

_MAX_TIFF_NUMBERS = 1_000_000
"""Most numbers in the tags of a page; nearly all of a real one's tell where its strips or tiles are."""

_TIFF_POINTER_TAGS = frozenset({34665, 34853, 40965})
"""Tags that lead to the Exif, GPS and interoperability directories, which Pillow reads too."""

_TIFF_OFFSET_TYPES = frozenset({4, 13})
_TIFF_PLAIN_BYTES_TYPES = frozenset({1, 2, 7})
"""Tags of these types stay one string of bytes in memory."""

_MAX_TIFF_DIRECTORIES = 4


def bomb(data: bytes, kind: str) -> str | None:
    """What makes the file a bomb, as the end of a sentence about it; None when nothing does.

    Args:
        data: the whole file.
        kind: its format as `picture_format` tells it.
    """
    if kind == "JPEG":
        return _jpeg_bomb(data)
    if kind == "TIFF":
        return _tiff_bomb(data)
    if kind == "AVIF" and not has_modest_exif(data):
        return "has too much EXIF, or too many parts"
    return None


def _jpeg_bomb(data: bytes) -> str | None:
    if len(_JPEG_SCAN.findall(data)) > _MAX_JPEG_SCANS:
        return f"has more than {_MAX_JPEG_SCANS} scans"
    if len(_JPEG_EXIF_SEGMENT.findall(data)) > _MAX_JPEG_EXIF_SEGMENTS:
        return f"has more than {_MAX_JPEG_EXIF_SEGMENTS} EXIF segments"
    return None


def _tiff_bomb(data: bytes) -> str | None:
    """Walk the directories of the first page, by the same pointers as Pillow."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    entry = struct.Struct("<HHLL" if order == "little" else ">HHLL")
    pending = {int.from_bytes(data[4:8], order)}
    seen: set[int] = set()
    numbers = 0
    while pending:
        start = pending.pop()
        seen.add(start)
        if len(seen) > _MAX_TIFF_DIRECTORIES:
            return "has too many directories of tags"
        count = int.from_bytes(data[start : start + 2], order)
        entries = data[start + 2 : start + 2 + entry.size * count]
        for tag, kind, length, value in entry.iter_unpack(entries[: len(entries) // entry.size * entry.size]):
            numbers += 0 if kind in _TIFF_PLAIN_BYTES_TYPES else length
            if tag in _TIFF_POINTER_TAGS and kind not in _TIFF_OFFSET_TYPES:
                return "has a malformed directory of tags"
            if tag in _TIFF_POINTER_TAGS and value not in seen:
                pending.add(value)
        if numbers > _MAX_TIFF_NUMBERS:
            return f"has {numbers} numbers in its tags"
    return None
