"""Real photos, as scikit-image ships them, and drawn scenes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import skimage
from PIL import Image

from wheatstone.arrays import F32, U8, Mask
from wheatstone.pictures import FocalSource, Picture

FOLDER = Path(skimage.__file__).parent / "data"


def photo(name: str, long_side_px: int = 320) -> U8:
    """(H, W, 3) sRGB of a photo such as `chelsea.png`, reduced."""
    image = Image.open(FOLDER / name).convert("RGB")
    image.thumbnail((long_side_px, long_side_px))
    return np.asarray(image)


def picture(rgb: U8, alpha: U8 | None = None) -> Picture:
    """As if decoded from a file, with a 30 mm equivalent lens."""
    return Picture("drawn.png", rgb, alpha, 30 / 36 * max(rgb.shape[:2]), FocalSource.DEFAULT)


def disc(height: int, width: int, radius_px: float, *, row: float = 0.5, column: float = 0.5) -> Mask:
    """(H, W) mask of a disc; its centre as shares of height and width."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    inside: Mask = np.hypot(rows - row * height, columns - column * width) < radius_px
    return inside


def textured(height: int, width: int, rgb: tuple[int, int, int], contrast: float = 40, seed: int = 0) -> U8:
    """A surface of this colour with soft blotches."""
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 1)).astype(np.float32)
    blotches: F32 = cv2.GaussianBlur(noise, (0, 0), 2)[..., None]
    blotches *= contrast / blotches.std()
    return np.clip(np.array(rgb) + blotches, 0, 255).astype(np.uint8)


def sky_above_ground(height: int = 160, width: int = 240, horizon: float = 0.6) -> U8:
    """A sky that pales downwards, over textured ground."""
    scene = textured(height, width, (90, 80, 50))
    end = round(horizon * height)
    fade = np.linspace(0, 1, end)[:, None, None]
    scene[:end] = (1 - fade) * np.array([70, 120, 210]) + fade * np.array([150, 185, 230])
    return scene
