from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.models.sharp.filled import CONFIGS, TINY, checkpoint
from tests.models.sharp.golden import (
    Golden,
    Probes,
    covariances,
    golden,
    golden_picture,
    probed_run,
    relative_error,
    relative_rms,
)
from wheatstone.models.sharp.composer import Splats
from wheatstone.models.sharp.network import SharpNetwork
from wheatstone.models.sharp.unproject import unproject
from wheatstone.models.sharp.weights import load_network


@dataclass(frozen=True)
class Run:
    """A golden run and ours; `slack` multiplies the limits where the network is 24 blocks deep."""

    kind: str
    slack: float
    golden: Golden
    meta: dict[str, Any]
    ndc: Splats
    metric: Splats
    probes: Probes


@pytest.fixture(scope="module", params=["tiny", pytest.param("full", marks=pytest.mark.slow)])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    kind: str = request.param
    arrays, meta = golden(kind)
    folder = tmp_path_factory.mktemp("sharp")
    path = checkpoint(kind, folder)
    network = load_network(path, CONFIGS[kind], device=torch.device("cpu"), dtype=torch.float32)
    picture = golden_picture()
    with torch.inference_mode():
        ndc, probes = probed_run(network, picture)
        stretch = (meta["width"] / 2 / picture.f_px, meta["height"] / 2 / picture.f_px, 1.0)
        metric = unproject(ndc, stretch)
    yield Run(kind, 10 if kind == "full" else 1, arrays, meta, ndc, metric, probes)
    del network
    gc.collect()
    path.unlink()  # 2.8 GB


def test_every_golden_tensor_inside_is_ours(run: Run) -> None:
    limit = 1e-4 if run.kind == "full" else 2e-5
    names = [name.removeprefix("probe.").removesuffix(".samples") for name in run.golden if ".samples" in name]
    errors = {}
    for name in names:
        assert run.probes.shapes[name] == tuple(run.golden[f"probe.{name}.shape"]), name
        errors[name] = relative_rms(run.probes.samples[name], run.golden[f"probe.{name}.samples"])
    assert len(names) >= 50
    assert {name: error for name, error in errors.items() if not error < limit} == {}


def test_the_splats_of_the_picture_are_upstreams(run: Run) -> None:
    at = torch.from_numpy(run.golden["indices"])

    def error(values: torch.Tensor, name: str) -> float:
        return float(np.abs(values[..., at].numpy().T - run.golden[f"ndc.{name}"]).max())

    assert run.ndc.opacities.numel() == run.meta["num_gaussians"]
    assert error(run.ndc.means, "mean_vectors") < 2e-5 * run.slack
    assert error(run.ndc.quaternions, "quaternions") < 5e-5 * run.slack
    assert error(run.ndc.colours, "colors") < 5e-6 * run.slack
    assert error(run.ndc.opacities, "opacities") < 1e-5 * run.slack
    scales, true = run.ndc.scales[:, at].T.numpy(), run.golden["ndc.singular_values"]
    assert np.abs(scales / true - 1).max() < 1e-4 * run.slack


def test_the_metric_splats_are_upstreams(run: Run) -> None:
    at = torch.from_numpy(run.golden["indices"])
    assert np.abs(run.metric.means[:, at].T.numpy() - run.golden["out.mean_vectors"]).max() < 2e-5 * run.slack
    scales, true = run.metric.scales[:, at].T.numpy(), run.golden["out.singular_values"]
    assert np.abs(scales[:, :2] / true[:, :2] - 1).max() < 1e-4 * run.slack
    xx, xy, xz, yy, yz, zz = run.golden["out.covariance"].T
    matrices = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]).transpose(2, 0, 1)
    ours = covariances(run.metric.scales[:, at], run.metric.quaternions[:, at])
    assert relative_error(ours, matrices).max() < 1e-4 * run.slack


def test_statistics_over_all_splats_are_upstreams(run: Run) -> None:
    rows = run.meta["gstats_rows"]
    for name, values in (
        ("mean_vectors", run.metric.means),
        ("colors", run.metric.colours),
        ("opacities", run.metric.opacities[None]),
    ):
        true = run.golden[f"gstats.out.{name}"]
        ours = np.quantile(values.double().numpy(), [0.01, 0.1, 0.5, 0.9, 0.99], axis=1)
        assert np.abs(ours - true[rows.index("q01") :]).max() < 2e-5 * run.slack


@pytest.mark.parametrize("side_px", [512, 1024, 1536])
def test_at_every_native_side_a_cell_of_two_pixels_has_two_splats(side_px: int) -> None:
    with torch.device("meta"):
        network = SharpNetwork(TINY)
        picture = torch.empty(1, 3, side_px, side_px)
        with torch.inference_mode():
            [splats] = network(picture, [0.8], 5, lambda _fraction: None)
    assert splats.means.shape == (3, side_px**2 // 2)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_depths_and_corrections_stay_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    path = checkpoint("tiny", tmp_path)
    network = load_network(path, TINY, device=torch.device("meta"), dtype=dtype)
    with torch.inference_mode():
        picture = torch.empty(1, 3, 512, 512, device="meta")
        [splats] = network(picture, [0.8], 35, lambda _fraction: None)
    assert network.monodepth.encoder.fuse_lowres.weight.dtype == dtype
    assert splats.means.dtype == splats.colours.dtype == splats.opacities.dtype == torch.float32


def test_progress_rises_to_the_whole() -> None:
    told: list[float] = []
    with torch.device("meta"), torch.inference_mode():
        SharpNetwork(TINY)(torch.empty(1, 3, 512, 512), [0.8], 5, told.append)
    assert told == sorted(told)
    assert len(told) > 7
    assert told[-1] == 1


def test_pictures_seen_together_are_seen_as_when_alone(tmp_path: Path) -> None:
    path = checkpoint("tiny", tmp_path)
    network = load_network(path, TINY, device=torch.device("cpu"), dtype=torch.float32)
    pictures = torch.rand(3, 3, 512, 512, generator=torch.Generator().manual_seed(1))
    factors = [0.7, 1.0, 1.4]
    with torch.inference_mode():
        together = network(pictures, factors, 4, lambda _fraction: None)  # chunks that hold parts of two
        for i, seen in enumerate(together):
            [alone] = network(pictures[i : i + 1], factors[i : i + 1], 35, lambda _fraction: None)
            for field in fields(Splats):
                ours, true = getattr(seen, field.name), getattr(alone, field.name)
                assert torch.allclose(ours, true, rtol=1e-4, atol=1e-5), field.name
    assert not torch.allclose(together[0].means, together[1].means, atol=1e-2)
