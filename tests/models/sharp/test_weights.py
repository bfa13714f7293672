from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.models.sharp.filled import CONFIGS, FULL, TINY, shapes, weights
from wheatstone.errors import CheckpointUnavailableError
from wheatstone.models.sharp.network import SharpNetwork
from wheatstone.models.sharp.weights import load_network

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return weights("tiny")


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[object], Path]:
    def save(content: object) -> Path:
        torch.save(content, tmp_path / "sharp.pt")
        return tmp_path / "sharp.pt"

    return save


def load(path: Path, dtype: torch.dtype = torch.float32) -> SharpNetwork:
    return load_network(path, TINY, device=CPU, dtype=dtype)


@pytest.mark.parametrize(("kind", "all_", "unused"), [("full", 1038, 168), ("tiny", 478, 168)])
def test_the_network_has_the_names_and_shapes_of_the_checkpoint(kind: str, all_: int, unused: int) -> None:
    with torch.device("meta"):
        network = SharpNetwork(CONFIGS[kind])
    ours = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    theirs = shapes(kind)
    assert len(theirs) == all_
    assert len(ours) == all_ - unused
    assert ours.items() <= theirs.items()


def test_the_released_network_has_654_million_weights_in_use() -> None:
    with torch.device("meta"):
        network = SharpNetwork(FULL)
    assert round(sum(tensor.numel() for tensor in network.parameters()) / 1e6) == 654


def test_weights_arrive_unchanged(state: dict[str, Tensor], saved: Callable[[object], Path]) -> None:
    network = load(saved(state))
    for name, tensor in network.state_dict().items():
        if "fusion" not in name:  # there layers are merged
            assert torch.equal(tensor, state[name]), name


def test_unused_weights_may_be_left_out(state: dict[str, Tensor], saved: Callable[[object], Path]) -> None:
    with torch.device("meta"):
        used = set(SharpNetwork(TINY).state_dict())
    load(saved({name: tensor for name, tensor in state.items() if name in used}))


def test_half_precision_keeps_the_exact_layers(state: dict[str, Tensor], saved: Callable[[object], Path]) -> None:
    network = load(saved(state), torch.bfloat16)
    exact = {name for name, tensor in network.state_dict().items() if tensor.dtype == torch.float32}
    head = "monodepth_model.monodepth_predictor.head.4."
    assert exact == {name for name in state if name.startswith(("prediction_head.", head))}


def test_progress_counts_up_to_the_whole(state: dict[str, Tensor], saved: Callable[[object], Path]) -> None:
    told: list[float] = []
    load_network(saved(state), TINY, device=CPU, dtype=torch.float32, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) > 100


def without(state: dict[str, Tensor]) -> object:
    return {name: tensor for name, tensor in state.items() if not name.startswith("feature_model.fusion")}


def with_more(state: dict[str, Tensor]) -> object:
    return {**state, "surprise.weight": torch.zeros(1)}


def reshaped(state: dict[str, Tensor]) -> object:
    return {**state, "prediction_head.texture_prediction_head.bias": torch.zeros(23)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without, r"10 missing: feature_model\.fusion.*, …"),
        (with_more, r"1 unknown: surprise\.weight"),
        (
            reshaped,
            r"1 of another shape: prediction_head\.texture_prediction_head\.bias \(23,\) instead of \(22,\)",
        ),
        (lambda state: {}, r"missing"),
        (lambda state: [1, 2], r"holds no table of weights"),
        (lambda state: {"state_dict": state}, r"holds no table of weights"),
    ],
)
def test_another_checkpoint_is_refused_with_what_differs_and_a_remedy(
    change: Callable[[dict[str, Tensor]], object],
    message: str,
    state: dict[str, Tensor],
    saved: Callable[[object], Path],
) -> None:
    with pytest.raises(CheckpointUnavailableError, match=message) as raised:
        load(saved(change(state)))
    assert "sharp.pt" in str(raised.value)
    assert "`wheatstone models pull sharp`" in str(raised.value)


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.999])
def test_a_file_cut_short_is_refused_with_a_remedy(
    kept: float, state: dict[str, Tensor], saved: Callable[[object], Path]
) -> None:
    path = saved(state)
    content = path.read_bytes()
    path.write_bytes(content[: round(kept * len(content))])
    with pytest.raises(CheckpointUnavailableError, match=r"was not copied whole\. Delete it\. Fetch it with"):
        load(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointUnavailableError, match=r"absent\.pt cannot be read"):
        load(tmp_path / "absent.pt")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path, saved: Callable[[object], Path]) -> None:
    with pytest.raises(CheckpointUnavailableError, match="cannot be read"):
        load(saved({"weights": Path}))
