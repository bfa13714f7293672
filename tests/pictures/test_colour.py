from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from tests.pictures.files import gradient
from tests.pictures.profiles import ADOBE_RGB, DISPLAY_P3, SRGB_CURVE, cmyk_profile, grey_profile, rgb_profile
from wheatstone.arrays import F64, U8
from wheatstone.pictures.colour import srgb_converter

P3_TO_SRGB = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])
ADOBE_TO_SRGB = np.array([[1.39836, -0.39836, 0], [0, 1, 0], [0, -0.04293, 1.04293]])
MUTED = np.random.default_rng(0).integers(70, 180, (8, 8, 3)).astype(np.uint8)


def srgb_encoded(linear: F64) -> F64:
    linear = linear.clip(0, 1)
    encoded: F64 = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    return encoded


def srgb_linear(levels: U8) -> F64:
    values = levels / 255
    linear: F64 = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return linear


def converted(pixels: U8, mode: str, profile: bytes | None) -> U8:
    image = Image.fromarray(pixels) if mode in ("RGB", "L") else Image.fromarray(pixels, mode)
    return np.asarray(srgb_converter(mode, profile)(image))


def test_display_p3_becomes_srgb() -> None:
    expected = srgb_encoded(srgb_linear(MUTED) @ P3_TO_SRGB.T)
    result = converted(MUTED, "RGB", rgb_profile(DISPLAY_P3, SRGB_CURVE))
    assert np.abs(result - expected).max() <= 1.5
    assert np.abs(result.astype(int) - MUTED).max() > 5


def test_adobe_rgb_becomes_srgb() -> None:
    expected = srgb_encoded((MUTED / 255) ** (563 / 256) @ ADOBE_TO_SRGB.T)
    result = converted(MUTED, "RGB", rgb_profile(ADOBE_RGB, [563 / 256]))
    assert np.abs(result - expected).max() <= 1.5


def test_a_grey_profile_is_applied_to_grey_pixels() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = srgb_encoded((ramp / 255) ** 1.0)
    result = converted(ramp, "L", grey_profile(1.0))
    assert np.abs(result - expected[..., None]).max() <= 2


def test_an_rgb_profile_is_applied_to_grey_pixels() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = srgb_encoded((ramp / 255) ** 1.0)
    result = converted(ramp, "L", rgb_profile(ADOBE_RGB, [1.0]))
    assert np.abs(result - expected[..., None]).max() <= 2


def test_a_cmyk_profile_decides_how_inks_look() -> None:
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [255, 255, 255, 255]]], np.uint8)
    profile = cmyk_profile([255, 160, 120, 80, 0])
    paper, cyan, black = converted(inks, "CMYK", profile)[0]
    assert paper.min() >= 253
    assert np.ptp(cyan.astype(int)) <= 2
    assert black.max() <= 2


def test_srgb_under_any_name_leaves_pixels_alone() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert (converted(gradient(), "RGB", profile) == gradient()).all()


@pytest.mark.parametrize(
    ("mode", "profile"),
    [
        ("RGB", b""),
        ("RGB", b"not a profile"),
        ("RGB", rgb_profile(DISPLAY_P3, SRGB_CURVE)[:300]),
        ("RGB", rgb_profile(DISPLAY_P3, SRGB_CURVE) + bytes(8_000_000)),
        ("RGB", grey_profile(1.0)),
        ("RGB", cmyk_profile([255, 160, 120, 80, 0])),
        ("L", cmyk_profile([255, 160, 120, 80, 0])),
        ("CMYK", rgb_profile(DISPLAY_P3, SRGB_CURVE)),
    ],
    ids=[
        "empty",
        "text",
        "truncated",
        "enormous",
        "grey for RGB",
        "CMYK for RGB",
        "CMYK for grey",
        "RGB for CMYK",
    ],
)
def test_a_profile_that_cannot_be_used_is_ignored(mode: str, profile: bytes) -> None:
    image = Image.fromarray(gradient()).convert(mode)
    assert (np.asarray(srgb_converter(mode, profile)(image)) == np.asarray(image.convert("RGB"))).all()


@given(
    st.sampled_from([rgb_profile(DISPLAY_P3, [2.2]), grey_profile(2.2), cmyk_profile([255, 160, 120, 80, 0])]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    st.sampled_from(["RGB", "L", "CMYK"]),
)
def test_a_mutilated_profile_never_costs_the_picture(
    seed: bytes, edits: list[tuple[float, int]], mode: str
) -> None:
    profile = bytearray(seed)
    for place, value in edits:
        profile[int(place * len(profile))] = value
    image = Image.fromarray(gradient(16, 16)).convert(mode)
    assert srgb_converter(mode, bytes(profile))(image).mode == "RGB"
