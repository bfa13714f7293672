"""Edge-aware smoothing and smooth hole filling on float pictures."""

from __future__ import annotations

import cv2
import numpy as np

from wheatstone.arrays import F32, F64, U8, AnyArray


def gaussian(values: AnyArray, sigma_px: float) -> F32:
    """Gaussian blur of an (H, W) or (H, W, C) float32 array."""
    blurred: F32 = cv2.GaussianBlur(values.astype(np.float32), (0, 0), sigma_px)
    return blurred


def disc(radius_px: int) -> AnyArray:
    """Square structuring element of side 2 radius + 1 for erosions and dilations."""
    return np.ones((2 * radius_px + 1, 2 * radius_px + 1), np.uint8)


def gradient_magnitude(grey: F32) -> F32:
    """Length of the Sobel gradient of an (H, W) picture with values 0 to 1."""
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    length: F32 = np.hypot(across, down)
    return length


def colour_edges(rgb: U8) -> F32:
    """Length of the Lab gradient (Sobel) of an (H, W, 3) sRGB picture, the largest within two pixels."""
    lab = gaussian(cv2.cvtColor(rgb / np.float32(255), cv2.COLOR_RGB2Lab), 1.0)
    length = np.sqrt(sum(gradient_magnitude(lab[..., channel]) ** 2 for channel in range(3)))
    edges: F32 = cv2.dilate(length, disc(2))
    return edges


def sharpness(grey: F32) -> F32:
    """Defocus cue, 0 to 1: how much gradient a further blur takes away, spread over a neighbourhood.

    Args:
        grey: (H, W) float32, 0 to 1.
    """
    lost = np.maximum(gradient_magnitude(grey) - gradient_magnitude(gaussian(grey, 1.5)), 0)
    spread = gaussian(cv2.dilate(lost, disc(2)), grey.shape[1] / 60)
    level: F32 = np.clip(spread / (np.percentile(spread, 97) + 1e-6), 0, 1).astype(np.float32)
    return level


def guided_filter(guide: AnyArray, values: AnyArray, radius_px: int, eps: float) -> F32:
    """Smooth `values` while following the edges of a colour guide (He, Sun, Tang: Guided Image Filtering).

    Args:
        guide: (H, W, 3), 0 to 1.
        values: (H, W).
        radius_px: half side of the square window.
        eps: variance below which the guide counts as flat.

    Returns:
        (H, W) float32.
    """
    side = 2 * radius_px + 1

    def mean(array: AnyArray) -> F64:
        blurred: F64 = cv2.blur(array, (side, side), borderType=cv2.BORDER_REFLECT)
        return blurred

    channels = [np.ascontiguousarray(guide[..., i], np.float64) for i in range(3)]
    target = values.astype(np.float64)
    means = [mean(channel) for channel in channels]
    target_mean = mean(target)
    covariance = [mean(channels[i] * target) - means[i] * target_mean for i in range(3)]

    def spread(i: int, j: int) -> F64:
        return mean(channels[i] * channels[j]) - means[i] * means[j] + (eps if i == j else 0.0)

    xx, xy, xz, yy, yz, zz = (spread(i, j) for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)))
    # The symmetric 3x3 systems solved by cofactors: far cheaper than a batched solver.
    c00, c01, c02 = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    c11, c12, c22 = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    determinant = xx * c00 + xy * c01 + xz * c02
    slopes = [
        (row[0] * covariance[0] + row[1] * covariance[1] + row[2] * covariance[2]) / determinant
        for row in ((c00, c01, c02), (c01, c11, c12), (c02, c12, c22))
    ]
    offset = target_mean - sum(slope * average for slope, average in zip(slopes, means, strict=True))
    result = mean(offset) + sum(mean(slope) * channel for slope, channel in zip(slopes, channels, strict=True))
    return np.asarray(result, np.float32)


def pull_push(values: AnyArray, weights: AnyArray) -> F32:
    """Fill where `weights` is low, smoothly, from where it is high (pull-push on an averaging pyramid).

    Args:
        values: (H, W) or (H, W, C).
        weights: (H, W), 0 to 1.

    Returns:
        float32 in the shape of `values`: the values where the weight is 1, a smooth membrane where it is 0.
    """
    flat = values.ndim == 2
    image = np.atleast_3d(values).astype(np.float32)
    weight = weights.astype(np.float32)[..., None]
    pyramid = [(image * weight, weight)]
    while max(pyramid[-1][1].shape[:2]) > 1:
        colour, weight = pyramid[-1]
        size = ((weight.shape[1] + 1) // 2, (weight.shape[0] + 1) // 2)
        pyramid.append((_area(colour, size), _area(weight, size)))
    colour, weight = pyramid[-1]
    filled = np.divide(colour, weight, out=np.zeros_like(colour), where=weight > 0)
    for colour, weight in reversed(pyramid[:-1]):
        size = (weight.shape[1], weight.shape[0])
        filled = np.atleast_3d(cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR))
        filled *= 1 - weight
        filled += colour
    result: F32 = (filled[..., 0] if flat else filled).astype(np.float32, copy=False)
    return result


def _area(values: F32, size: tuple[int, int]) -> F32:
    smaller: F32 = np.atleast_3d(cv2.resize(values, size, interpolation=cv2.INTER_AREA))
    return smaller
