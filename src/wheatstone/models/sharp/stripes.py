"""Large maps worked on a stripe of rows at a time, so that what is in between takes little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

_STRIPE_VALUES = 20_000_000
"""Maps of more values are worked on stripe by stripe: an eighth of the widest one at a time."""


def stripes(values: Tensor, halo: int) -> Iterator[tuple[slice, slice, slice]]:
    """Rows of a map (B, C, H, W), in stripes of bounded size.

    Yields rows of the map; the same with up to `halo` more on both sides, for layers that look so far; and where
    the former are within the latter.
    """
    height = values.shape[2]
    rows = max(halo, 1, _STRIPE_VALUES * height // max(values.numel(), 1))
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        low, high = max(0, start - halo), min(height, stop + halo)
        yield slice(start, stop), slice(low, high), slice(start - low, stop - low)


def by_stripes(layers: Callable[[Tensor], Tensor], values: Tensor, *, halo: int, scale: int = 1) -> Tensor:
    """What `layers` make of a map, stripe by stripe.

    Args:
        layers: make a map of `scale` times the side; a pixel depends on those within `halo` pixels of its own.
        values: (B, C, H, W).
        halo: in pixels of `values`.
        scale: of sides.
    """
    made: Tensor | None = None
    for rows, seen, kept in stripes(values, halo):
        part = layers(values[:, :, seen])[:, :, scale * kept.start : scale * kept.stop]
        if part.shape[2] == scale * values.shape[2]:
            return part
        if made is None:
            size = (*part.shape[:2], scale * values.shape[2], scale * values.shape[3])
            made = torch.empty(size, dtype=part.dtype, device=part.device, memory_format=torch.channels_last)
        made[:, :, scale * rows.start : scale * rows.stop] = part
    return values if made is None else made


def in_stripes(layers: Callable[[Tensor], Tensor], values: Tensor, *, halo: int) -> Tensor:
    """As `by_stripes`, for layers that keep the side; the result takes the place of the map, which is returned."""
    above: Tensor | None = None
    for rows, seen, kept in stripes(values, halo):
        part = values[:, :, seen]
        if rows.stop - rows.start == values.shape[2]:
            return layers(part)
        if above is not None:  # these rows have been replaced already
            part = torch.cat([above, values[:, :, rows.start : seen.stop]], dim=2)
        above = values[:, :, max(0, rows.stop - halo) : rows.stop].clone()
        values[:, :, rows] = layers(part)[:, :, kept]
    return values
