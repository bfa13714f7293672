"""PatchMatch hole filling: holes get texture from elsewhere in the same picture.

Wexler, Shechtman, Irani: Space-Time Completion of Video (2007); Barnes et al.: PatchMatch (2009).
Coarse to fine, every hole pixel has a best source patch; the colours of all patches that cover a pixel
vote on it. Sequential and seeded, hence the same on every machine and thread count.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from wheatstone.arrays import F32, I32, I64, U8, AnyArray, Mask
from wheatstone.compiled import kernel
from wheatstone.pictures.filters import gaussian, pull_push

_RADIUS = 3
"""Half side of a patch: 7x7 pixels."""
_LEVEL_SIDES_PX = (96, 160, 256)
"""Long sides of the pyramid's levels."""
_NEARNESS = 4.7
"""Cost of taking a patch from afar: per squared pixel of offset, at the coarsest level."""
_DISTRUST = 1.3
"""By this factor a patch counts less for each pixel it lies deeper in the hole."""
_SEAM = 0.05
"""How far into a hole the colours beside it carry, as a share of the longer side."""
_MIN_SOURCES = 200
"""With fewer source patches than this there is nothing to copy: the smooth fill stays."""
_BROAD = 0.012
"""Share of the longer side over which the colours of a guided fill are its own and not its sources'."""
_COMPARING_SWEEPS = 6
"""Passes over all patches of which the likes are sought."""


@kernel
def _cost(image: F32, y: int, x: int, sy: int, sx: int, limit: float) -> np.float32:
    """Sum of squared differences of the patches at (y, x) and (sy, sx); stops once over `limit`."""
    height, width = image.shape[0], image.shape[1]
    total = np.float32(0)
    for dy in range(-_RADIUS, _RADIUS + 1):
        ty = min(max(y + dy, 0), height - 1)
        for dx in range(-_RADIUS, _RADIUS + 1):
            tx = min(max(x + dx, 0), width - 1)
            for channel in range(image.shape[2]):
                difference = image[ty, tx, channel] - image[sy + dy, sx + dx, channel]
                total += difference * difference
        if total > limit:
            return total
    return total


@kernel
def _match(
    image: F32,
    targets: I64,
    source: Mask,
    field: I64,
    index: I32,
    sweeps: int,
    reach: int,
    nearness: float,
    seed: int,
) -> F32:
    """Improve the nearest-neighbour field in place by propagation and random search; returns the costs.

    Args:
        image: (H, W, C) current values, 0 to 255.
        targets: (N, 2) rows and columns of the pixels to match, in raster order.
        source: (H, W) centres of patches that lie wholly in known pixels.
        field: (N, 2) row and column of each target's source.
        index: (H, W) position of a pixel in `targets`, or -1.
        sweeps: passes over all targets, alternating in direction.
        reach: largest radius of the random search.
        nearness: cost per squared pixel of offset.
        seed: of the random search, not 0.
    """
    height, width = source.shape
    count = targets.shape[0]
    costs = np.empty(count, np.float32)
    state = np.uint32(seed)
    for k in range(count):
        y, x, sy, sx = targets[k, 0], targets[k, 1], field[k, 0], field[k, 1]
        costs[k] = _cost(image, y, x, sy, sx, 1e30) + nearness * ((y - sy) ** 2 + (x - sx) ** 2)
    for sweep in range(sweeps):
        step = 1 if sweep % 2 == 0 else -1
        for position in range(count):
            k = position if step == 1 else count - 1 - position
            y, x, best = targets[k, 0], targets[k, 1], costs[k]
            for axis in range(2):
                ny, nx = (y - step, x) if axis == 0 else (y, x - step)
                if ny < 0 or nx < 0 or ny >= height or nx >= width or index[ny, nx] < 0:
                    continue
                sy, sx = field[index[ny, nx], 0] + y - ny, field[index[ny, nx], 1] + x - nx
                if sy < 0 or sx < 0 or sy >= height or sx >= width or not source[sy, sx]:
                    continue
                offset = nearness * ((y - sy) ** 2 + (x - sx) ** 2)
                cost = _cost(image, y, x, sy, sx, best - offset) + offset
                if cost < best:
                    best, field[k, 0], field[k, 1] = cost, sy, sx
            radius = reach
            while radius >= 1:
                state ^= state << np.uint32(13)
                state ^= state >> np.uint32(17)
                state ^= state << np.uint32(5)
                sy = field[k, 0] + np.int64(state >> np.uint32(16)) % (2 * radius + 1) - radius
                sx = field[k, 1] + np.int64(state & np.uint32(0xFFFF)) % (2 * radius + 1) - radius
                if sy >= 0 and sx >= 0 and sy < height and sx < width and source[sy, sx]:
                    offset = nearness * ((y - sy) ** 2 + (x - sx) ** 2)
                    cost = _cost(image, y, x, sy, sx, best - offset) + offset
                    if cost < best:
                        best, field[k, 0], field[k, 1] = cost, sy, sx
                radius //= 2
            costs[k] = best
    return costs


