from __future__ import annotations

import pytest

from tests.pictures.files import FORMATS, encoded, gradient
from wheatstone.pictures.signatures import picture_format


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_known_by_its_bytes(kind: str) -> None:
    assert picture_format(encoded(gradient(), kind)) == kind


@pytest.mark.parametrize(
    "kind", ["GIF", "BMP", "JPEG2000", "PPM", "TGA", "ICO", "PCX", "EPS", "PDF", "DDS", "SGI"]
)
def test_every_other_format_is_unknown(kind: str) -> None:
    assert picture_format(encoded(gradient(), kind)) is None


def test_big_endian_tiff_is_known() -> None:
    assert picture_format(b"MM\0*\0\0\0\x08") == "TIFF"


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        (b"heic\0\0\0\0mif1heic", "HEIF"),
        (b"mif1\0\0\0\0mif1heic", "HEIF"),
        (b"mif1\0\0\0\0mif1avif", "AVIF"),
        (b"isom\0\0\0\0isommp41", None),
        (b"qt  \0\0\0\0qt  ", None),
    ],
)
def test_containers_are_told_apart_by_their_brands(brands: bytes, kind: str | None) -> None:
    box = (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands
    assert picture_format(box + b"\0\0\0\x08avif") == kind


@pytest.mark.parametrize("data", [b"", b"\xff", b"\0\0\0\0ftyp", b"\xff\xff\xff\xffftypheic", b"RIFF\0\0\0\0WEBP"])
def test_fragments_do_no_harm(data: bytes) -> None:
    picture_format(data)
