from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models.photos import photo, picture
from wheatstone.errors import CheckpointUnavailableError, ModelUnavailableError, UnknownModelError
from wheatstone.models import checkpoints, registry
from wheatstone.models.checkpoints import Checkpoint
from wheatstone.models.registry import (
    MESH_MODELS,
    SPLAT_MODELS,
    MeshModel,
    SplatModel,
    fingerprint,
    mesh_model_named,
    splat_model_named,
)
from wheatstone.models.roles import ModelInfo, Part, SplatPredictor
from wheatstone.pictures import Picture
from wheatstone.settings import CheckpointSettings, ModelSettings, Settings, changed
from wheatstone.stages import Stages


def no_progress(_fraction: float) -> None:
    pass


def offline(tmp_path: Path, **local: Path) -> Settings:
    return Settings(cache_dir=tmp_path, checkpoints=CheckpointSettings(offline=True, local=local))


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Path | None]:
    """The checkpoints that `Relief` was given; the known ones are then small."""
    given: list[Path | None] = []

    class Spy:
        def __init__(self, matte_checkpoint: Path | None) -> None:
            given.append(matte_checkpoint)

    monkeypatch.setattr(registry, "Relief", Spy)
    small = [
        Checkpoint(name, "for tests", "MIT", "us", 3, hashlib.sha256(name[-3:].encode()).hexdigest(), ())
        for name in ("u2netp", "u2net")
    ]
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", tuple(small))
    return given


def put(settings: Settings, name: str) -> Path:
    path = checkpoints.location(name, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(name[-3:].encode())
    return path


def test_every_model_is_found_by_its_name() -> None:
    for model in SPLAT_MODELS:
        assert splat_model_named(model.info.name) is model


@pytest.mark.parametrize("torch_is_installed", [True, False])
@pytest.mark.parametrize("weights_are_here", [True, False])
def test_auto_is_sharp_when_it_can_run_and_else_relief(
    torch_is_installed: bool, weights_are_here: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_torch_is_installed", lambda: torch_is_installed)
    own = tmp_path / "sharp.pt"
    if weights_are_here:
        own.touch()
    settings = Settings(cache_dir=tmp_path, model=ModelSettings(checkpoint_path=own))
    can_run = torch_is_installed and weights_are_here
    assert splat_model_named("auto", settings).info.name == ("sharp" if can_run else "relief")


def test_without_pytorch_sharp_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_torch_is_installed", lambda: False)
    with pytest.raises(ModelUnavailableError, match=r"pip install 'wheatstone\[torch\]'"):
        splat_model_named("sharp").load(offline(tmp_path), no_progress)


def test_without_weights_sharp_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_torch_is_installed", lambda: True)
    with pytest.raises(CheckpointUnavailableError, match="--accept-licence"):
        splat_model_named("sharp").load(offline(tmp_path), no_progress)


def test_models_are_listed_without_pytorch() -> None:
    code = "import sys; from wheatstone.models import registry; registry.splat_model_named('sharp'); "
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_names_of_models_are_unique_and_leave_auto_free() -> None:
    for models in (SPLAT_MODELS, MESH_MODELS):
        names = [model.info.name for model in models]
        assert len({*names, "auto"}) == len(names) + 1


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownModelError, match=r"Unknown model 'gibberish'; known are auto, sharp, relief\."):
        splat_model_named("gibberish")


def test_models_use_only_checkpoints_that_can_be_fetched() -> None:
    for model in SPLAT_MODELS:
        for name in model.info.checkpoints:
            assert checkpoints.checkpoint_named(name).name == name


def test_offline_without_a_checkpoint_one_warning_names_the_command_to_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    splat_model_named("relief").load(offline(tmp_path), no_progress)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "`wheatstone models pull u2netp`" in record.getMessage()


def test_offline_without_a_checkpoint_photos_become_splats_all_the_same(tmp_path: Path) -> None:
    predictor: SplatPredictor = splat_model_named("relief").load(offline(tmp_path), no_progress)
    scene = predictor.predict(picture(photo("coffee.png", 100)), Stages())
    assert len(scene.gaussians) > 0
    assert scene.label == predictor.info.label


@pytest.mark.parametrize(
    ("here", "expected"), [(["u2netp"], "u2netp"), (["u2net"], "u2net"), (["u2netp", "u2net"], "u2net")]
)
def test_the_best_checkpoint_at_hand_is_used(
    here: list[str], expected: str, tmp_path: Path, chosen: list[Path | None], caplog: pytest.LogCaptureFixture
) -> None:
    settings = offline(tmp_path)
    paths = {name: put(settings, name) for name in here}
    splat_model_named("relief").load(settings, no_progress)
    assert chosen == [paths[expected]]
    assert not caplog.records


def test_a_file_of_yours_is_used_where_it_lies(tmp_path: Path, chosen: list[Path | None]) -> None:
    settings = offline(tmp_path / "cache", u2netp=tmp_path / "mine.onnx")
    put(settings, "u2netp")
    splat_model_named("relief").load(settings, no_progress)
    assert chosen == [tmp_path / "mine.onnx"]


@pytest.mark.parametrize("name", ["u2net", "u2netp"])
@pytest.mark.parametrize("content", [None, b"", b"bad"], ids=["missing", "empty", "other"])
def test_a_file_of_yours_that_is_not_the_checkpoint_is_refused(
    name: str, content: bytes | None, tmp_path: Path, chosen: list[Path | None]
) -> None:
    own = tmp_path / "mine.onnx"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(CheckpointUnavailableError, match="WHEATSTONE_CHECKPOINTS__LOCAL names for " + name):
        splat_model_named("relief").load(offline(tmp_path / "cache", **{name: own}), no_progress)
    assert not chosen


def traits(name: str, settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(fingerprint(splat_model_named(name), settings))["traits"]
    return found


@pytest.mark.parametrize(
    ("here", "expected"),
    [([], None), (["u2netp"], "u2netp"), (["u2net"], "u2net"), (["u2netp", "u2net"], "u2net")],
)
def test_the_fingerprint_of_relief_knows_the_checkpoint_that_would_be_used(
    here: list[str], expected: str | None, tmp_path: Path, chosen: list[Path | None]
) -> None:
    settings = offline(tmp_path)
    for name in here:
        put(settings, name)
    sha256 = expected and hashlib.sha256(expected[-3:].encode()).hexdigest()
    assert traits("relief", settings) == {"matte": sha256}


def test_the_fingerprint_of_sharp_knows_weights_by_their_content(tmp_path: Path) -> None:
    own = tmp_path / "sharp.pt"
    settings = Settings(cache_dir=tmp_path, model=ModelSettings(checkpoint_path=own))
    assert traits("sharp", settings)["weights"] is None
    own.write_bytes(b"weights")
    assert traits("sharp", settings)["weights"] == hashlib.sha256(b"weights").hexdigest()


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("inference", {"input_size": (1024, 1024)}),
        ("gpu", {"enable_amp": False}),
        ("gpu", {"enable_tf32": False}),
        ("model", {"device": "cpu"}),
    ],
)
def test_a_setting_changes_the_fingerprint_of_the_model_that_heeds_it(
    section: str, values: dict[str, object], tmp_path: Path
) -> None:
    settings = offline(tmp_path)
    others = changed(settings, section, **values)
    sharp, relief = splat_model_named("sharp"), splat_model_named("relief")
    assert fingerprint(sharp, settings) != fingerprint(sharp, others)
    assert fingerprint(relief, settings) == fingerprint(relief, others)


