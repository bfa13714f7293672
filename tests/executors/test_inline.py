from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import sleep

import numpy as np
import pytest

from tests.models.photos import photo
from tests.pictures.files import encoded
from wheatstone.errors import CheckpointUnavailableError, UnknownModelError
from wheatstone.executors import InlineExecutor
from wheatstone.models import registry
from wheatstone.models.registry import Progress
from wheatstone.models.roles import SplatPredictor
from wheatstone.pictures import Photo
from wheatstone.settings import CheckpointSettings, Settings
from wheatstone.splats.scene import Run
from wheatstone.stages import Stages

PIXELS = photo("coffee.png", 100)
CUP = Photo(encoded(PIXELS, "PNG"))


@pytest.fixture
def executor(tmp_path: Path) -> InlineExecutor:
    return InlineExecutor(Settings(cache_dir=tmp_path, checkpoints=CheckpointSettings(offline=True)))


def test_a_photo_becomes_a_scene(executor: InlineExecutor) -> None:
    scene = executor.predict_splat("relief", CUP, Stages())
    scene.gaussians.validate()
    assert scene.camera is not None
    assert scene.camera.width_px == PIXELS.shape[1]


def test_a_model_is_loaded_at_its_first_use_and_stays_warm(executor: InlineExecutor) -> None:
    first, second = Stages(), Stages()
    executor.predict_splat("relief", CUP, first)
    executor.predict_splat("relief", CUP, second)
    assert list(first.seconds)[:2] == ["decode", "load"]
    assert "load" not in second.seconds


def test_auto_and_the_name_it_stands_for_are_one_model(executor: InlineExecutor) -> None:
    again = Stages()
    by_name = executor.predict_splat("relief", CUP, Stages())
    by_auto = executor.predict_splat("auto", CUP, again)
    assert "load" not in again.seconds
    assert np.array_equal(by_name.gaussians.means, by_auto.gaussians.means)


def test_an_unknown_model_is_refused(executor: InlineExecutor) -> None:
    with pytest.raises(UnknownModelError, match="gibberish"):
        executor.predict_splat("gibberish", CUP, Stages())


def with_loader(monkeypatch: pytest.MonkeyPatch, loads: list[int], failures: int) -> None:
    """Count the loads of relief, slow ones, of which the first few fail."""
    model = registry.splat_model_named("relief")

    def load(settings: Settings, progress: Progress) -> SplatPredictor:
        loads.append(1)
        sleep(0.05)
        if len(loads) <= failures:
            raise CheckpointUnavailableError("no weights")
        return model.load(settings, progress)

    monkeypatch.setattr(registry, "SPLAT_MODELS", (replace(model, load=load),))


def test_threads_that_ask_at_once_load_a_model_once(
    executor: InlineExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[int] = []
    with_loader(monkeypatch, loads, failures=0)
    with ThreadPoolExecutor(4) as pool:
        scenes = list(pool.map(lambda _: executor.predict_splat("auto", CUP, Stages()), range(4)))
    assert len(loads) == 1
    assert all(np.array_equal(scene.gaussians.means, scenes[0].gaussians.means) for scene in scenes)


def test_a_model_that_could_not_be_loaded_is_tried_again(
    executor: InlineExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_loader(monkeypatch, [], failures=1)
    with pytest.raises(CheckpointUnavailableError):
        executor.predict_splat("auto", CUP, Stages())
    assert len(executor.predict_splat("auto", CUP, Stages()).gaussians) > 0


def test_warming_up_loads_and_the_next_photo_need_not(executor: InlineExecutor) -> None:
    warming, after = Stages(), Stages()
    executor.warm_up("relief", warming)
    assert list(warming.seconds) == ["load"]
    executor.predict_splat("relief", CUP, after)
    assert "load" not in after.seconds


def test_progress_of_loading_is_reported(executor: InlineExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    relief = registry.splat_model_named("relief")

    def load(settings: Settings, progress: Progress) -> SplatPredictor:
        for step in (0.25, 0.5, 0.75):
            progress(step)
        return relief.load(settings, progress)

    monkeypatch.setattr(registry, "SPLAT_MODELS", (replace(relief, load=load),))
    told: list[tuple[str, float]] = []
    executor.warm_up("auto", Stages(lambda stage, fraction: told.append((stage, fraction))))
    assert [fraction for stage, fraction in told if stage == "load"] == [0, 0.25, 0.5, 0.75, 1]


def test_a_scene_carries_its_models_licence_and_how_it_was_made(executor: InlineExecutor) -> None:
    scene = executor.predict_splat("relief", CUP, Stages())
    assert scene.licence == registry.splat_model_named("relief").info.licence
    assert scene.run == Run("relief", "cpu", "", 100)


def test_several_photos_become_as_many_scenes(executor: InlineExecutor) -> None:
    assert executor.photos_at_once("relief", Stages()) == 1
    stages = Stages()
    scenes = executor.predict_splats("relief", [CUP, CUP], stages)
    assert len(scenes) == 2
    assert np.array_equal(scenes[0].gaussians.means, scenes[1].gaussians.means)
