"""The embedded model `relief` against ground truth: Middlebury's motorcycle, as scikit-image ships it.

Depth: the visible surface's disparity, scale and shift fitted to the truth by least squares, next to one constant
and to a vertical gradient. Views: the left photo becomes a scene, is seen from the right camera, and compared with
the right photo, next to the same lifting fed with the true disparity and to not moving at all. Not special-cased:
the photo takes the same way as any other.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import skimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from wheatstone.arrays import F32, F64, U8, AnyArray, Mask
from wheatstone.models import checkpoints
from wheatstone.models.matting import Matte, estimate_matte
from wheatstone.models.relief.depth import Depth, estimate_depth
from wheatstone.models.relief.layers import build_layers
from wheatstone.models.relief.lift import lift
from wheatstone.models.relief.sky import find_sky
from wheatstone.pictures import read_picture
from wheatstone.pictures.filters import pull_push
from wheatstone.settings import load_settings
from wheatstone.splats.cameras import Camera
from wheatstone.splats.gaussians import Gaussians
from wheatstone.splats.render import render

_FAR_M = 100.0
"""Depth in metres that a disparity of one pixel stands for; only ratios matter."""
_DIFFERENT = 1.1
"""Pairs of points count for the order when their depths differ by more than this factor."""


def run() -> dict[str, Any]:
    """Errors of depth and of the view from the right, with each matte that is here."""
    folder = Path(skimage.__file__).parent / "data"
    left = read_picture(folder / "motorcycle_left.png")
    right = read_picture(folder / "motorcycle_right.png").rgb
    truth = np.load(folder / "motorcycle_disp.npz")["arr_0"].astype(np.float64)
    known = np.isfinite(truth) & (truth > 0)
    rows = np.repeat(np.arange(len(truth))[:, None], truth.shape[1], axis=1).astype(np.float64)
    figures: dict[str, Any] = {
        "constant": _depth_errors(np.full(truth.shape, np.median(truth[known])), truth, known),
        "vertical_gradient": _depth_errors(_fitted(rows, truth, known), truth, known),
        "not_moving": _view_errors(left.rgb, right),
    }
    settings = load_settings()
    mattes = {name: checkpoints.find(name, settings) for name in ("u2netp", "u2net")}
    for name, checkpoint in {"classical": None, **{name: path for name, path in mattes.items() if path}}.items():
        matte = estimate_matte(left.rgb, left.alpha, checkpoint)
        depth = estimate_depth(left.rgb, matte.alpha, find_sky(left.rgb, matte.alpha))
        visible = np.where(matte.alpha > 0.5, depth.foreground, depth.background)
        figures[f"relief_{name}"] = _depth_errors(_fitted(visible, truth, known), truth, known) | _view_errors(
            _seen_from_right(left.rgb, left.f_px, matte, depth, visible, truth, known), right
        )
        true_depth, true_visible = _true_depth(depth, matte, truth, known)
        figures[f"true_disparity_{name}"] = _view_errors(
            _seen_from_right(left.rgb, left.f_px, matte, true_depth, true_visible, truth, known), right
        )
    return figures


def _line(values: AnyArray, truth: F64, known: Mask) -> tuple[float, float]:
    """Slope and shift that take the values closest to the true disparity."""
    design = np.stack([values[known].astype(np.float64), np.ones(int(known.sum()))], axis=1)
    slope, shift = np.linalg.lstsq(design, truth[known], rcond=None)[0]
    return float(slope), float(shift)


def _fitted(values: AnyArray, truth: F64, known: Mask) -> F64:
    slope, shift = _line(values, truth, known)
    fitted: F64 = np.maximum(slope * values.astype(np.float64) + shift, truth[known].min() / 2)
    return fitted


def _depth_errors(disparity: F64, truth: F64, known: Mask) -> dict[str, float]:
    """Mean relative error of depth, share within a factor of 1.25, share of pairs in the wrong order."""
    ratio = truth[known] / disparity[known]
    random = np.random.default_rng(0)
    first, second = random.integers(0, int(known.sum()), (2, 200_000))
    true, guess = truth[known], disparity[known]
    differ = np.abs(np.log(true[first] / true[second])) > np.log(_DIFFERENT)
    guessed_order = np.sign(guess[first] - guess[second])[differ]
    wrong = np.where(guessed_order == 0, 0.5, guessed_order != np.sign(true[first] - true[second])[differ])
    return {
        "abs_rel": float(np.abs(ratio - 1).mean()),
        "delta_1": float((np.maximum(ratio, 1 / ratio) < 1.25).mean()),
        "ordinal_error": float(wrong.mean()),
    }


def _view_errors(view: U8, right: U8) -> dict[str, float]:
    return {
        "psnr_db": float(peak_signal_noise_ratio(right, view)),
        "ssim": float(structural_similarity(right, view, channel_axis=2)),
    }


def _true_depth(depth: Depth, matte: Matte, truth: F64, known: Mask) -> tuple[Depth, F32]:
    """Both layers' disparity from the truth, scaled to 0..1, smoothly continued where a layer is not seen."""
    scaled = ((truth - truth[known].min()) / np.ptp(truth[known])).astype(np.float32)
    scaled = pull_push(np.where(known, scaled, 0), known.astype(np.float32))
    object_ = matte.alpha > 0.5
    foreground = pull_push(scaled, (object_ & known).astype(np.float32))
    background = pull_push(scaled, (~object_ & known).astype(np.float32))
    return dataclasses.replace(depth, foreground=foreground, background=background), scaled


def _seen_from_right(
    rgb: U8, f_px: float, matte: Matte, depth: Depth, visible: F32, truth: F64, known: Mask
) -> U8:
    """The scene lifted from the left photo, its depths fitted to the truth, from the right camera."""
    strength = 1.0
    layers = build_layers(rgb, matte.alpha, None, depth, cut_out=False)
    gaussians = lift(layers, f_px, strength)
    slope, shift = _line(visible, truth, known)
    # lift() puts disparity d at 1 / (1/4 + 3/4 d) metres: back to d, then to the fitted disparity in pixels.
    disparity = (1 / gaussians.means[:, 2] - 0.25) / 0.75
    fitted_px = np.maximum(slope * disparity + shift, truth[known].min() / 2)
    stretch = (_FAR_M / fitted_px / gaussians.means[:, 2])[:, None]
    placed = Gaussians(
        gaussians.means * stretch,
        gaussians.scales * stretch,
        gaussians.quaternions,
        gaussians.opacities,
        gaussians.sh,
    )
    height, width = rgb.shape[:2]
    from_left = np.eye(4)
    from_left[0, 3] = -_FAR_M / f_px  # so that one pixel of disparity moves a point by one pixel
    camera = dataclasses.replace(Camera.of_photo(width, height, f_px), world_to_camera=from_left)
    return render(placed, camera, background=(0.5, 0.5, 0.5)).rgb
