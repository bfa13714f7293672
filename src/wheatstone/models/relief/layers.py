"""The scene as layers, back to front, each complete: also behind the nearer ones and beyond the frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from wheatstone.arrays import F32, U8, AnyArray, Mask
from wheatstone.models.relief.depth import SKY_DISPARITY, Depth
from wheatstone.models.relief.sky import Sky
from wheatstone.pictures.fill import fill_holes
from wheatstone.pictures.filters import disc, pull_push

MARGIN = 0.2
"""How far layers go beyond the frame on every side, as a share of the longer side."""
_REACH = 0.14
"""How far behind a nearer layer's edge a turned view can look, as a share of the longer side."""
_RIM = 0.006
"""How far beyond the matte its object still tints the background, as a share of the longer side."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer on the canvas: the picture with a margin on all sides.

    Attributes:
        colour: (H, W, 3) uint8 sRGB.
        disparity: (H, W) float32, 0 far to 1 near.
        alpha: (H, W) float32, 0 to 1; 0 where the layer has nothing.
        fine: (H, W) where full detail can be seen; elsewhere coarse splats do.
    """

    colour: U8
    disparity: F32
    alpha: F32
    fine: Mask


def build_layers(rgb: U8, matte: F32, sky: Sky | None, depth: Depth, *, cut_out: bool) -> list[Layer]:
    """Separate, complete and extend the layers.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        matte: (H, W) share of the main object in each pixel.
        sky: the sky, if there is one.
        depth: disparities of background and foreground.
        cut_out: the picture is an object without background: make only the foreground.
    """
    margin = max(1, round(MARGIN * max(matte.shape)))
    if not depth.has_foreground:
        matte = np.zeros_like(matte)
    layers = [] if cut_out else _behind_the_object(rgb, matte, sky, depth.background, margin)
    if depth.has_foreground:
        layers.append(_foreground_layer(rgb, matte, depth.foreground, margin))
    return layers


def _grown(mask: Mask, radius_px: int) -> Mask:
    grown: Mask = cv2.dilate(mask.astype(np.uint8), disc(radius_px)) > 0
    return grown


def _padded(array: AnyArray, margin: int) -> AnyArray:
    """The array with its border pixels repeated outwards."""
    padded: AnyArray = cv2.copyMakeBorder(array, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    return padded


def _in_frame(shape: tuple[int, ...], margin: int) -> Mask:
    frame = np.zeros((shape[0] + 2 * margin, shape[1] + 2 * margin), np.bool_)
    frame[margin:-margin, margin:-margin] = True
    return frame


def _behind_the_object(rgb: U8, matte: F32, sky: Sky | None, disparity: F32, margin: int) -> list[Layer]:
    """The background, and the sky behind it if there is one.

    Colours and the sky's cover are filled together, behind the object and beyond the frame, so that what the
    fill invents is cut along the edges it invents.
    """
    frame = _in_frame(matte.shape, margin)
    hole = ~frame
    hole[margin:-margin, margin:-margin] |= _grown(matte > 0.04, round(_RIM * max(matte.shape)))
    cover = np.zeros_like(matte) if sky is None else sky.cover
    filled = fill_holes(_padded(np.dstack([rgb, (255 * cover).astype(np.uint8)]), margin), hole)
    colour = filled[..., :3]
    cover = (filled[..., 3] / np.float32(255)).astype(np.float32)
    deep = cv2.distanceTransform((matte > 0.5).astype(np.uint8), cv2.DIST_L2, 5) > _REACH * max(matte.shape)
    fine = frame & ~(_padded(deep.astype(np.uint8), margin) > 0)
    layers = []
    if sky is not None:
        backdrop = pull_push(colour, (cover > 0.98).astype(np.float32) * ~hole)
        seen = (cover > 0.98)[..., None]
        sky_colour = np.where(seen, colour, backdrop + 0.5).astype(np.uint8)
        reach = _grown(cover > 0.02, round(_REACH * max(matte.shape))).astype(np.float32)
        flat = np.full(reach.shape, SKY_DISPARITY, np.float32)
        layers.append(Layer(sky_colour, flat, reach, fine & (cover > 0.02)))
        colour = _unmixed(colour, backdrop / np.float32(255), 1 - cover)
    layers.append(Layer(colour, _padded(disparity, margin), 1 - cover, fine))
    return layers


def _foreground_layer(rgb: U8, matte: F32, disparity: F32, margin: int) -> Layer:
    frame = _in_frame(matte.shape, margin)
    # The outermost opaque pixels still hold some background: take colours from further inside.
    solid = cv2.erode((matte > 0.95).astype(np.uint8), disc(1)) > 0
    # Parts too thin or too clear for that keep the colours they have.
    _, parts = cv2.connectedComponents((matte > 0).astype(np.uint8))
    solid |= (parts > 0) & ~np.isin(parts, parts[solid])
    colour = np.where(solid[..., None], rgb, pull_push(rgb, solid.astype(np.float32)) + 0.5).astype(np.uint8)
    # Beyond the frame the object goes on a little and fades.
    outside_px = cv2.distanceTransform((~frame).astype(np.uint8), cv2.DIST_L2, 5)
    alpha = _padded(matte, margin) * np.clip(1.5 - outside_px / (0.5 * margin), 0, 1)
    beyond = ~frame & (alpha > 0)
    colour = fill_holes(
        _padded(colour, margin), beyond, _padded(solid.astype(np.uint8), margin).astype(bool) & frame
    )
    return Layer(colour, _padded(disparity, margin), alpha, frame)


def _unmixed(rgb: U8, backdrop: F32, alpha: F32) -> U8:
    """Colours of what stands before a known backdrop, without its share in the pixels they have in common."""
    share = np.maximum(alpha, 0.2)[..., None]
    pure = np.clip((rgb / np.float32(255) - (1 - share) * backdrop) / share, 0, 1)
    return (255 * pull_push(pure, alpha**2) + 0.5).astype(np.uint8)
