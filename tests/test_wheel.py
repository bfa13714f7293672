"""What is built is what users install: the wheel alone, in an empty environment, runs the main job."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)], check=True)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_the_package_with_its_types_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "wheatstone/py.typed" in names
    assert "wheatstone/splats/formats/_viewer.html" in names
    for page in ("index.html", "LICENSES.txt", "docs/swagger-ui-bundle.js", "docs/redoc.standalone.js"):
        assert f"wheatstone/server/ui/{page}" in names
    assert all(name.startswith(("wheatstone/", "wheatstone-")) for name in names)
    assert not [name for name in names if name.endswith((".onnx", ".pt", ".pyc"))]


@pytest.mark.slow
def test_the_wheel_in_an_empty_environment_runs_the_main_job(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    binaries = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    subprocess.run([str(binaries / "pip"), "install", "--quiet", str(wheel)], check=True)
    photo = ROOT / "examples" / "chelsea.jpg"
    command = [
        str(binaries / "wheatstone"),
        "splat",
        str(photo),
        "-o",
        "scene.sog",
        "-f",
        "sog,ply,html",
        "--poster",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    for name in ("scene.sog", "scene.ply", "scene.html", "scene.webp"):
        assert (tmp_path / name).stat().st_size > 10_000
