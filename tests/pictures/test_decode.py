from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from tests.pictures.files import FORMATS, encoded, exif, gradient
from tests.pictures.profiles import DISPLAY_P3, SRGB_CURVE, rgb_profile
from wheatstone.arrays import U8
from wheatstone.errors import BadPictureError, PictureTooLargeError
from wheatstone.pictures.decode import decode
from wheatstone.settings import PictureLimits

LIMITS = PictureLimits()
LOSSLESS = 0
NEARLY = 8
TOLERANCE = {"JPEG": NEARLY, "WEBP": NEARLY, "HEIF": NEARLY, "AVIF": NEARLY, "PNG": LOSSLESS, "TIFF": LOSSLESS}
"""Largest mean difference of decoded levels."""


def rgb_of(data: bytes) -> U8:
    return decode(data, "it", LIMITS).rgb


def difference(a: U8, b: U8) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b).mean())


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def png_of_size(width: int, height: int) -> bytes:
    """The beginning of a PNG of this size, with hardly any pixels."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(bytes(100)))


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_read(kind: str) -> None:
    assert difference(rgb_of(encoded(gradient(), kind)), gradient()) <= TOLERANCE[kind]


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd"])
def test_compressed_tiff_is_read(compression: str) -> None:
    assert difference(rgb_of(encoded(gradient(), "TIFF", compression=compression)), gradient()) <= NEARLY


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_applied_exactly_once(kind: str, orientation: int) -> None:
    image = Image.fromarray(gradient())
    image.getexif()[ExifTags.Base.Orientation] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    data = encoded(gradient(), kind, exif=exif(orientation=orientation))
    assert difference(rgb_of(data), expected) <= TOLERANCE[kind]


@pytest.mark.parametrize("kind", FORMATS)
def test_exif_is_read_from_each_format(kind: str) -> None:
    data = encoded(gradient(), kind, exif=exif(orientation=6, f35=26, focal=4.25))
    assert decode(data, "it", LIMITS).exif[ExifTags.Base.FocalLengthIn35mmFilm] == 26


@pytest.mark.parametrize("kind", FORMATS)
def test_the_colour_profile_is_applied_in_each_format(kind: str) -> None:
    muted = np.full((16, 16, 3), (150, 90, 70), np.uint8)
    data = encoded(muted, kind, icc_profile=rgb_profile(DISPLAY_P3, SRGB_CURVE))
    assert rgb_of(data)[8, 8, 0] == pytest.approx(161, abs=4)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "HEIF", "AVIF", "TIFF"])
def test_alpha_is_read_from_each_format(kind: str) -> None:
    image = Image.fromarray(gradient()).convert("RGBA")
    image.putalpha(Image.fromarray(gradient()[..., 0]))
    alpha = decode(encoded(image, kind), "it", LIMITS).alpha
    assert alpha is not None
    assert np.abs(alpha.astype(int) - gradient()[..., 0]).mean() < 3


def test_cmyk_jpeg_is_read() -> None:
    image = Image.fromarray(gradient()).convert("CMYK")
    assert difference(rgb_of(encoded(image, "JPEG")), gradient()) <= NEARLY


def test_sixteen_bit_rgb_png_is_reduced_to_eight() -> None:
    rows = gradient().astype(">u2") * 257
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    header = (96).to_bytes(4, "big") + (64).to_bytes(4, "big") + bytes([16, 2, 0, 0, 0])
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(body))
    assert (rgb_of(data + png_chunk(b"IEND", b"")) == gradient()).all()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    others = [Image.fromarray(gradient()[::-1]), Image.fromarray(gradient()[:, ::-1])]
    data = encoded(gradient(), kind, save_all=True, append_images=others)
    assert difference(rgb_of(data), gradient()) <= TOLERANCE[kind]


def test_a_heic_of_several_pictures_gives_its_primary_one() -> None:
    heif = pillow_heif.from_pillow(Image.fromarray(gradient()[::-1]))
    heif.add_from_pillow(Image.fromarray(gradient()))
    stream = io.BytesIO()
    heif.save(stream, quality=95, primary_index=1)
    assert difference(rgb_of(stream.getvalue()), gradient()) <= NEARLY


def test_a_heic_of_a_generic_brand_is_read() -> None:
    data = encoded(gradient(), "HEIF")
    assert data[8:12] == b"heic"
    assert difference(rgb_of(data[:8] + b"mif1" + data[12:]), gradient()) <= NEARLY


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "it is empty"),
        (b"Dear diary,", "it is not a JPEG, PNG, WebP, HEIC, AVIF or TIFF file"),
        (b"PK\x03\x04" + bytes(100), "it is not a JPEG"),
        (encoded(gradient(), "GIF"), "it is not a JPEG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "damaged or truncated PNG|begins like a PNG"),
        (b"\xff\xd8\xff" + bytes(100), "damaged or truncated JPEG|begins like a JPEG"),
        (b"\0\0\0\x10ftypheic\0\0\0\0" + bytes(100), "damaged or truncated HEIF"),
        (encoded(gradient(), "PNG")[:-12] + png_chunk(b"tRNS", b"\0"), r"damaged or truncated PNG file \(\w+"),
    ],
    ids=["empty", "text", "zip", "gif", "png", "jpeg", "heic", "without a reason"],
)
def test_what_is_no_picture_is_refused_in_one_line(data: bytes, complaint: str) -> None:
    with pytest.raises(BadPictureError, match=complaint) as caught:
        decode(data, "it", LIMITS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.8, 0.95])
def test_a_truncated_file_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    data = encoded(noise, kind)
    with pytest.raises(BadPictureError, match=r"^it "):
        decode(data[: int(len(data) * share)], "it", LIMITS)


def test_a_file_over_the_size_limit_is_refused() -> None:
    data = encoded(gradient(), "PNG")
    decode(data, "it", PictureLimits(max_bytes=len(data)))
    with pytest.raises(PictureTooLargeError, match="WHEATSTONE_PICTURES__MAX_BYTES"):
        decode(data, "it", PictureLimits(max_bytes=len(data) - 1))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_over_the_pixel_limit_is_refused(kind: str) -> None:
    data = encoded(gradient(), kind)
    decode(data, "it", PictureLimits(max_pixels=96 * 64))
    with pytest.raises(PictureTooLargeError, match=r"96x64 .*WHEATSTONE_PICTURES__MAX_PIXELS"):
        decode(data, "it", PictureLimits(max_pixels=96 * 64 - 1))


@pytest.mark.parametrize("side", [10_000, 60_000, 2_000_000_000])
def test_the_pixel_limit_is_told_from_the_header(side: int) -> None:
    with pytest.raises(PictureTooLargeError, match="pixels"):
        decode(png_of_size(side, side), "it", LIMITS)


def test_a_text_that_unpacks_to_much_more_is_refused() -> None:
    text = PngInfo()
    text.add_itxt("comment", "x" * 5_000_000, zip=True)
    with pytest.raises(BadPictureError):
        decode(encoded(gradient(), "PNG", pnginfo=text), "it", LIMITS)


def test_a_profile_that_unpacks_to_much_more_is_refused() -> None:
    with pytest.raises(BadPictureError):
        decode(encoded(gradient(), "PNG", icc_profile=bytes(5_000_000)), "it", LIMITS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF"])
def test_a_broken_profile_does_not_cost_the_picture(kind: str) -> None:
    data = encoded(gradient(), kind, icc_profile=b"broken" * 40)
    assert difference(rgb_of(data), gradient()) <= TOLERANCE[kind]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_does_not_cost_the_picture(kind: str) -> None:
    tags = exif(orientation=6, f35=26)
    for broken in [tags[:cut] for cut in range(6, len(tags))] + [tags[:6] + b"nonsense" * 4]:
        decode(encoded(gradient(16, 16), kind, exif=broken), "it", LIMITS)


def test_orientation_survives_a_broken_exif_directory() -> None:
    tags = bytearray(exif(orientation=6, f35=26))
    pointer = tags.index(struct.pack(">HHL", ExifTags.IFD.Exif, 4, 1)) + 8
    tags[pointer : pointer + 4] = b"\xff\xff\xff\xff"
    assert rgb_of(encoded(gradient(), "JPEG", exif=bytes(tags))).shape == (96, 64, 3)


def test_enormous_exif_is_ignored() -> None:
    tags = exif(f35=26)
    assert decode(encoded(gradient(), "PNG", exif=tags + bytes(1_000_000)), "it", LIMITS).exif == {}


@pytest.mark.parametrize("tags", [{50706: b"\1\4\0\0"}, {254: 1}], ids=["DNG", "thumbnail first"])
def test_camera_raw_is_refused(tags: dict[int, object]) -> None:
    with pytest.raises(BadPictureError, match="camera raw"):
        decode(encoded(gradient(), "TIFF", tiffinfo=tags), "it", LIMITS)


def test_floating_point_tiff_is_refused() -> None:
    data = encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF")
    with pytest.raises(BadPictureError, match="pixels of type F"):
        decode(data, "it", LIMITS)


def test_pillow_is_left_as_it_was() -> None:
    before = (list(Image.ID), dict(Image.EXTENSION), Image.MAX_IMAGE_PIXELS, list(warnings.filters))
    for kind in FORMATS:
        decode(encoded(gradient(), kind), "it", LIMITS)
    assert (list(Image.ID), dict(Image.EXTENSION), Image.MAX_IMAGE_PIXELS, list(warnings.filters)) == before


def test_pillows_own_limit_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(PictureTooLargeError, match="MAX_IMAGE_PIXELS"):
        decode(encoded(gradient(), "PNG"), "it", LIMITS)


def test_pillows_warnings_do_not_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 96 * 64 - 1)
    assert (rgb_of(encoded(gradient(), "PNG")) == gradient()).all()


def test_threads_decode_side_by_side() -> None:
    files = [encoded(gradient(), kind) for kind in FORMATS] * 4
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        shapes = {rgb.shape for rgb in pool.map(rgb_of, files)}
    assert shapes == {(64, 96, 3)}
    assert list(warnings.filters) == before


SEEDS = [encoded(gradient(24, 16), kind, exif=exif(orientation=6, f35=26)) for kind in FORMATS]
SEEDS.append(encoded(gradient(24, 16), "TIFF", compression="tiff_lzw"))
SEEDS.append(encoded(Image.fromarray(gradient(24, 16)).quantize(8), "PNG", transparency=0))
SEEDS.append(encoded(gradient(24, 16), "JPEG", icc_profile=rgb_profile(DISPLAY_P3, [2.2])))


@settings(max_examples=400)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.floats(0, 1),
)
def test_mutilated_files_decode_or_are_refused(seed: bytes, edits: list[tuple[float, int]], kept: float) -> None:
    data = bytearray(seed)
    for place, value in edits:
        data[int(place * len(data))] = value
    with contextlib.suppress(BadPictureError, PictureTooLargeError):
        decoded = decode(bytes(data[: 1 + int(kept * len(data))]), "it", PictureLimits(max_pixels=100_000))
        assert decoded.rgb.size <= 300_000
