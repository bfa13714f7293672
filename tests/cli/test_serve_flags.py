"""What the flags of `wheatstone serve` set; nothing listens here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Command
from tests.documents import MLSHARP, text
from wheatstone import logs
from wheatstone.server import listener
from wheatstone.settings import Settings, value_of

LATER = re.compile("--(enable|no)-(auto-tune|auto-gc|smart-reclaim)|--auto-gc-(interval|threshold)")
"""Flags of what does not exist yet: not accepted, so that nobody thinks that they do something."""


@dataclass
class Served:
    """What a server was started with."""

    settings: Settings
    browser: bool
    clear_cache: bool


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Served]:
    """All that was started."""
    found: list[Served] = []

    def serve(settings: Settings, _announce: object, **options: Any) -> None:
        found.append(Served(settings, **options))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(listener, "serve", serve)
    monkeypatch.setattr(logs, "start_logging", lambda _settings: None)
    return found


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--mode cpu", {"mode": "cpu"}),
        ("-m nvidia", {"mode": "nvidia"}),
        ("--port 8080", {"server.port": 8080}),
        ("-p 8080 --host 0.0.0.0", {"server.port": 8080, "server.host": "0.0.0.0"}),  # noqa: S104
        ("--input-size 1024 1024", {"inference.input_size": (1024, 1024)}),
        ("--no-browser", {"browser.auto_open": False}),
        ("", {"browser.auto_open": True, "cache.enabled": True, "gpu.enable_amp": True}),
        ("--no-amp", {"gpu.enable_amp": False}),
        ("--no-cudnn-benchmark", {"gpu.enable_cudnn_benchmark": False}),
        ("--gradient-checkpointing", {"optimization.gradient_checkpointing": True}),
        ("--no-cache", {"cache.enabled": False}),
        ("--enable-cache --cache-size 200", {"cache.enabled": True, "cache.size": 200}),
        ("--redis-url redis://far.test/1", {"redis.enabled": True, "redis.url": "redis://far.test/1"}),
        ("--enable-webhook", {"webhook.enabled": True}),
        ("--log-level debug", {"logging.level": "DEBUG"}),
    ],
)
def test_a_flag_sets_its_setting(
    flags: str, expected: dict[str, object], command: Command, served: list[Served]
) -> None:
    result = command("serve", *flags.split())
    assert result.code == 0, result.err
    settings = served[0].settings
    assert {name: value_of(settings, name) for name in expected} == expected


def test_a_mode_that_is_none_is_refused_with_those_that_are(command: Command, served: list[Served]) -> None:
    result = command("serve", "-m", "fast")
    assert result.code == 2
    assert "fast" in result.err
    assert "nvidia" in result.err
    assert served == []


def test_a_flag_beats_the_file(command: Command, served: list[Served]) -> None:
    Path("mine.yaml").write_text("server: {port: 8000, log_level: ERROR}\ncache: {enabled: false}\n")
    command("serve", "-c", "mine.yaml", "--port", "8080", "--enable-cache")
    assert served[0].settings.server.port == 8080
    assert served[0].settings.server.log_level == "ERROR"
    assert served[0].settings.cache.enabled


def test_what_is_not_a_setting_is_passed_on(command: Command, served: list[Served]) -> None:
    Path("config.yaml").write_text("browser: {auto_open: false}\n")
    command("serve", "--clear-cache")
    command("serve", "--browser")
    assert [(one.browser, one.clear_cache) for one in served] == [(False, True), (True, False)]


def test_flags_of_the_document_are_accepted_if_they_do_something(command: Command, served: list[Served]) -> None:
    table = re.findall(r"^\| `(--[\w-]+)` +\| +(?:`(-\w)`)? +\| (\S+) ", text(MLSHARP), re.MULTILINE)
    assert len(table) == 21
    values = {"--mode": ["auto"], "--host": ["::1"], "--input-size": ["512", "512"], "--redis-url": ["redis://a"]}
    for long, short, kind in table:
        given = [] if kind == "flag" else values.get(long, ["7"])
        if long == "--config":
            Path("7").write_text("{}")
        for flag in filter(None, (long, short)):
            assert command("serve", flag, *given).code == (2 if LATER.fullmatch(long) else 0), flag
