from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import Command
from wheatstone.models.checkpoints import CHECKPOINTS
from wheatstone.settings import load_settings


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder without checkpoints, and no way to fetch them."""
    monkeypatch.setenv("WHEATSTONE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("WHEATSTONE_CHECKPOINTS__OFFLINE", "true")
    load_settings.cache_clear()
    yield tmp_path / "cache"
    load_settings.cache_clear()


def test_models_and_checkpoints_are_listed_with_licences(command: Command) -> None:
    result = command("models", "list")
    assert result.code == 0
    assert "relief: procedural estimate, no learned depth" in result.out
    for checkpoint in CHECKPOINTS:
        assert checkpoint.name in result.out
        assert checkpoint.licence in result.out


@pytest.mark.usefixtures("empty_cache")
def test_pulling_while_offline_says_what_to_do(command: Command) -> None:
    result = command("models", "pull", "u2netp")
    assert result.code == 2
    assert "WHEATSTONE_CHECKPOINTS__LOCAL" in result.err


def test_a_damaged_checkpoint_is_found(command: Command, empty_cache: Path) -> None:
    file = empty_cache / "checkpoints" / "u2netp.onnx"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not it")
    result = command("models", "verify")
    assert result.code == 2
    assert "u2netp: damaged" in result.out
    assert str(file) in result.out


@pytest.mark.usefixtures("empty_cache")
def test_a_named_checkpoint_that_is_absent_fails_verification(command: Command) -> None:
    assert command("models", "verify", "u2netp").code == 2


@pytest.mark.usefixtures("empty_cache")
def test_nothing_here_is_nothing_wrong(command: Command) -> None:
    assert command("models", "verify").code == 0


def test_an_unknown_checkpoint_is_refused(command: Command) -> None:
    result = command("models", "pull", "u3net")
    assert result.code == 2
    assert "u3net" in result.err


@pytest.mark.usefixtures("empty_cache")
def test_the_doctor_says_how_to_get_what_is_missing(command: Command) -> None:
    result = command("doctor")
    assert result.code == 0
    assert "wheatstone models pull u2netp" in result.out


@pytest.mark.usefixtures("empty_cache")
def test_the_doctor_says_what_crm_lacks(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "crm.home names no checkout" in " ".join(command("doctor").out.split())
    monkeypatch.setenv("WHEATSTONE_CRM__HOME", str(tmp_path))
    load_settings.cache_clear()
    result = command("doctor")
    load_settings.cache_clear()
    assert result.code == 0
    assert "is no checkout of CRM: it lacks imagedream" in " ".join(result.out.split())


def test_the_doctor_reports_a_cache_folder_that_cannot_be_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("WHEATSTONE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    load_settings.cache_clear()
    result = command("doctor")
    load_settings.cache_clear()
    assert result.code == 2
    assert "WHEATSTONE_CACHE_DIR" in result.out


def test_weights_that_ask_are_not_fetched_before_their_licence_is_accepted(command: Command) -> None:
    result = command("models", "pull", "sharp")
    assert result.code == 2
    assert "--accept-licence" in result.err
    assert "research-only" in result.err
