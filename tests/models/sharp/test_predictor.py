from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.models.photos import photo, picture
from tests.models.sharp.filled import TINY, checkpoint
from tests.models.sharp.golden import golden, golden_picture
from wheatstone.cancellation import Cancellation
from wheatstone.errors import CancelledError, DeviceMemoryError, ModelFailedError
from wheatstone.models.roles import BatchPredictor, SplatPredictor
from wheatstone.models.sharp import SHARP
from wheatstone.models.sharp.hardware import Hardware, choose_hardware
from wheatstone.models.sharp.network import SharpNetwork
from wheatstone.models.sharp.predictor import Sharp, resized
from wheatstone.settings import GpuSettings, Settings
from wheatstone.splats.formats._ply_body import read_tables
from wheatstone.splats.formats._ply_header import read_header
from wheatstone.splats.scene import Run
from wheatstone.stages import Stages

EXACT = choose_hardware(Settings(mode="cpu", gpu=GpuSettings(enable_amp=False)))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint("tiny", tmp_path_factory.mktemp("sharp"))


def sharp(path: Path, side_px: int = 512, hardware: Hardware = EXACT) -> Sharp:
    return Sharp.load(path, hardware, side_px, config=TINY)


def test_the_ply_of_a_photo_is_upstreams(path: Path, tmp_path: Path) -> None:
    predictor: SplatPredictor = sharp(path, 1536)
    stages = Stages()
    scene = predictor.predict(golden_picture(), stages)
    scene.save(tmp_path / "scene.ply")
    arrays, _ = golden("tiny")
    true = arrays["ply.vertex"]
    with (tmp_path / "scene.ply").open("rb") as file:
        header = read_header(file)
        tables = read_tables(file, header)
        rows = tables["vertex"][arrays["indices"]]
        ours = np.array(rows.tolist())
        disparity, intrinsic = (np.array(tables[name].tolist())[:, 0] for name in ("disparity", "intrinsic"))
    assert np.abs(ours[:, :3] - true[:, :3]).max() < 2e-5  # places
    assert np.abs(ours[:, 3:7] - true[:, 3:7]).max() < 5e-5  # colours, logits
    assert np.abs(ours[:, 7:9] - true[:, 7:9]).max() < 1e-4  # logarithms of the two longest axes
    assert np.abs(disparity / arrays["ply.disparity"] - 1).max() < 1e-5
    assert np.abs(intrinsic - arrays["ply.intrinsic"]).max() < 1e-3
    assert scene.label == SHARP.label
    assert list(stages.seconds) == ["prepare", "network", "unproject"]