@kernel
def _vote(
    image: F32, targets: I64, hole: Mask, field: I64, index: I32, costs: F32, tolerance: float, trust: F32
) -> F32:
    """New colours: hole pixels become the mean of what all patches over them say, good patches first."""
    height, width = index.shape
    out = image.copy()
    for k in range(targets.shape[0]):
        y, x = targets[k, 0], targets[k, 1]
        if not hole[y, x]:
            continue
        total = np.float32(0)
        for channel in range(image.shape[2]):
            out[y, x, channel] = 0
        for dy in range(-_RADIUS, _RADIUS + 1):
            for dx in range(-_RADIUS, _RADIUS + 1):
                ny, nx = y + dy, x + dx
                if ny < 0 or nx < 0 or ny >= height or nx >= width or index[ny, nx] < 0:
                    continue
                other = index[ny, nx]
                weight = trust[ny, nx] * np.float32(np.exp(-costs[other] / tolerance) + 1e-6)
                sy, sx = field[other, 0] - dy, field[other, 1] - dx
                total += weight
                for channel in range(image.shape[2]):
                    out[y, x, channel] += weight * image[sy, sx, channel]
        # A hole pixel is its own target: the total is never zero.
        for channel in range(image.shape[2]):
            out[y, x, channel] /= total
    return out


def fill_holes(image: U8, hole: Mask, sources: Mask | None = None, guide: F32 | None = None) -> U8:
    """Replace the pixels in `hole` by texture found elsewhere in the picture.

    Args:
        image: (H, W, C) uint8: colours, and whatever should be filled along with them.
        hole: (H, W) what to replace; may reach and cover the borders.
        sources: (H, W) where texture may come from; by default everything outside the hole.
        guide: (H, W, G) values, 0 to 255, known in the hole as well: texture is taken from where they are alike.

    Returns:
        (H, W, C) uint8; outside the hole the input. With too little to copy from, a smooth fill.
    """
    known = ~hole if sources is None else sources & ~hole
    if not hole.any() or not known.any():
        return image
    smooth = colours = pull_push(image, known)
    height, width = hole.shape
    long_side = max(height, width)
    offsets: F32 | None = None
    for side in _LEVEL_SIDES_PX:
        if side > long_side:
            break
        size = (max(16, round(width * side / long_side)), max(16, round(height * side / long_side)))
        small_hole = _shrink(hole, size) > 0.02
        small_known = _shrink(known, size) > 0.98
        source = cv2.erode(small_known.astype(np.uint8), np.ones((7, 7), np.uint8), borderValue=0) > 0
        if source.sum() < _MIN_SOURCES:
            continue
        image_now = cv2.resize(smooth, size, interpolation=cv2.INTER_AREA)
        if offsets is not None:
            image_now = np.where(
                small_hole[..., None], cv2.resize(colours, size, interpolation=cv2.INTER_CUBIC), image_now
            )
        guide_now = None if guide is None else np.atleast_3d(cv2.resize(guide, size, interpolation=cv2.INTER_AREA))
        colours, offsets = _fill_level(image_now.astype(np.float32), small_hole, source, offsets, side, guide_now)
    filled = colours
    if offsets is not None and guide is None:
        filled = _at_full_size(image, known, colours, offsets)
    elif offsets is not None:
        filled = _feathered(image, hole, known, colours, offsets)
    filled = filled + _seam_correction(image, hole, filled, _SEAM if guide is None else _BROAD)
    return np.where(hole[..., None], np.clip(filled + 0.5, 0, 255), image).astype(np.uint8)


