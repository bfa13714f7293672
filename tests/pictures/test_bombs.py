from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.pictures.files import FORMATS, encoded, exif, gradient
from wheatstone.errors import BadPictureError
from wheatstone.pictures import read_picture
from wheatstone.pictures.bombs import bomb

SHORT, LONG, UNDEFINED = 3, 4, 7
EXIF_POINTER = 34665

Entry = tuple[int, int, int, int]
"""Tag, type, number of values, value or offset."""


def directory(order: str, entries: list[Entry]) -> bytes:
    packed = b"".join(struct.pack(f"{order}HHLL", *entry) for entry in entries)
    return struct.pack(f"{order}H", len(entries)) + packed + bytes(4)


def tiff(main: list[Entry], details: list[Entry], order: str = "<") -> bytes:
    """The main directory at byte 8, the second one at byte 500."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}L", 8)
    return (head + directory(order, main)).ljust(500, b"\0") + directory(order, details)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_ordinary_picture_is_no_bomb(kind: str) -> None:
    assert bomb(encoded(gradient(), kind, exif=exif(orientation=6, f35=26)), kind) is None


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = encoded(gradient(), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    assert bomb(data[:-2] + last_scan * 50 + data[-2:], "JPEG") is None
    with pytest.raises(BadPictureError, match="more than 100 scans"):
        read_picture(data[:-2] + last_scan * 300 + data[-2:])


def test_scan_markers_in_data_appended_to_a_jpeg_do_not_count() -> None:
    noise = np.random.default_rng(0).bytes(10_000_000)
    assert bomb(encoded(gradient(), "JPEG") + noise, "JPEG") is None


def test_a_jpeg_of_endless_exif_is_refused() -> None:
    data = encoded(gradient(), "JPEG")
    segment = b"\xff\xe1" + (2 + 6 + 100).to_bytes(2, "big") + b"Exif\0\0" + bytes(100)
    with pytest.raises(BadPictureError, match="more than 32 EXIF segments"):
        read_picture(data[:2] + segment * 40 + data[2:])


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_tags_of_endless_numbers_are_refused(order: str) -> None:
    with pytest.raises(BadPictureError, match="2000000 numbers in its tags"):
        read_picture(tiff([(258, SHORT, 2_000_000, 0)], [], order))


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_exif_directory_of_a_tiff_is_looked_at_too(order: str) -> None:
    huge = [(tag, SHORT, 100_000, 0) for tag in range(37000, 37011)]
    assert "numbers" in str(bomb(tiff([(EXIF_POINTER, LONG, 1, 500)], huge, order), "TIFF"))


def test_long_texts_and_blobs_in_tiff_tags_are_fine() -> None:
    assert bomb(tiff([(700, UNDEFINED, 5_000_000, 0)], []), "TIFF") is None


def test_a_directory_that_points_to_itself_ends() -> None:
    assert bomb(tiff([(EXIF_POINTER, LONG, 1, 500)], [(EXIF_POINTER, LONG, 1, 500)] * 1000), "TIFF") is None


def test_many_directories_are_refused() -> None:
    main = [(EXIF_POINTER, LONG, 1, 500 + step) for step in range(10)]
    assert bomb(tiff(main, []), "TIFF") == "has too many directories of tags"


def test_a_directory_at_an_odd_type_of_pointer_is_refused() -> None:
    assert bomb(tiff([(EXIF_POINTER, SHORT, 1, 500)], []), "TIFF") == "has a malformed directory of tags"


@pytest.mark.parametrize("data", [b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff\0"])
def test_cut_off_directories_do_no_harm(data: bytes) -> None:
    assert bomb(data, "TIFF") is None


def test_an_avif_of_endless_exif_is_refused() -> None:
    tags = Image.Exif()
    tags[ExifTags.Base.MakerNote] = bytes(900_000)
    read_picture(encoded(gradient(), "AVIF", exif=tags.tobytes()))
    tags[ExifTags.Base.MakerNote] = bytes(1_100_000)
    with pytest.raises(BadPictureError, match="too much EXIF"):
        read_picture(encoded(gradient(), "AVIF", exif=tags.tobytes()))


def test_an_avif_of_endless_boxes_is_refused() -> None:
    data = encoded(gradient(), "AVIF")
    assert bomb(data + b"\0\0\0\x08free" * 900, "AVIF") is None
    assert "too many parts" in str(bomb(data + b"\0\0\0\x08free" * 1100, "AVIF"))


@pytest.mark.parametrize("cut", [4, 8, 40, 60, 100, 140, 200])
def test_cut_off_boxes_do_no_harm(cut: int) -> None:
    assert bomb(encoded(gradient(), "AVIF", exif=exif(f35=26))[:cut], "AVIF") is None
