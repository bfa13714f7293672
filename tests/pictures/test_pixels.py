from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.pictures.files import encoded, gradient
from tests.pictures.profiles import DISPLAY_P3, SRGB_CURVE, grey_profile, rgb_profile
from wheatstone.arrays import U8
from wheatstone.errors import BadPictureError
from wheatstone.pictures import pixels
from wheatstone.pictures.pixels import upright_srgb


def loaded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def shown(image: Image.Image, orientation: object = 1) -> U8:
    rgb, alpha = upright_srgb(image, orientation, "it")
    assert alpha is None
    return rgb


def grey_ramp16() -> Image.Image:
    return Image.fromarray(np.linspace(0, 65535, 64 * 32).astype(np.uint16).reshape(32, 64))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation: int) -> None:
    image = Image.fromarray(gradient())
    image.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(image))
    assert (shown(Image.fromarray(gradient()), orientation) == expected).all()


@pytest.mark.parametrize("orientation", [0, 9, -1, None, "6", (6,), 6.0])
def test_an_unknown_orientation_counts_as_upright(orientation: object) -> None:
    assert (shown(Image.fromarray(gradient()), orientation) == gradient()).all()


@pytest.mark.parametrize("orientation", [1, 6])
def test_strips_join_without_seams(orientation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.fromarray(gradient()).convert("RGBA")
    image.putalpha(Image.fromarray(gradient()[..., 0]))
    rgb, alpha = upright_srgb(image, orientation, "it")
    monkeypatch.setattr(pixels, "_STRIP_PIXELS", 1000)
    strip_rgb, strip_alpha = upright_srgb(image, orientation, "it")
    assert (rgb == strip_rgb).all()
    assert alpha is not None
    assert strip_alpha is not None
    assert (alpha == strip_alpha).all()


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "YCbCr", "CMYK", "P"])
def test_opaque_modes_look_as_pillow_shows_them(mode: str) -> None:
    image = Image.fromarray(gradient()).convert(mode)
    assert (shown(image) == np.asarray(image.convert("RGB"))).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_alpha_is_kept_beside_unchanged_colours(mode: str) -> None:
    opaque = Image.fromarray(gradient()).convert({"RGBA": "RGB", "LA": "L", "PA": "P"}[mode])
    image = opaque.convert(mode)
    image.putalpha(Image.fromarray(gradient()[..., 0]))
    rgb, alpha = upright_srgb(image, 1, "it")
    assert alpha is not None
    assert (alpha == gradient()[..., 0]).all()
    assert (rgb == np.asarray(opaque.convert("RGB"))).all()


def test_fully_opaque_alpha_is_none() -> None:
    assert (shown(Image.fromarray(gradient()).convert("RGBA")) == gradient()).all()


def test_premultiplied_colours_are_divided_by_alpha() -> None:
    image = Image.new("RGBA", (4, 4), (200, 100, 50, 128)).convert("RGBa")
    rgb, alpha = upright_srgb(image, 1, "it")
    assert alpha is not None
    assert (alpha == 128).all()
    assert np.abs(rgb.astype(int) - [200, 100, 50]).max() <= 2


def test_a_palette_with_transparency_has_alpha() -> None:
    image = Image.fromarray(gradient()).quantize(16)
    index = np.asarray(image)[0, 0]
    rgb, alpha = upright_srgb(loaded(encoded(image, "PNG", transparency=int(index))), 1, "it")
    assert alpha is not None
    assert ((alpha == 0) == (np.asarray(image) == index)).all()
    assert (rgb == np.asarray(image.convert("RGB"))).all()


def test_a_transparent_colour_of_a_png_has_alpha() -> None:
    blue = Image.new("RGB", (4, 2), (0, 0, 255))
    blue.putpixel((1, 0), (255, 0, 0))
    _, alpha = upright_srgb(loaded(encoded(blue, "PNG", transparency=(255, 0, 0))), 1, "it")
    assert alpha is not None
    assert alpha.tolist() == [[255, 0, 255, 255], [255, 255, 255, 255]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_rounded_to_eight(kind: str) -> None:
    deep = np.asarray(grey_ramp16())
    expected = np.round(deep / 65535 * 255)
    assert (shown(loaded(encoded(grey_ramp16(), kind))) == expected[..., None]).all()


def test_big_endian_sixteen_bit_grey_is_the_same() -> None:
    swapped = Image.frombytes("I;16B", (64, 32), np.asarray(grey_ramp16()).astype(">u2").tobytes())
    assert (shown(loaded(encoded(swapped, "TIFF"))) == shown(grey_ramp16())).all()


def test_twelve_bit_grey_reaches_white() -> None:
    image = Image.fromarray(np.full((4, 4), 4095, np.uint16))
    image.tag_v2 = {258: (12,)}  # type: ignore[attr-defined]  # as Pillow's TIFF reader leaves it
    assert (shown(image) == 255).all()


def test_a_grey_profile_reaches_sixteen_bit_pixels() -> None:
    image = grey_ramp16()
    image.info["icc_profile"] = grey_profile(1.0)
    assert shown(image)[16, 0, 0] == pytest.approx(188, abs=1)


def test_a_profile_applies_to_the_colours_of_transparent_pictures() -> None:
    image = Image.new("RGBA", (4, 4), (120, 160, 90, 100))
    image.info["icc_profile"] = rgb_profile(DISPLAY_P3, SRGB_CURVE)
    rgb, alpha = upright_srgb(image, 1, "it")
    opaque = Image.new("RGB", (4, 4), (120, 160, 90))
    opaque.info = image.info
    assert (rgb == shown(opaque)).all()
    assert (rgb[..., 0] < 120).all()
    assert alpha is not None
    assert (alpha == 100).all()


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_pixels_without_defined_colours_are_refused(mode: str) -> None:
    with pytest.raises(BadPictureError, match=f"it has pixels of type {mode}"):
        upright_srgb(Image.new(mode, (4, 4)), 1, "it")
