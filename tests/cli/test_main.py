from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import wheatstone
from tests.cli.command import Command

HEAVY = ("numpy", "numba", "cv2", "scipy", "onnxruntime", "PIL", "pydantic", "httpx2")


def test_help_names_every_command(command: Command) -> None:
    result = command("--help")
    assert result.code == 0
    for name in ("splat", "info", "render", "convert", "models", "doctor"):
        assert name in result.out


def imported(arguments: list[str], names: tuple[str, ...]) -> str:
    """Which of the modules a run of the command imports."""
    script = (
        "import sys\nfrom wheatstone.cli import main\n"
        f"sys.argv = ['wheatstone', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print('IMPORTED', [name for name in {names!r} if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return out.rpartition("IMPORTED ")[2].strip()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported(arguments, HEAVY) == "[]"


@pytest.mark.parametrize(("source", "target"), [("a.sog", "b.ply"), ("a.ply", "b.plain.ply")])
def test_a_conversion_to_ply_starts_without_what_it_does_not_need(
    scene_file: Path, tmp_path: Path, source: str, target: str
) -> None:
    wheatstone.load(scene_file).save(tmp_path / source)
    arguments = ["convert", str(tmp_path / source), str(tmp_path / target)]
    slow = ("numba", "scipy", "PIL", "pydantic", "rich.console", "wheatstone.splats.formats.html")
    assert imported(arguments, slow) == "[]"
    assert (tmp_path / target).exists()


@pytest.mark.parametrize("name", ["splat", "info", "render", "convert", "models", "doctor"])
def test_every_command_explains_itself(command: Command, name: str) -> None:
    result = command(name, "--help")
    assert result.code == 0
    assert f"wheatstone {name}" in result.out


def test_an_unknown_option_ends_with_2(command: Command) -> None:
    result = command("splat", "photo.jpg", "--nonsense")
    assert result.code == 2
    assert "--nonsense" in result.err


def test_a_wrong_setting_is_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from wheatstone.settings import load_settings

    load_settings.cache_clear()
    monkeypatch.setenv("WHEATSTONE_PICTURES__MAX_PIXELS", "many")
    try:
        result = command("doctor")
    finally:
        load_settings.cache_clear()
    assert result.code == 2
    assert "WHEATSTONE_PICTURES__MAX_PIXELS" in result.err
    assert "Traceback" not in result.err


def test_python_m_runs_the_same_command() -> None:
    out = subprocess.run(
        [sys.executable, "-m", "wheatstone", "--version"], capture_output=True, text=True, check=True
    )
    import wheatstone

    assert out.stdout.strip() == wheatstone.__version__
