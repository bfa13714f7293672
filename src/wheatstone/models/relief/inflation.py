"""Poisson inflation: a silhouette becomes a rounded height, "puffball" style."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve

from wheatstone.arrays import F32, Mask

_LONG_SIDE_PX = 160


def inflate(mask: Mask) -> F32:
    """Height of the inflated mask in pixels: a disc of radius r becomes the hemisphere of radius r.

    Solves -laplace(u) = 4 with u = 0 outside the mask; the height is sqrt(u). Where the mask is cut by the
    picture's border it goes on beyond it (no flow across), so that a cropped object does not curl up there.

    Args:
        mask: (H, W).

    Returns:
        (H, W) float32, 0 outside the mask.
    """
    height, width = mask.shape
    scale = min(1.0, _LONG_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    inside = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    count = int(inside.sum())
    if count == 0 or inside.all():
        return np.zeros(mask.shape, np.float32)
    index = np.full(inside.shape, -1, np.int64)
    index[inside] = np.arange(count)
    rows, columns = np.nonzero(inside)
    neighbours = np.zeros(count)
    links: list[tuple[np.ndarray, np.ndarray]] = []
    for down, across in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        row, column = rows + down, columns + across
        in_picture = (row >= 0) & (row < inside.shape[0]) & (column >= 0) & (column < inside.shape[1])
        neighbours += in_picture
        other = index[np.clip(row, 0, inside.shape[0] - 1), np.clip(column, 0, inside.shape[1] - 1)]
        linked = in_picture & (other >= 0)
        links.append((index[rows, columns][linked], other[linked]))
    first = np.concatenate([link[0] for link in links])
    second = np.concatenate([link[1] for link in links])
    laplacian = diags(neighbours) - coo_matrix((np.ones(len(first)), (first, second)), shape=(count, count))
    solution = np.zeros(inside.shape)
    solution[inside] = spsolve(laplacian.tocsc(), np.full(count, 4.0 / scale**2))
    full = cv2.resize(solution, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.where(mask, np.sqrt(np.maximum(full, 0)), 0).astype(np.float32)
