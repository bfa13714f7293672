"""Hostile photos of objects: in them is nothing, too little or too much to be made a mesh of."""

from __future__ import annotations

import functools
import io
from random import Random

import numpy as np
from PIL import Image

from bench.hostile.pictures import KINDS, hostile_picture
from bench.silhouettes import random_matte
from wheatstone.arrays import U8

_SIDES_PX = (1, 2, 3, 7, 16, 40, 100, 300)
_LONG_PX = 2000


def hostile_object(random: Random) -> bytes:
    """A photo, mostly cut out."""
    roll = random.random()
    if roll < 0.1:
        return hostile_picture(random.choice(KINDS), random)
    if roll < 0.4:
        return _saved(_with_alpha(random, _colours(random, *_shape(random))))
    matte = random_matte(random.randrange(1 << 30))
    alpha = (matte * 255).astype(np.uint8)
    height, width = alpha.shape
    if random.random() < 0.5:  # cut by the border
        top, left = random.randrange(height // 2), random.randrange(width // 2)
        alpha = alpha[top : top + random.randint(1, height), left : left + random.randint(1, width)]
    return _saved(np.dstack([_colours(random, *alpha.shape), alpha]))


@functools.cache
def whole_objects() -> tuple[bytes, ...]:
    """A ball and a bar, cut out, and a ball before a plain background."""
    rows, columns = np.mgrid[:120, :160]
    ball = (np.hypot(rows - 60, columns - 70) < 45).astype(np.uint8) * np.uint8(255)
    bar = ((np.abs(rows - 60) < 8) & (np.abs(columns - 80) < 60)).astype(np.uint8) * np.uint8(255)
    rgb = np.stack([rows * 2, columns, 255 - rows], axis=-1).astype(np.uint8)
    before = np.where(ball[..., None] > 0, rgb, np.uint8(240))
    return _saved(np.dstack([rgb, ball])), _saved(np.dstack([rgb, bar])), _saved(before)


def _shape(random: Random) -> tuple[int, int]:
    short, long_ = random.choice(_SIDES_PX), random.choice((*_SIDES_PX, _LONG_PX))
    return (short, long_) if random.random() < 0.5 else (long_, short)


def _colours(random: Random, height: int, width: int) -> U8:
    """(H, W, 3): one colour, noise, a gradient, stripes."""
    numbers = np.random.default_rng(random.randrange(1 << 30))
    match random.randrange(4):
        case 0:
            colours = np.full((height, width, 3), random.choice((0, 1, 127, 254, 255)))
        case 1:
            colours = numbers.integers(0, 256, (height, width, 3))
        case 2:
            colours = np.repeat(np.linspace(0, 255, width)[None, :, None].repeat(height, axis=0), 3, axis=2)
        case _:
            colours = np.where((np.arange(width) // 2 % 2)[None, :, None] > 0, numbers.integers(0, 256, 3), 0)
            colours = np.broadcast_to(colours, (height, width, 3))
    return np.ascontiguousarray(colours, np.uint8)


def _with_alpha(random: Random, rgb: U8) -> U8:
    """(H, W, 3 or 4): a matte at which shapes end: none, all, a pixel, a line, a grid, noise, a faint veil."""
    height, width = rgb.shape[:2]
    alpha = np.zeros((height, width), np.uint8)
    match random.randrange(9):
        case 0:
            return rgb
        case 1:
            alpha[:] = random.choice((0, 1, 126, 127, 128, 129, 255))
        case 2:
            alpha[random.randrange(height), random.randrange(width)] = 255
        case 3:
            alpha[random.randrange(height)] = 255
        case 4:
            alpha[:, random.randrange(width)] = 255
        case 5:
            alpha[:: random.randint(2, 3), :: random.randint(2, 3)] = 255
        case 6:
            alpha[:] = 255
            alpha[random.randrange(height), random.randrange(width)] = 0
        case 7:
            alpha = np.random.default_rng(random.randrange(1 << 30)).integers(0, 256, alpha.shape, np.uint8)
        case _:
            alpha[[0, -1]] = alpha[:, [0, -1]] = 255
    return np.dstack([rgb, alpha])


def _saved(pixels: U8) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()