def test_a_scene_is_valid_and_knows_its_camera(path: Path) -> None:
    rgb = photo("coffee.png", 200)
    scene = sharp(path).predict(picture(rgb), Stages())
    scene.gaussians.validate()
    assert len(scene.gaussians) == 2 * 256 * 256
    assert scene.camera is not None
    assert (scene.camera.height_px, scene.camera.width_px) == rgb.shape[:2]


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2000, 3)])
def test_tiny_and_thin_pictures_give_valid_scenes(path: Path, shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    sharp(path).predict(picture(rgb), Stages()).gaussians.validate()


def test_a_draft_says_that_it_is_one(path: Path) -> None:
    scene = sharp(path, 512).predict(picture(photo("coffee.png", 100)), Stages())
    assert scene.label.endswith("draft of 512 px")


@pytest.mark.parametrize(("asked", "works"), [(1, 512), (768, 1024), (767, 512), (1280, 1536), (4000, 1536)])
def test_another_side_becomes_the_nearest_native_one_and_is_told(
    path: Path, asked: int, works: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert sharp(path, asked).side_px == works
    assert f"cannot work at {asked} px; it works at {works} px" in caplog.text


@pytest.mark.parametrize("side_px", [512, 1024, 1536])
def test_a_native_side_needs_no_words(path: Path, side_px: int, caplog: pytest.LogCaptureFixture) -> None:
    assert sharp(path, side_px).side_px == side_px
    assert not caplog.records


@pytest.mark.parametrize("chunk", [1, 4, 35])
def test_chunks_do_not_change_the_scene(path: Path, chunk: int) -> None:
    shown = picture(photo("coffee.png", 100))
    first = sharp(path).predict(shown, Stages()).gaussians
    other = sharp(path, hardware=dataclasses.replace(EXACT, chunk=chunk)).predict(shown, Stages()).gaussians
    assert np.abs(first.means - other.means).max() < 1e-5


def test_bfloat16_stays_close(path: Path) -> None:
    shown = picture(photo("coffee.png", 100))
    exact = sharp(path).predict(shown, Stages()).gaussians
    fast = (
        sharp(path, hardware=dataclasses.replace(EXACT, dtype=torch.bfloat16)).predict(shown, Stages()).gaussians
    )
    depth = np.abs(fast.means[:, 2] / exact.means[:, 2] - 1)
    assert np.median(depth) < 0.005
    assert np.quantile(depth, 0.99) < 0.025


def test_the_same_picture_gives_the_same_scene_twice(path: Path) -> None:
    predictor = sharp(path)
    first, second = (predictor.predict(picture(photo("rocket.jpg", 160)), Stages()).gaussians for _ in range(2))
    for field in dataclasses.fields(first):
        assert np.array_equal(getattr(first, field.name), getattr(second, field.name))


def test_a_cancelled_run_ends_within_the_network(path: Path) -> None:
    cancellation = Cancellation()

    def report(stage: str, fraction: float) -> None:
        if stage == "network" and fraction > 0.1:
            cancellation.cancel()

    with pytest.raises(CancelledError):
        sharp(path).predict(picture(photo("coffee.png", 100)), Stages(report, cancellation))


class Exhausted(SharpNetwork):
    """A network that runs out of memory while more than `fits` crops, or photos, are seen at once."""

    def __init__(self, fits: int, error: Exception, photos: int = 1) -> None:
        super().__init__(TINY)
        self.fits, self.error, self.photos = fits, error, photos
        self.chunks: list[int] = []
        self.batches: list[int] = []

    def forward(
        self, pictures: Any, disparity_factors: Sequence[float], chunk: int, progress: Callable[[float], None]
    ) -> Any:
        self.chunks.append(chunk)
        self.batches.append(len(disparity_factors))
        assert len(pictures) == len(disparity_factors)
        if chunk > self.fits or len(pictures) > self.photos:
            raise self.error
        return super().forward(pictures, disparity_factors, chunk, progress)


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.38 GiB."),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried …"),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["cuda", "mps", "cpu", "python"])
def test_out_of_memory_fewer_crops_are_seen_at_once_from_then_on(
    error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Exhausted(2, error)
    predictor = Sharp(network, dataclasses.replace(EXACT, chunk=9), 512)
    shown = picture(photo("coffee.png", 64))
    monkeypatch.setattr(Sharp, "_scene", lambda *_arguments: None)  # the weights are no numbers
    for _ in range(2):
        predictor.predict(shown, Stages())
    assert network.chunks == [9, 5, 3, 2, 2]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3


def test_out_of_memory_fewer_photos_are_seen_together_and_none_is_left_out(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hardware, "photos_at_once", lambda *_arguments: 4)
    made = []
    monkeypatch.setattr(Sharp, "_scene", lambda _self, shown, _splats: made.append(shown.name))
    network = Exhausted(35, OUT_OF_MEMORY[0], photos=2)
    shown = [dataclasses.replace(picture(photo("coffee.png", 64)), name=f"{i}") for i in range(7)]
    Sharp(network, EXACT, 512).predict_many(shown, Stages())
    assert made == ["0", "1", "2", "3", "4", "5", "6"]
    assert network.batches == [4, 2, 2, 2, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "SHARP ran out of memory; seeing 2 photos at once."
    ]


def test_photos_seen_together_give_the_scenes_that_they_give_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hardware, "photos_at_once", lambda *_arguments: 8)
    predictor: BatchPredictor = sharp(path)
    assert predictor.photos_at_once == 8
    shown = [picture(photo("coffee.png", 100)), picture(photo("rocket.jpg", 160))]
    for together, one in zip(predictor.predict_many(shown, Stages()), shown, strict=True):
        alone = predictor.predict(one, Stages())
        for field in dataclasses.fields(alone.gaussians):
            ours, true = getattr(together.gaussians, field.name), getattr(alone.gaussians, field.name)
            if field.name != "quaternions":  # of round ones any will do
                assert np.allclose(ours, true, rtol=1e-3, atol=1e-4), field.name
        assert together.camera is not None
        assert (together.camera.height_px, together.camera.width_px) == one.rgb.shape[:2]


