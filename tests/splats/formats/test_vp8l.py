from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from wheatstone.arrays import U8
from wheatstone.splats.formats import _vp8l

Y, X = np.indices((300, 200))
PICTURES = {
    "black": np.zeros((70, 50, 3)),
    "one colour": np.full((70, 50, 3), (1, 200, 30)),
    "a gradient": np.stack([X, Y, X + Y], axis=-1),
    "an edge": np.stack([X < 90, Y < 33, X < Y], axis=-1) * 255,
    "noise": np.random.default_rng(0).integers(0, 256, (300, 200, 3)),
    "noise and alpha": np.random.default_rng(1).integers(0, 256, (300, 200, 4)),
    "few values": np.random.default_rng(2).choice([0, 7, 255], (300, 200, 4), p=[0.98, 0.015, 0.005]),
    "lopsided": np.random.default_rng(3).geometric(0.5, (300, 200, 3)) % 256,
    "clear": np.concatenate([np.stack([X, Y, X], axis=-1), np.zeros((300, 200, 1))], axis=-1),
    "one pixel": np.array([[[1, 2, 3, 4]]]),
    "one row": np.stack([X, X, Y], axis=-1)[:1],
    "one column": np.stack([X, X, Y], axis=-1)[:, :1],
    "the widest": np.arange(16_383 * 3).reshape(1, -1, 3) // 7 % 256,
    "the highest": np.arange(16_383 * 4).reshape(-1, 1, 4) // 5 % 256,
}


def decoded(content: bytes, channels: int) -> U8:
    image = Image.open(BytesIO(content), formats=["WEBP"])
    return np.asarray(image.convert("RGBA" if channels == 4 else "RGB"))


@pytest.mark.parametrize("name", PICTURES)
def test_every_pixel_comes_back(name: str) -> None:
    pixels = (PICTURES[name] % 256).astype(np.uint8)
    np.testing.assert_array_equal(decoded(_vp8l.encode(pixels), pixels.shape[2]), pixels)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_picture_comes_back(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([3, 4])))
    largest = data.draw(st.sampled_from([1, 2, 5, 255]))
    pixels = data.draw(npst.arrays(np.uint8, shape, elements=st.integers(0, largest)))
    np.testing.assert_array_equal(decoded(_vp8l.encode(pixels), shape[2]), pixels)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(3, 4), st.floats(0, 40), st.integers(0, 2**32))
def test_smooth_pictures_with_noise_come_back(
    width: int, height: int, channels: int, noise: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    plane = np.indices((height, width)).transpose(1, 2, 0) @ rng.uniform(-9, 9, (2, channels))
    exact = plane + rng.normal(0, noise, plane.shape)
    pixels = (exact.astype(np.int64) % 256).astype(np.uint8)
    np.testing.assert_array_equal(decoded(_vp8l.encode(pixels), channels), pixels)


def test_pixels_need_not_be_contiguous() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 4)).astype(np.uint8)
    for view in (pixels[::2, ::-3, :3], pixels.transpose(1, 0, 2)):
        np.testing.assert_array_equal(decoded(_vp8l.encode(view), view.shape[2]), view)


def test_codes_are_never_longer_than_the_format_allows() -> None:
    # Counts like Fibonacci's numbers give Huffman's deepest tree: 22 bits without a limit.
    counts = [1, 1]
    while len(counts) < 23:
        counts.append(counts[-1] + counts[-2])
    values = np.repeat(np.arange(23), counts)
    pixels = np.zeros((16, -(-len(values) // 16), 3), np.uint8)
    pixels.reshape(-1, 3)[: len(values), 1] = np.random.default_rng(0).permutation(values) * 11
    np.testing.assert_array_equal(decoded(_vp8l.encode(pixels), 3), pixels)
    strip = np.bincount(values, minlength=280)
    codes, lengths = np.zeros(280, np.int64), np.zeros(280, np.int64)
    assert _vp8l._make_code(strip, 15, codes, lengths) == 23
    used = lengths[lengths > 0]
    assert used.max() <= 15
    assert np.sum(2.0**-used) == 1  # a complete code


def test_smooth_pictures_become_small() -> None:
    pixels = np.stack([X, Y, X + Y], axis=-1).astype(np.uint8)
    assert len(_vp8l.encode(pixels)) < pixels.size / 20


def test_noise_grows_by_little() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 4)).astype(np.uint8)
    assert len(_vp8l.encode(pixels)) < 1.02 * pixels.size


@pytest.mark.parametrize("shape", [(1, 16_384, 3), (16_384, 1, 4), (0, 5, 3), (5, 0, 4)])
def test_a_side_that_webp_cannot_hold_is_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="16383"):
        _vp8l.encode(np.zeros(shape, np.uint8))
