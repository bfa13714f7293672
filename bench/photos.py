"""Photos of which no two are equal, so that no server can answer with a result that it has kept."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator

import numpy as np
from PIL import Image

_START_BYTES = 2
_COMMENT = b"\xff\xfe"


def distinct(jpeg: bytes) -> Iterator[bytes]:
    """The same picture again and again, each time with a comment of its own."""
    for number in itertools.count():
        comment = number.to_bytes(8, "big")
        length = (len(comment) + 2).to_bytes(2, "big")
        yield jpeg[:_START_BYTES] + _COMMENT + length + comment + jpeg[_START_BYTES:]


def large() -> bytes:
    """A JPEG of 5 MB and 12 megapixels, textured like a photo."""
    random = np.random.default_rng(0)
    width, height = 4000, 3000
    patches = Image.fromarray(random.integers(0, 256, (30, 40, 3), np.uint8))
    smooth = np.asarray(patches.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    textured = smooth + random.standard_normal((height, width, 1), np.float32) * 14
    file = io.BytesIO()
    Image.fromarray(textured.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()
