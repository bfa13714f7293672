from __future__ import annotations

import pytest
import torch
from torch import nn

from wheatstone.models.sharp.layers import Dense, Fusion, Normalisation


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.no_grad()
def test_a_dense_layer_is_a_linear_one(dtype: torch.dtype) -> None:
    layer = Dense(12, 20).to(dtype)
    values = torch.rand(3, 7, 12, dtype=dtype)
    made = layer(values)
    assert made.is_contiguous()
    assert torch.allclose(made, nn.Linear.forward(layer, values), atol=1e-6 if dtype == torch.float32 else 1e-2)


@torch.no_grad()
def test_a_normalisation_keeps_the_digits_of_float32() -> None:
    layer = Normalisation(8, 32)
    nn.init.uniform_(layer.weight)
    nn.init.uniform_(layer.bias)
    values = (torch.randn(1, 32, 400, 400) * 2 + 3).contiguous(memory_format=torch.channels_last)
    true = nn.GroupNorm.forward(layer.double(), values.double())
    error = (layer.float()(values) - true).norm() / true.norm()
    assert error < 1e-6


@pytest.mark.parametrize("doubles", [False, True])
@torch.no_grad()
def test_merging_changes_nothing(doubles: bool) -> None:
    fusion = Fusion(6, has_skip=False, doubles=doubles)
    values = torch.rand(1, 6, 10, 10)
    before = fusion(values.clone())
    for _ in range(2):
        fusion.merge()
        assert torch.allclose(fusion(values.clone()), before, atol=1e-6)
    assert (fusion.out_conv is None) == doubles
