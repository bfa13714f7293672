"""The published checkpoint into a network: every name checked, what is never used dropped, nothing copied twice.

The file is mapped, not read, and the network begins without memory of its own, so that weights that need no
conversion stay in the page cache. Where they do, the file is mapped once per part, so that at no time more than a
part of it counts as ours beside what it was converted to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from wheatstone.errors import CheckpointUnavailableError, reason
from wheatstone.models.sharp.config import SharpConfig
from wheatstone.models.sharp.network import SharpNetwork

Progress = Callable[[float], None]
"""Told how far loading is, 0 to 1."""

_ENCODER = "monodepth_model.monodepth_predictor.encoder."
_PARTS = re.compile(re.escape(_ENCODER) + r"(?:patch|image)_encoder\.")
"""Parts of their own: the two transformers. The rest is another."""

_UNUSED = re.compile(
    r"depth_alignment\."  # compares with true depth, in training
    r"|.*\.(?:patch|image)_encoder\.head\."  # names the object in a picture
    r"|.*\.decoder\.fusions\.4\.resnet1\."  # would take a coarser map than the coarsest
)
_EXACT = re.compile(r"prediction_head\.|monodepth_model\.monodepth_predictor\.head\.4\.")
"""Layers that stay float32: their outputs are depths and corrections."""

_MOST_NAMED = 3
_REMEDY = "Fetch it with `wheatstone models pull sharp`, or name another file."


def load_network(
    path: Path,
    config: SharpConfig,
    *,
    device: torch.device,
    dtype: torch.dtype,
    progress: Progress = lambda _fraction: None,
) -> SharpNetwork:
    """The network with the weights of the checkpoint `path`, ready to predict on `device`.

    Raises:
        CheckpointUnavailableError: the file is damaged, incomplete or another model's; the message says what
            to do.
    """
    with torch.device("meta"):
        network = SharpNetwork(config)
    network.eval().requires_grad_(requires_grad=False)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    _check(_read(path), wanted, path)
    done, total = 0, sum(tensor.numel() for tensor in network.state_dict().values())
    for part in ("", f"{_ENCODER}patch_encoder.", f"{_ENCODER}image_encoder."):
        weights = {
            name: tensor for name, tensor in _read(path).items() if name in wanted and _part_of(name) == part
        }
        network.load_state_dict(weights, strict=False, assign=True)
        sizes = {name: tensor.numel() for name, tensor in weights.items()}
        del weights
        network.merge()  # does nothing the second time
        for name, module, key, parameter in _parameters(network):
            if _part_of(name) == part:
                module.register_parameter(key, _converted(name, parameter, device, dtype))
                done += sizes.get(name, 0)
                progress(min(done / total, 1.0))
    progress(1.0)
    return network


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except Exception as error:  # of many kinds: ZIP, pickle, PyTorch's own
        raise CheckpointUnavailableError(
            f"{path} cannot be read as SHARP's checkpoint ({reason(error)}): it is damaged, or was not "
            f"copied whole. Delete it. {_REMEDY}"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointUnavailableError(
            f"{path} holds no table of weights, so it is not SHARP's checkpoint. {_REMEDY}"
        )
    return state


def _check(state: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Every weight that is used must be there in its shape, and nothing that is unknown.

    What is never used may have been left out already.
    """
    missing = [name for name in wanted if name not in state]
    unknown = [name for name in state if name not in wanted and not _UNUSED.match(name)]
    others = [
        f"{name} {tuple(state[name].shape)} instead of {shape}"
        for name, shape in wanted.items()
        if name in state and (tuple(state[name].shape) != shape or not state[name].is_floating_point())
    ]
    faults = [
        f"{len(names)} {what}: {', '.join(names[:_MOST_NAMED])}{', …' if len(names) > _MOST_NAMED else ''}"
        for what, names in (("missing", missing), ("unknown", unknown), ("of another shape", others))
        if names
    ]
    if faults:
        raise CheckpointUnavailableError(
            f"{path} is not SHARP's checkpoint, or only a part of it; weights: {'; '.join(faults)}. {_REMEDY}"
        )


def _part_of(name: str) -> str:
    found = _PARTS.match(name)
    return found[0] if found else ""


def _parameters(network: nn.Module) -> Iterator[tuple[str, nn.Module, str, nn.Parameter]]:
    """Full name, owner, name there and value of every parameter."""
    for prefix, module in network.named_modules():
        for key, parameter in list(module.named_parameters(recurse=False)):
            yield f"{prefix}.{key}", module, key, parameter


def _converted(name: str, weight: Tensor, device: torch.device, dtype: torch.dtype) -> nn.Parameter:
    """The weight where and as it will be used; kernels of convolutions channels last."""
    layout = torch.channels_last if weight.dim() == 4 else torch.preserve_format
    kept = torch.float32 if _EXACT.match(name) else dtype
    # Short ones are copied, so that a part whose long ones are converted lets go of the file.
    return nn.Parameter(weight.to(device, kept, memory_format=layout, copy=weight.dim() == 1), requires_grad=False)
