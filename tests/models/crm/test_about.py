from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.crm.stand_in import CHECKPOINTS, settings_for, write_checkout
from wheatstone.errors import CheckpointUnavailableError, ModelUnavailableError
from wheatstone.models.crm import about
from wheatstone.models.registry import mesh_model_named
from wheatstone.settings import CrmSettings, Settings, changed


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_checkout(tmp_path / "CRM")


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the driver of a GPU would be, and is."""
    path = tmp_path / "nvidiactl"
    path.touch()
    monkeypatch.setattr(about, "_DRIVER", (path,))
    monkeypatch.setenv("PATH", "")
    return path


@pytest.mark.usefixtures("driver")
def test_a_whole_checkout_is_ready(home: Path) -> None:
    assert about.is_ready(settings_for(home))
    assert mesh_model_named("auto", settings_for(home)).info.name == "crm"


def test_without_a_gpu_it_is_run_only_by_its_name(home: Path, driver: Path) -> None:
    driver.unlink()
    assert mesh_model_named("auto", settings_for(home)).info.name == "inflate"
    assert mesh_model_named("crm", settings_for(home)).info.name == "crm"


def test_without_a_checkout_it_is_not_ready_and_says_how_to_set_it_up() -> None:
    assert not about.is_ready(Settings())
    with pytest.raises(ModelUnavailableError, match=r"crm\.home names no checkout.*docs/crm\.md"):
        about.check(Settings())


@pytest.mark.parametrize("name", ["pipelines.py", "inference.py", "configs/stage2-v2-snr.yaml"])
def test_what_a_checkout_lacks_is_named(name: str, home: Path) -> None:
    (home / name).unlink()
    with pytest.raises(ModelUnavailableError, match=f"is no checkout of CRM: it lacks {name}"):
        about.check(settings_for(home))


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_missing_checkpoint_is_named(name: str, home: Path) -> None:
    (home / name).unlink()
    with pytest.raises(CheckpointUnavailableError, match=f"{name} is not there: fetch it"):
        about.check(settings_for(home))


@pytest.mark.usefixtures("driver")
def test_checkpoints_may_lie_in_a_folder_or_each_elsewhere(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in CHECKPOINTS[:2]:
        (home / name).rename(folder / name)
    (home / CHECKPOINTS[2]).rename(tmp_path / "mine.pth")
    settings = settings_for(home, checkpoints=folder, checkpoint_files={CHECKPOINTS[2]: tmp_path / "mine.pth"})
    assert about.is_ready(settings)


def test_a_missing_interpreter_is_told(home: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"is no interpreter: let crm\.python name"):
        about.check(settings_for(home, python=str(home / "python")))


def test_the_interpreter_is_by_default_that_of_the_checkouts_environment(home: Path) -> None:
    assert about.python_of(CrmSettings(home=home)) == home / ".venv" / "bin" / "python"


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_it_is_not_ready_where_another_device_is_asked_for(device: str, home: Path) -> None:
    settings = changed(settings_for(home), "model", device=device)
    with pytest.raises(ModelUnavailableError, match="NVIDIA's GPUs only"):
        about.check(settings)


@pytest.mark.parametrize(("device", "name"), [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1")])
def test_its_device_has_the_name_that_other_models_give_it(device: str, name: str) -> None:
    assert about.device_of(changed(Settings(), "model", device=device)) == name


def test_options_weights_and_code_make_other_results(home: Path) -> None:
    usual = about.traits(settings_for(home))
    assert usual == about.traits(settings_for(home))
    assert about.traits(settings_for(home, seed=1)) != usual
    (home / "CRM.pth").write_bytes(b"others")
    others = about.traits(settings_for(home))
    assert others != usual
    (home / "model" / "crm.py").write_text("another version")
    assert about.traits(settings_for(home)) != others
