"""Salient object without a network: robust background detection, focus and centre, cut by GrabCut."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from skimage.segmentation import slic

from wheatstone.arrays import F32, F64, U8, Mask
from wheatstone.pictures.filters import sharpness

_LONG_SIDE_PX = 280
_SUPERPIXELS = 300
_GRABCUT_ROUNDS = 2
"""Further rounds change little, and each takes seconds where the colours tell nothing, as in noise."""


def saliency(rgb: U8) -> F32:
    """Mask of the salient object, (H, W) float32 in 0..1, from an (H, W, 3) uint8 sRGB picture."""
    height, width = rgb.shape[:2]
    scale = _LONG_SIDE_PX / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    mask = _cut(small, _likelihood(small)).astype(np.float32)
    full: F32 = np.clip(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)
    return full


def _likelihood(rgb: U8) -> F32:
    height, width = rgb.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    centre = np.exp(-(((columns / width - 0.5) / 0.33) ** 2 + ((rows / height - 0.52) / 0.36) ** 2) / 2)
    focus = sharpness(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255)
    likelihood = 0.6 * _contrast_to_background(rgb) + 0.25 * focus * centre + 0.25 * centre
    return np.asarray(likelihood / max(float(likelihood.max()), 1e-6), np.float32)


def _contrast_to_background(rgb: U8) -> F64:
    """Robust background detection (Zhu, Liang, Wei, Sun 2014): contrast weighted by boundary connectivity."""
    height, width = rgb.shape[:2]
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    labels = slic(rgb, _SUPERPIXELS, compactness=15, start_label=0)
    count = int(labels.max()) + 1
    areas = np.bincount(labels.ravel(), minlength=count)

    def region_mean(values: F64) -> F64:
        mean: F64 = np.bincount(labels.ravel(), values.ravel(), count) / areas
        return mean

    colours = np.stack([region_mean(lab[..., channel]) for channel in range(3)], axis=1)
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    centres = np.stack([region_mean(columns), region_mean(rows)], axis=1)

    across = np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()], axis=1)
    down = np.stack([labels[:-1].ravel(), labels[1:].ravel()], axis=1)
    pairs = np.concatenate([across, down])
    edges = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    if len(edges) == 0:
        return np.zeros((height, width))
    steps = np.linalg.norm(colours[edges[:, 0]] - colours[edges[:, 1]], axis=1)
    steps = np.maximum(steps - np.percentile(steps, 20), 1e-3)
    geodesic = dijkstra(
        coo_matrix((steps, (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsr(), directed=False
    )

    at_border = np.zeros(count)
    at_border[np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))] = 1
    closeness = np.exp(-(geodesic**2) / (2 * 10**2))
    connectivity = (closeness * at_border).sum(axis=1) / np.sqrt(closeness.sum(axis=1))
    background = 1 - np.exp(-(connectivity**2) / 2)
    contrast = np.linalg.norm(colours[:, None] - colours[None], axis=2)
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    score = (contrast * np.exp(-(distance**2) / (2 * 0.25**2)) * background).sum(axis=1)
    score = score / max(float(score.max()), 1e-6) * (1 - background)
    low, high = float(score.min()), float(np.percentile(score, 98))
    result: F64 = np.clip((score - low) / max(high - low, 1e-6), 0, 1)[labels]
    return result


def _cut(rgb: U8, likelihood: F32) -> Mask:
    """Binary object from the likelihood by GrabCut, tidied."""
    levels = (likelihood * 255).astype(np.uint8)
    threshold = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)[0] / 255
    trimap = np.full(likelihood.shape, cv2.GC_PR_BGD, np.uint8)
    trimap[likelihood > threshold] = cv2.GC_PR_FGD
    trimap[likelihood > np.percentile(likelihood, 97)] = cv2.GC_FGD
    trimap[likelihood < min(0.45 * threshold, float(np.percentile(likelihood, 35)))] = cv2.GC_BGD
    sure = {int(value) for value in np.unique(trimap)}
    if not (sure & {cv2.GC_FGD, cv2.GC_PR_FGD} and sure & {cv2.GC_BGD, cv2.GC_PR_BGD}):
        return np.zeros(likelihood.shape, np.bool_)
    cv2.setRNGSeed(0)
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(bgr, trimap, None, *models, _GRABCUT_ROUNDS, cv2.GC_INIT_WITH_MASK)
    mask = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count > 1:
        areas = stats[:, cv2.CC_STAT_AREA].copy()
        areas[0] = 0
        mask = (areas > 0.15 * areas.max())[labels].astype(np.uint8)
    solid: Mask = ndimage.binary_fill_holes(mask)
    return solid