def test_a_scene_tells_how_it_was_made(path: Path) -> None:
    scene = sharp(path).predict(picture(photo("coffee.png", 64)), Stages())
    assert scene.run == Run("sharp", "cpu", "float32", 512)
    assert scene.licence == SHARP.licence


def test_with_too_little_memory_at_all_the_message_names_what_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hardware, "free_bytes", lambda self: self.needed_bytes(1024) + 1)
    network = Exhausted(0, torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(
        DeviceMemoryError, match=r"at 1536 px needs about .* GB on cpu, where .* GB are free\."
    ) as told:
        Sharp(network, EXACT, 1536).predict(picture(photo("coffee.png", 64)), Stages())
    assert "Would fit: an input size of 1024 px" in str(told.value)
    assert "or 512 px" in str(told.value)
    assert network.chunks == [5, 3, 2, 1]


def test_too_little_memory_for_the_weights_is_told_alike(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("wheatstone.models.sharp.predictor.load_network", full)
    monkeypatch.setattr(Hardware, "free_bytes", lambda self: 1000)
    with pytest.raises(DeviceMemoryError, match="No input size would fit"):
        sharp(path)


def test_with_hardly_any_memory_nothing_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hardware, "free_bytes", lambda self: 1000)
    network = Exhausted(0, MemoryError())
    with pytest.raises(DeviceMemoryError, match=r"No input size would fit\."):
        Sharp(network, EXACT, 1536).predict(picture(photo("coffee.png", 64)), Stages())


def test_another_failure_of_pytorch_is_not_taken_for_a_lack_of_memory() -> None:
    network = Exhausted(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1"):
        Sharp(network, EXACT, 512).predict(picture(photo("coffee.png", 64)), Stages())


def test_values_that_are_no_numbers_are_told_with_a_remedy(path: Path) -> None:
    predictor = sharp(path)
    with torch.no_grad():
        predictor._network.prediction_head.texture_prediction_head.weight.fill_(torch.nan)
    with pytest.raises(ModelFailedError, match="--no-amp"):
        predictor.predict(picture(photo("coffee.png", 64)), Stages())


def test_resizing_puts_corners_on_corners_and_averages_nothing() -> None:
    rgb = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    larger = resized(rgb, 512, torch.device("cpu"))
    assert torch.equal(larger[0, :, 0, 0], torch.from_numpy(rgb[0, 0] / np.float32(255)))
    assert torch.equal(larger[0, :, -1, -1], torch.from_numpy(rgb[-1, -1] / np.float32(255)))
    stripes = np.zeros((2, 1023, 3), np.uint8)
    stripes[:, ::2] = 255  # every sample of the smaller picture falls on a bright column
    assert resized(stripes, 512, torch.device("cpu")).min() > 0.99


def test_a_compiled_network_is_compiled_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(type(self).__name__))
    with torch.device("meta"):
        Sharp(SharpNetwork(TINY), dataclasses.replace(EXACT, compiles=True), 512)
    assert compiled
