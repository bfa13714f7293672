from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.documents import MLSHARP, SHARP_API, blocks
from wheatstone.configuration import configure, read, resolve, template
from wheatstone.errors import BadOptionError
from wheatstone.settings import Settings

OTHER_NAMES = [
    "SERVER_HOST",
    "SERVER_PORT",
    "LOG_LEVEL",
    "OUTPUT_DIR",
    "MAX_UPLOAD_SIZE_MB",
    "ENABLE_METRICS",
    "METRICS_PORT",
]
TEMPLATE = Path(__file__).parent.parent.parent / "config.template.jsonc"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WHEATSTONE_")] + OTHER_NAMES:
        monkeypatch.delenv(name, raising=False)


def written(text: str, name: str = "config.jsonc") -> Path:
    Path(name).write_text(text)
    return Path(name)


def test_without_anything_the_defaults_hold() -> None:
    assert configure(None, {}) == Settings()


@pytest.mark.parametrize("name", ["config.yaml", "config.jsonc", "config.json"])
def test_a_file_in_the_working_folder_is_found(name: str) -> None:
    written('{"server": {"port": 1234}}', name)
    assert configure(None, {}).server.port == 1234


def test_of_several_files_yaml_comes_first_and_plain_json_last() -> None:
    for port, name in enumerate(["config.json", "config.jsonc", "config.yaml"]):
        written(f'{{"server": {{"port": {port}}}}}', name)
        assert configure(None, {}).server.port == port


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


def test_the_template_beside_the_readme_is_what_config_init_writes() -> None:
    assert TEMPLATE.read_text(encoding="utf-8") == template(yaml=False)


@pytest.mark.parametrize("yaml", [False, True])
def test_the_template_holds_every_setting_of_the_server_with_its_default(*, yaml: bool) -> None:
    path = written(template(yaml=yaml), "config.yaml" if yaml else "config.jsonc")
    assert read(path) == Settings().model_dump(mode="json", exclude={"cache_dir"})


def test_the_documents_file_works() -> None:
    (example,) = [block for block in blocks(SHARP_API, "jsonc") if "args_template" in block]
    settings = configure(written(example), {})
    assert settings.compression.command == "npx"
    assert settings.compression.args_template[0] == "splat-transform"
    assert settings.storage.db_path == Path("output/sqlite/metadata.db")


@pytest.mark.parametrize(("language", "name"), [("yaml", "config.yaml"), ("json", "config.json")])
def test_the_files_of_mlsharp_work_without_a_warning(
    language: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    (example,) = [block for block in blocks(MLSHARP, language) if "timeout_keep_alive" in block]
    path = written(example, name)
    settings = configure(path, {})
    assert not caplog.records
    assert settings.model.checkpoint_path == Path("model_assets/sharp_2572gikvuh.pt")
    assert settings.logging.level == "INFO"
    assert settings.redis.prefix == "mlsharp"
    assert settings.performance.max_requests == 1000
    assert settings.mode == "auto"


def test_every_example_of_yaml_settings_in_the_document_works(caplog: pytest.LogCaptureFixture) -> None:
    examples = [block for block in blocks(MLSHARP, "yaml") if "# config.yaml" in block]
    assert len(examples) >= 4
    for example in examples:
        configure(written(example, "example.yaml"), {})
    assert not caplog.records


def test_a_checkpoint_goes_by_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    path = written("model: {checkpoint: a.pt}", "config.yaml")
    assert configure(path, {}).model.checkpoint_path == Path("a.pt")
    monkeypatch.setenv("WHEATSTONE_MODEL__CHECKPOINT", "b.pt")
    assert configure(path, {}).model.checkpoint_path == Path("b.pt")
    monkeypatch.setenv("WHEATSTONE_MODEL__CHECKPOINT_PATH", "c.pt")
    assert configure(path, {}).model.checkpoint_path == Path("c.pt")


@pytest.mark.parametrize(
    ("variables", "name", "value"),
    [
        ({"SERVER_HOST": "::1"}, "server.host", "::1"),
        ({"SERVER_PORT": "1", "WHEATSTONE_SERVER__PORT": "2"}, "server.port", "2"),
        ({"OUTPUT_DIR": "/data"}, "storage.output_dir", "/data"),
        ({"OUTPUT_DIR": ""}, "storage.output_dir", "output/results"),
        ({"MAX_UPLOAD_SIZE_MB": "7"}, "pictures.max_bytes", "7000000"),
        ({"LOG_LEVEL": "debug"}, "logging.level", "DEBUG"),
        ({"ENABLE_METRICS": "true"}, "monitoring.port", "9090"),
        ({"ENABLE_METRICS": "1", "METRICS_PORT": "9191"}, "monitoring.port", "9191"),
        ({"ENABLE_METRICS": "False", "METRICS_PORT": "9191"}, "monitoring.port", "None"),
        ({"METRICS_PORT": "9191"}, "monitoring.port", "None"),
    ],
)
def test_variables_of_other_programs_are_heeded(
    variables: dict[str, str], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, text in variables.items():
        monkeypatch.setenv(variable, text)
    section, key = name.split(".")
    assert str(getattr(getattr(configure(None, {}), section), key)) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [("SERVER_PORT", "tcp://10.0.0.1:80"), ("LOG_LEVEL", "loud"), ("ENABLE_METRICS", "often")],
)
def test_a_variable_of_another_program_that_does_not_fit_is_told_by_its_name(
    variable: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(BadOptionError, match=f"^{variable}: "):
        configure(None, {})


def test_a_secret_that_does_not_fit_is_not_told() -> None:
    written('{"webhook": {"secret": 271828}}')
    with pytest.raises(BadOptionError, match=r"webhook\.secret: ") as caught:
        configure(None, {})
    assert "271828" not in str(caught.value)


def test_each_setting_is_known_to_come_from_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    path = written("server: {port: 1, host: a}\nmodel: {checkpoint: a.pt}\nmode: cpu", "config.yaml")
    monkeypatch.setenv("SERVER_HOST", "b")
    found = resolve(path, {"logging": {"level": "INFO"}}, flag_names={"logging.level": "--log-level"})
    assert found.origins == {
        "server.port": "config.yaml",
        "server.host": "SERVER_HOST",
        "model.checkpoint_path": "config.yaml",
        "mode": "config.yaml",
        "logging.level": "--log-level",
    }


@pytest.mark.parametrize("name", ["new.yaml", "new.jsonc"])
def test_a_new_file_holds_every_default(name: str, caplog: pytest.LogCaptureFixture) -> None:
    path = written(template(yaml=name.endswith("yaml")), name)
    assert configure(path, {}) == Settings()
    assert read(path) == Settings().model_dump(mode="json", exclude={"cache_dir"})
    assert not caplog.records
