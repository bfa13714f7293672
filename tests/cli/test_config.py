from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.command import Command
from wheatstone.configuration import read


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WHEATSTONE_")]:
        monkeypatch.delenv(name)


def test_a_setting_is_set_in_a_new_file(command: Command) -> None:
    assert command("config", "set", "server.port", "8080").code == 0
    assert read(Path("config.yaml")) == {"server": {"port": 8080}}


def test_a_setting_is_set_in_the_file_that_is_here(command: Command) -> None:
    Path("config.jsonc").write_text('{"mode": "gpu" /* fast */}')
    assert command("config", "set", "mode", "cpu").code == 0
    assert Path("config.jsonc").read_text() == '{"mode": "cpu" /* fast */}'


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("server.allowed_hosts", "a,b", ["a", "b"]),
        ("checkpoints.local", '{"u2netp": "/a.onnx"}', {"u2netp": "/a.onnx"}),
        ("storage.keep_ply", "yes", True),
        ("storage.max_bytes", "null", None),
        ("webhook.secret", "whsec_abc", "whsec_abc"),
        ("auth.api_keys", "one-key, another", ["one-key", "another"]),
        ("inference.input_size", "512,512", [512, 512]),
    ],
)
def test_values_are_written_in_their_own_kind(name: str, text: str, value: object, command: Command) -> None:
    assert command("config", "set", name, text, "--config", "mine.json").code == 0
    section, key = name.split(".")
    assert read(Path("mine.json")) == {section: {key: value}}


def test_a_setting_keeps_the_name_it_has_in_the_file(command: Command) -> None:
    Path("config.yaml").write_text("model:\n  checkpoint: a.pt  # ours\n")
    assert command("config", "set", "model.checkpoint", "b.pt").code == 0
    assert Path("config.yaml").read_text() == 'model:\n  checkpoint: "b.pt"  # ours\n'


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("server.prot", "1", "server.prot is no setting"),
        ("server", "1", "server is no setting"),
        ("server.port", "many", "server.port: "),
        ("cache.size", "null", "cache.size: "),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_is_written(
    name: str, text: str, told: str, command: Command
) -> None:
    result = command("config", "set", name, text)
    assert result.code == 2
    assert told in result.err
    assert not Path("config.yaml").exists()


def test_all_settings_are_shown_with_where_they_come_from(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("config.yaml").write_text("server: {port: 81}")
    monkeypatch.setenv("WHEATSTONE_CACHE__SIZE", "7")
    lines = command("config", "show").out.splitlines()
    assert "server.port = 81  (config.yaml)" in lines
    assert "cache.size = 7  (WHEATSTONE_CACHE__SIZE)" in lines
    assert "storage.keep_ply = false  (default)" in lines


def test_secrets_are_not_shown(command: Command) -> None:
    Path("config.yaml").write_text(
        "webhook: {secret: whsec_hushhush, task_failed: 'https://me:mellon@far.test/x'}\n"
        "redis: {url: 'redis://:open%20sesame@far.test'}\n"
        "auth: {api_keys: [alohomora, ecce]}"
    )
    shown = command("config", "show").out
    for secret in ("hushhush", "mellon", "sesame", "alohomora", "ecce"):
        assert secret not in shown
    assert "redis.url = redis://:***@far.test" in shown


@pytest.mark.parametrize("name", ["config.yaml", "deep/config.jsonc"])
def test_a_file_with_everything_is_written_once(name: str, command: Command) -> None:
    assert command("config", "init", name).code == 0
    assert read(Path(name))["server"]["port"] == 8000
    assert "exists already" in command("config", "init", name).err
    assert command("config", "init", name, "--overwrite").code == 0
