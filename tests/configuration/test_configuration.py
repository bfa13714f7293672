from __future__ import annotations

import os
import re
from pathlib import Path

import json5
import pytest

from tests.documents import SHARP_API, blocks
from wheatstone.configuration import configure
from wheatstone.errors import BadOptionError
from wheatstone.settings import Settings

TEMPLATE = Path(__file__).parent.parent.parent / "config.template.jsonc"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WHEATSTONE_")]:
        monkeypatch.delenv(name)


def written(text: str, name: str = "config.jsonc") -> Path:
    Path(name).write_text(text)
    return Path(name)


def test_without_anything_the_defaults_hold() -> None:
    assert configure(None, {}) == Settings()


@pytest.mark.parametrize("name", ["config.jsonc", "config.json"])
def test_a_file_in_the_working_folder_is_found(name: str) -> None:
    written('{"server": {"port": 1234}}', name)
    assert configure(None, {}).server.port == 1234


def test_a_file_may_hold_comments() -> None:
    path = written('{\n// one\n"server": {"port": 1234 /* two */},\n}', "mine.jsonc")
    assert configure(path, {}).server.port == 1234


def test_a_flag_beats_a_variable_beats_dotenv_beats_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    written('{"server": {"port": 1, "host": "file"}, "compression": {"timeout": 1, "max_workers": 1}}')
    written("WHEATSTONE_SERVER__PORT=2\nWHEATSTONE_SERVER__HOST=dotenv\nWHEATSTONE_COMPRESSION__TIMEOUT=2", ".env")
    monkeypatch.setenv("WHEATSTONE_SERVER__PORT", "3")
    monkeypatch.setenv("WHEATSTONE_SERVER__HOST", "variable")
    settings = configure(None, {"server": {"port": 4, "host": None}})
    assert settings.server.port == 4
    assert settings.server.host == "variable"
    assert settings.compression.timeout == 2
    assert settings.compression.max_workers == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "config.jsonc is not JSON with comments"),
        ("[]", "config.jsonc must hold a table"),
        ('{"server": {"port": "many"}}', r"config.jsonc: server.port: .*\(got 'many'\)"),
        ('{"server": {"port": 70000}}', "config.jsonc: server.port: .*65535"),
        ('{"server": 3}', "config.jsonc: server: "),
    ],
)
def test_a_broken_file_is_told_with_the_place(text: str, told: str) -> None:
    written(text)
    with pytest.raises(BadOptionError, match=told):
        configure(None, {})


def test_a_file_that_is_missing_is_told() -> None:
    with pytest.raises(BadOptionError, match=r"nowhere\.jsonc cannot be read"):
        configure(Path("nowhere.jsonc"), {})


def test_a_flag_that_does_not_fit_is_told_by_its_name() -> None:
    with pytest.raises(BadOptionError, match=r"^--port: .*65535"):
        configure(None, {"server": {"port": 70_000}})


def test_a_key_that_is_no_setting_is_ignored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    written('{"server": {"prot": 1}, "clouds": {"rain": true}}')
    assert configure(None, {}) == Settings()
    assert "server.prot is no setting" in caplog.text
    assert "clouds is no setting" in caplog.text


def test_the_template_holds_every_setting_of_the_server_with_its_default() -> None:
    text = TEMPLATE.read_text()
    defaults = Settings().model_dump(mode="json", exclude={"cache_dir"})
    assert json5.loads(text) == defaults
    for section in set(defaults) - {"mode"}:
        for field in type(getattr(Settings(), section)).model_fields.values():
            assert field.description is not None
            first_words = " ".join(field.description.split()[:4])
            assert first_words in " ".join(re.sub(r"\s*//", " ", text).split())


def test_the_documents_file_works() -> None:
    (example,) = [block for block in blocks(SHARP_API, "jsonc") if "args_template" in block]
    settings = configure(written(example), {})
    assert settings.compression.command == "npx"
    assert settings.compression.args_template[0] == "splat-transform"
    assert settings.storage.db_path == Path("output/sqlite/metadata.db")
