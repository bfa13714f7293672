from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import wheatstone
from tests.models.photos import FOLDER, photo
from wheatstone.settings import load_settings
from wheatstone.splats.gaussians import Gaussians

HEAVY = {
    "numpy",
    "numba",
    "cv2",
    "scipy",
    "skimage",
    "onnxruntime",
    "PIL",
    "pydantic",
    "httpx2",
    "rich",
    "cyclopts",
}
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)
MANY_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "5")
ON_ONE_CORE = """
import os
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
"""
SPLAT = """
import sys, wheatstone
scene = wheatstone.splat(sys.argv[1])
scene.save(sys.argv[2] + ".ply")
scene.save(sys.argv[2] + ".sog")
"""


def run_python(code: str, *arguments: object, **environment: str) -> str:
    """What a fresh process prints."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Weights are used if they are here, and never fetched."""
    monkeypatch.setenv("WHEATSTONE_CHECKPOINTS__OFFLINE", "true")
    load_settings.cache_clear()
    wheatstone._executor.cache_clear()
    yield
    load_settings.cache_clear()
    wheatstone._executor.cache_clear()


@pytest.fixture
def small_photo(tmp_path: Path) -> Path:
    path = tmp_path / "cup.png"
    Image.fromarray(photo("coffee.png", 120)).save(path)
    return path


def test_importing_wheatstone_imports_nothing_heavy() -> None:
    loaded = run_python("import sys, wheatstone; print(*sys.modules)").split()
    assert "wheatstone" in loaded
    assert not HEAVY & set(loaded)


def test_names_are_imported_when_they_are_used() -> None:
    asked = "print('numpy' in sys.modules);"
    printed = run_python(f"import sys, wheatstone; {asked} wheatstone.Gaussians; {asked}")
    assert printed.split() == ["False", "True"]


@pytest.mark.parametrize("name", wheatstone.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(wheatstone, name) is not None


def test_public_names_are_the_things_themselves() -> None:
    assert wheatstone.Gaussians is Gaussians


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'wheatstone' has no attribute 'gibberish'"):
        _ = wheatstone.gibberish


def test_the_version_is_that_of_the_distribution() -> None:
    assert wheatstone.__version__ == importlib.metadata.version("wheatstone")


def test_a_photo_becomes_a_scene_that_can_be_saved_and_loaded(small_photo: Path, tmp_path: Path) -> None:
    scene = wheatstone.splat(small_photo)
    loaded = wheatstone.load(scene.save(tmp_path / "cup.ply"))
    assert np.allclose(loaded.gaussians.means, scene.gaussians.means)
    assert np.allclose(loaded.gaussians.colors, scene.gaussians.colors, atol=1e-3)
    assert loaded.camera is not None
    assert scene.camera is not None
    assert loaded.camera.fx_px == pytest.approx(scene.camera.fx_px)


def test_a_compressed_scene_is_close_to_what_was_saved(small_photo: Path, tmp_path: Path) -> None:
    scene = wheatstone.splat(str(small_photo))
    loaded = wheatstone.load(str(scene.save(str(tmp_path / "cup.sog"))))
    assert len(loaded.gaussians) == len(scene.gaussians)
    assert loaded.gaussians.means.min(axis=0) == pytest.approx(scene.gaussians.means.min(axis=0), abs=0.01)
    assert loaded.gaussians.colors.mean(axis=0) == pytest.approx(scene.gaussians.colors.mean(axis=0), abs=0.01)


def test_the_content_of_a_photo_does_as_well_as_its_path(small_photo: Path) -> None:
    by_path, by_content = wheatstone.splat(small_photo), wheatstone.splat(small_photo.read_bytes())
    assert np.array_equal(by_path.gaussians.means, by_content.gaussians.means)


def test_the_focal_length_can_be_given(small_photo: Path) -> None:
    camera = wheatstone.splat(small_photo, f_px=200).camera
    assert camera is not None
    assert camera.fx_px == 200


@pytest.mark.parametrize("options", [{"model": "gibberish"}, {"f_px": 0.0}, {"f_px": float("nan")}])
def test_bad_options_are_wheatstone_errors(options: dict[str, Any], small_photo: Path) -> None:
    with pytest.raises(wheatstone.WheatstoneError):
        wheatstone.splat(small_photo, **options)


def test_a_missing_photo_and_a_missing_scene_are_wheatstone_errors(tmp_path: Path) -> None:
    with pytest.raises(wheatstone.WheatstoneError):
        wheatstone.splat(tmp_path / "none.jpg")
    with pytest.raises(wheatstone.WheatstoneError):
        wheatstone.load(tmp_path / "none.sog")


def assert_the_same_bytes_on_one_core_and_on_all(photo: Path, folder: Path) -> None:
    run_python(ON_ONE_CORE + SPLAT, photo, folder / "one", **ONE_THREAD)
    run_python(SPLAT, photo, folder / "all", **MANY_THREADS)
    for suffix in (".ply", ".sog"):
        one, all_ = ((folder / base).with_suffix(suffix).read_bytes() for base in ("one", "all"))
        assert one == all_, f"{suffix} depends on the number of threads"


def test_a_photo_gives_the_same_bytes_on_one_core_and_on_all(tmp_path: Path) -> None:
    Image.fromarray(photo("coffee.png", 400)).save(tmp_path / "cup.png")
    assert_the_same_bytes_on_one_core_and_on_all(tmp_path / "cup.png", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chelsea.png", "rocket.jpg"])
def test_with_a_network_it_gives_the_same_bytes_too(name: str, u2netp: Path, tmp_path: Path) -> None:
    assert_the_same_bytes_on_one_core_and_on_all(FOLDER / name, tmp_path)
