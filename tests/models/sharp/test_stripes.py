from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from wheatstone.models.sharp import stripes as module
from wheatstone.models.sharp.stripes import by_stripes, in_stripes, stripes

TWO_CONVOLUTIONS = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)).requires_grad_(
    requires_grad=False
)
DOUBLED = nn.Sequential(TWO_CONVOLUTIONS, nn.ConvTranspose2d(3, 3, 2, 2)).requires_grad_(requires_grad=False)


@pytest.fixture(params=[1, 2, 3, 5, 16, 17, 99], ids=lambda rows: f"{rows} rows")
def rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Stripes of so many rows, for maps of 3 channels and 8 columns."""
    monkeypatch.setattr(module, "_STRIPE_VALUES", request.param * 3 * 8)
    count: int = request.param
    return count


@pytest.fixture
def values() -> Tensor:
    return torch.rand(1, 3, 17, 8).contiguous(memory_format=torch.channels_last)


def test_stripes_cover_every_row_once(values: Tensor, rows: int) -> None:
    covered = [row for part, _, _ in stripes(values, 2) for row in range(17)[part]]
    assert covered == list(range(17))
    for part, seen, kept in stripes(values, 2):
        assert list(range(17)[seen][kept]) == list(range(17)[part])


def test_a_map_by_stripes_has_no_seams(values: Tensor, rows: int) -> None:
    assert torch.allclose(by_stripes(TWO_CONVOLUTIONS, values, halo=2), TWO_CONVOLUTIONS(values), atol=1e-6)
    assert torch.allclose(by_stripes(DOUBLED, values, halo=2, scale=2), DOUBLED(values), atol=1e-6)


def test_a_map_changed_in_stripes_has_no_seams(values: Tensor, rows: int) -> None:
    whole = TWO_CONVOLUTIONS(values)
    assert torch.allclose(in_stripes(TWO_CONVOLUTIONS, values, halo=2), whole, atol=1e-6)