def test_a_new_version_of_a_model_is_another_model(tmp_path: Path) -> None:
    relief = splat_model_named("relief")
    newer = dataclasses.replace(relief, info=dataclasses.replace(relief.info, version="2"))
    assert fingerprint(relief, offline(tmp_path)) != fingerprint(newer, offline(tmp_path))


def test_the_fingerprint_of_a_plug_in_knows_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = SplatModel(ModelInfo("plugged", "for tests", "", "MIT"), splat_model_named("relief").load)
    found = []
    for version in ("1.0", "1.1"):
        monkeypatch.setattr(registry, "_plugins", lambda _group, version=version: ((model, version),))
        found.append(json.loads(fingerprint(model, offline(tmp_path)))["package"])
    assert found == ["1.0", "1.1"]


class NoMesh:
    """A model for tests of what is known of models, not of what they do."""

    def __init__(self, info: ModelInfo) -> None:
        self.info = info

    def reconstruct(self, picture: Picture, stages: Stages) -> Iterator[Part]:
        return iter(())


def mesh_model(name: str, *, is_ready: bool) -> MeshModel:
    info = ModelInfo(name, "for tests", "", "MIT")
    return MeshModel(info, lambda _settings, _progress: NoMesh(info), lambda _settings: is_ready)


def test_auto_is_the_first_mesh_model_that_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large, small = mesh_model("large", is_ready=False), mesh_model("small", is_ready=True)
    monkeypatch.setattr(registry, "MESH_MODELS", (large, small))
    assert mesh_model_named("auto", offline(tmp_path)) is small
    assert mesh_model_named("large", offline(tmp_path)) is large


def test_without_a_mesh_model_that_is_ready_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MESH_MODELS", (mesh_model("large", is_ready=False),))
    with pytest.raises(ModelUnavailableError, match="No model that comes along"):
        mesh_model_named("auto", offline(tmp_path))


def test_models_of_one_name_in_two_roles_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MESH_MODELS", (mesh_model("relief", is_ready=True),))
    assert (mesh_model_named("relief").kind, splat_model_named("relief").kind) == ("mesh", "splat")


def test_the_fingerprint_of_a_mesh_model_knows_its_traits(tmp_path: Path) -> None:
    model = mesh_model("small", is_ready=True)
    other = dataclasses.replace(model, traits=lambda _settings: {"weights": "abc"})
    assert fingerprint(model, offline(tmp_path)) != fingerprint(other, offline(tmp_path))
    assert json.loads(fingerprint(other, offline(tmp_path)))["traits"] == {"weights": "abc"}
