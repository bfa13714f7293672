"""The documentation is true: its examples run, its tables are complete, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from bench import report
from PIL import Image
from pydantic import BaseModel

import wheatstone
from tests.live import running_server
from wheatstone.cli import main
from wheatstone.settings import Settings

ROOT = Path(__file__).parent.parent
ADDRESS = "http://127.0.0.1:8000"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all the files that the examples name."""
    pixels = np.random.default_rng(0).integers(20, 60, (48, 64, 3)).astype(np.uint8)
    pixels[15:35, 20:45] = (220, 160, 60)
    picture = Image.fromarray(pixels)
    for name in ("holiday", "things"):
        (tmp_path / name).mkdir()
    for name in ("photo.jpg", "b.png", "holiday/beach.jpg", "holiday/hills.webp", "teapot.jpg", "things/pot.png"):
        picture.save(tmp_path / name)
    pillow_heif.from_pillow(picture).save(tmp_path / "a.heic")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server, for the pages that talk to one."""
    models = {"name": "instant", "mesh": "instant-mesh"}
    with running_server(tmp_path_factory.mktemp("server"), model=models) as server:
        yield server.url


def at_server(text: str, request: pytest.FixtureRequest) -> str:
    """An example with the address of a real server, which is started if the example names one."""
    return text.replace(ADDRESS, request.getfixturevalue("server")) if ADDRESS in text else text


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "wheatstone " in "".join(blocks(page, "sh"))], ids=lambda p: p.name
)
def test_the_commands_of_a_page_work(page: Path, folder: Path, request: pytest.FixtureRequest) -> None:
    if page.name == "command.md":  # its examples begin with a scene at hand
        wheatstone.splat(folder / "photo.jpg").save("scene.ply")
    for line in "".join(blocks(page, "sh")).splitlines():
        if line.startswith("wheatstone "):
            with pytest.raises(SystemExit) as stopped:
                main(shlex.split(at_server(line, request), comments=True)[1:])
            assert stopped.value.code == 0, line


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda p: p.name)
@pytest.mark.usefixtures("folder")
def test_the_python_of_a_page_runs_and_prints_what_it_says(
    page: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(at_server(block, request), page.name, "exec"), names)  # noqa: S102 - our own documentation
        printed = capsys.readouterr().out.splitlines()
        promised = re.findall(r"^print\(.*?\)  +# (.*)$", block, re.MULTILINE)
        if promised:
            assert printed == promised


def test_every_setting_is_documented() -> None:
    def leaves(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                yield from leaves(field.annotation, f"{prefix}{name.upper()}__")
            else:
                yield f"{prefix}{name.upper()}", field.description or ""

    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", text, re.MULTILINE)
    documented = {name: description for name, _default, description in rows}
    assert documented == dict(leaves(Settings, "WHEATSTONE_"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_example_photo_has_its_licence_named() -> None:
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    for photo in (ROOT / "examples").iterdir():
        assert photo.name in text or photo.name == "README.md"


def test_the_readme_quotes_the_figures_that_were_measured() -> None:
    assert report.table() in (ROOT / "README.md").read_text(encoding="utf-8")