def unlikeness(image: F32, where: Mask, sources: Mask) -> F32:
    """How much every patch differs from the one among the sources that is most like it.

    Args:
        image: (H, W, C) values, to 255.
        where: (H, W) centres of the patches to compare.
        sources: (H, W) centres of the patches to compare them with.

    Returns:
        (H, W) root mean squared difference over pixels and channels, near the least; 0 outside `where`, and
        everywhere if there are no sources.
    """
    height, width = where.shape
    whole = np.zeros_like(sources)
    whole[_RADIUS : height - _RADIUS, _RADIUS : width - _RADIUS] = True
    usable = sources & whole
    result = np.zeros(where.shape, np.float32)
    targets = np.argwhere(where)
    if len(targets) == 0 or not usable.any():
        return result
    rows, columns = targets[:, 0], targets[:, 1]
    index = np.full(where.shape, -1, np.int32)
    index[rows, columns] = np.arange(len(targets), dtype=np.int32)
    nearest = ndimage.distance_transform_edt(~usable, return_distances=False, return_indices=True)
    field = np.stack([nearest[0][rows, columns], nearest[1][rows, columns]], axis=1).astype(np.int64)
    costs = _match(image, targets, usable, field, index, _COMPARING_SWEEPS, max(height, width) // 2, 0.0, 1)
    result[rows, columns] = np.sqrt(costs / (image.shape[2] * (2 * _RADIUS + 1) ** 2))
    return result


def _fill_level(
    image: F32, hole: Mask, source: Mask, offsets: F32 | None, side_px: int, guide: F32 | None
) -> tuple[F32, F32]:
    """Match and vote in turn on one level; returns colours (h, w, C) and offsets to the sources (h, w, 2)."""
    height, width = hole.shape
    targets = np.argwhere(cv2.dilate(hole.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0)
    rows, columns = targets[:, 0], targets[:, 1]
    index = np.full((height, width), -1, np.int32)
    index[rows, columns] = np.arange(len(targets), dtype=np.int32)
    nearest = ndimage.distance_transform_edt(~source, return_distances=False, return_indices=True)
    field = np.stack([nearest[0][rows, columns], nearest[1][rows, columns]], axis=1).astype(np.int64)
    if offsets is not None:
        scale = np.array([height / offsets.shape[0], width / offsets.shape[1]])
        upsampled = cv2.resize(offsets, (width, height), interpolation=cv2.INTER_NEAREST)[rows, columns]
        moved = np.rint(targets + upsampled * scale).astype(np.int64)
        inside = np.clip(moved, 0, [height - 1, width - 1])
        usable = source[inside[:, 0], inside[:, 1]]
        field[usable] = inside[usable]
    first = offsets is None
    reach = max(height, width) // 2 if first else max(8, side_px // 16)
    nearness = _NEARNESS * (_LEVEL_SIDES_PX[0] / side_px) ** 2
    # What stands at the rim of the hole counts most: structures go on into it (Wexler's confidence).
    trust = np.power(_DISTRUST, -cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)).astype(np.float32)
    for round_ in range(6 if first else 3):
        seen = image if guide is None else np.concatenate([image, guide], axis=2)
        costs = _match(seen, targets, source, field, index, 4 if first else 2, reach, nearness, side_px + round_)
        image = _vote(image, targets, hole, field, index, costs, float(np.percentile(costs, 60)) + 1, trust)
    result = np.zeros((height, width, 2), np.float32)
    result[rows, columns] = field - targets
    return image, result


def _at_full_size(image: U8, known: Mask, colours: F32, offsets: F32) -> F32:
    """Colours of the finest level with the fine detail of their sources at full resolution."""
    height, width = known.shape
    size = (width, height)
    scale = np.array([height / offsets.shape[0], width / offsets.shape[1]], np.float32)
    shift = cv2.resize(offsets, size, interpolation=cv2.INTER_NEAREST) * scale
    source_rows = np.clip(np.rint(np.arange(height)[:, None] + shift[..., 0]), 0, height - 1)
    source_columns = np.clip(np.rint(np.arange(width) + shift[..., 1]), 0, width - 1)
    sources = (source_rows * width + source_columns).astype(np.int64)
    smooth: F32 = cv2.resize(colours, size, interpolation=cv2.INTER_CUBIC)
    there = image.reshape(height * width, -1).take(sources, axis=0)
    copied = np.where(known.reshape(-1).take(sources)[..., None], there, smooth)
    return smooth + 0.8 * (copied - gaussian(copied, max(1.0, max(size) / 320)))


def _feathered(image: U8, hole: Mask, known: Mask, colours: F32, offsets: F32) -> F32:
    """Broad colours of the finest level with all else from their sources, which blend into another, at full size.

    What a guide chose is alike in its colours; more than its finest detail can be taken.
    """
    height, width = known.shape
    scale = np.array([height / offsets.shape[0], width / offsets.shape[1]], np.float32)
    rows, columns = np.nonzero(hole)
    at_row, at_column = (rows + 0.5) / scale[0] - 0.5, (columns + 0.5) / scale[1] - 0.5
    first_row, first_column = np.floor(at_row).astype(np.int64), np.floor(at_column).astype(np.int64)
    smooth: F32 = cv2.resize(colours, (width, height), interpolation=cv2.INTER_CUBIC)
    values = np.zeros((len(rows), image.shape[2]), np.float32)
    for down in (0, 1):
        for across in (0, 1):
            row = np.clip(first_row + down, 0, offsets.shape[0] - 1)
            column = np.clip(first_column + across, 0, offsets.shape[1] - 1)
            shift = np.rint(offsets[row, column] * scale).astype(np.int64)
            source_row, source_column = rows + shift[:, 0], columns + shift[:, 1]
            source_row, source_column = np.clip(source_row, 0, height - 1), np.clip(source_column, 0, width - 1)
            usable = known[source_row, source_column][:, None]
            copied = np.where(usable, image[source_row, source_column], smooth[rows, columns])
            weight = (1 - np.abs(at_row - first_row - down)) * (1 - np.abs(at_column - first_column - across))
            values += (weight[:, None] * copied).astype(np.float32)
    full = smooth.copy()
    full[rows, columns] = values
    sigma_px = max(height, width) * _BROAD
    return full + gaussian(smooth, sigma_px) - gaussian(full, sigma_px)


def _seam_correction(image: U8, hole: Mask, filled: F32, reach: float) -> F32:
    """What to add so that the fill starts with the colours beside the hole and drifts to its own.

    It does so over the share `reach` of the longer side.
    """
    rim = hole & (cv2.dilate((~hole).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    if not rim.any():
        return np.zeros_like(filled)
    sigma_px = max(2.0, 0.006 * max(hole.shape))
    outside = (~hole).astype(np.float32)
    weight = np.maximum(gaussian(outside, sigma_px)[rim], 1e-3)[:, None]
    beside = gaussian(image * outside[..., None], sigma_px)[rim] / weight
    residual = beside - gaussian(filled, sigma_px)[rim]
    which = np.zeros(hole.shape, np.int64)
    which[rim] = np.arange(len(residual))
    distance, (rows, columns) = ndimage.distance_transform_edt(~rim, return_indices=True)
    nearest = residual.take(which.reshape(-1).take(rows * hole.shape[1] + columns), axis=0)
    fade = np.exp(-((distance / (reach * max(hole.shape))) ** 2))[..., None]
    return gaussian(nearest * fade, sigma_px)


def _shrink(mask: AnyArray, size: tuple[int, int]) -> F32:
    smaller: F32 = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return smaller
