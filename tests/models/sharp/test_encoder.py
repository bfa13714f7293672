from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from wheatstone.models.sharp.config import Cutting
from wheatstone.models.sharp.encoder import Mosaic, crops_of, pyramid

SIDES_PX = (512, 1024, 1536)


@pytest.mark.parametrize("side_px", SIDES_PX)
def test_crops_reach_the_edges_of_every_level(side_px: int) -> None:
    cutting = Cutting(side_px)
    for level, count in zip(cutting.levels, (25, 9, 1), strict=True):
        places = torch.arange(level.side_px).expand(3, level.side_px, level.side_px)
        crops = crops_of(places, level, cutting.crop_px)
        assert len(crops) == count
        assert all(crop.shape[-2:] == (cutting.crop_px, cutting.crop_px) for crop in crops)
        assert crops[-1][0, 0, -1] == level.side_px - 1


@pytest.mark.parametrize("side_px", SIDES_PX)
@pytest.mark.parametrize("number", range(3))
def test_a_mosaic_puts_every_token_where_its_pixels_were(side_px: int, number: int) -> None:
    cutting = Cutting(side_px)
    level = cutting.levels[number]
    tokens = level.side_px // 16
    rows, columns = torch.meshgrid(torch.arange(tokens), torch.arange(tokens), indexing="ij")
    places = torch.stack([rows, columns]).repeat_interleave(16, 1).repeat_interleave(16, 2).float()
    mosaic = Mosaic(level, cutting.tokens, 2, torch.empty(2))
    for picture, pixels in enumerate((places, places + 500)):
        for i, crop in enumerate(crops_of(pixels, level, cutting.crop_px)):
            mosaic.put(picture, i, functional.avg_pool2d(crop, 16).permute(1, 2, 0))
    true = torch.stack([rows, columns]).float()
    assert torch.equal(mosaic.map, torch.stack([true, true + 500]))


def test_the_pyramid_halves_by_blocks_and_quarters_by_their_centres() -> None:
    picture = torch.rand(1, 3, 64, 64)
    whole, half, quarter = pyramid(picture)
    assert whole is picture
    assert torch.allclose(half, functional.avg_pool2d(picture, 2), atol=1e-6)
    assert torch.allclose(quarter, functional.avg_pool2d(picture[..., 1:-1, 1:-1], 2, stride=4), atol=1e-6)
