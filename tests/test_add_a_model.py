"""The page on adding a model is true: its package is built, installed, found and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "add-a-model.md"
PARTS = """
import io, sys, zipfile
from wheatstone.models.registry import mesh_model_named
from wheatstone.pictures import read_picture
from wheatstone.settings import Settings
from wheatstone.stages import Stages
from pathlib import Path
from PIL import Image

model = mesh_model_named(sys.argv[1]).load(Settings(), lambda fraction: None)
for part in model.reconstruct(read_picture(Path("photo.png")), Stages()):
    size = Image.open(io.BytesIO(part.data)).size if part.name.endswith(".png") else ""
    names = zipfile.ZipFile(io.BytesIO(part.data)).namelist() if part.name.endswith(".zip") else ""
    print(part.name, size or names)
"""


def write_package(folder: Path) -> None:
    """Write the files of the page; each block begins with its file's name."""
    blocks = r"```\w+\n# ([\w.]+)(?: \(continued\))?\n(.*?)```"
    for name, text in re.findall(blocks, PAGE.read_text(encoding="utf-8"), re.DOTALL):
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(text)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page's package as its wheel installs it, and a photo."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    write_package(source)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(source / "dist"), str(source)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    [wheel] = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(folder / "photo.png")
    return folder


def run(folder: Path, *arguments: str) -> str:
    """What Python prints, with the package installed."""
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "300"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_models_of_the_page_are_listed(installed: Path) -> None:
    listed = run(installed, "-m", "wheatstone", "models", "list")
    for name in ("card", "mesh-card", "turned"):
        assert re.search(rf"^{name} ", listed, re.MULTILINE)


@pytest.mark.slow
def test_the_splat_model_of_the_page_makes_splats(installed: Path) -> None:
    run(installed, "-m", "wheatstone", "splat", "photo.png", "--model", "card", "-o", "scene.sog")
    assert "card: no depth at all" in run(installed, "-m", "wheatstone", "info", "scene.sog")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mesh-card", "turned"])
def test_the_mesh_models_of_the_page_make_all_parts(model: str, installed: Path) -> None:
    assert run(installed, "-c", PARTS, model).splitlines() == [
        "pixel_images.png (1536, 256)",
        "xyz_images.png (1536, 256)",
        "output3d.zip ['output3d.obj', 'output3d.mtl', 'output3d.png']",
    ]
