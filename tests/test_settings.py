from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from wheatstone.errors import BadOptionError
from wheatstone.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def no_settings_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("WHEATSTONE_")]:
        monkeypatch.delenv(name)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def test_without_variables_the_defaults_hold() -> None:
    settings = Settings()
    assert settings.pictures.max_pixels == 60_000_000
    assert not settings.checkpoints.offline
    assert settings.egress.allow_private == ()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("CACHE_DIR", "/elsewhere", lambda settings: settings.cache_dir == Path("/elsewhere")),
        ("PICTURES__MAX_BYTES", "20000000", lambda settings: settings.pictures.max_bytes == 20_000_000),
        ("CHECKPOINTS__OFFLINE", "true", lambda settings: settings.checkpoints.offline),
        (
            "CHECKPOINTS__LOCAL",
            '{"u2netp": "/mine.onnx"}',
            lambda settings: settings.checkpoints.local == {"u2netp": Path("/mine.onnx")},
        ),
        (
            "EGRESS__ALLOW_PRIVATE",
            '["10.0.0.0/8", "fd00::/8"]',
            lambda settings: settings.egress.allow_private == (ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
        ),
        (
            "EGRESS__ALLOW_PRIVATE",
            "10.0.0.0/8, fd00::/8",
            lambda settings: settings.egress.allow_private == (ip_network("10.0.0.0/8"), ip_network("fd00::/8")),
        ),
        ("STORAGE__KEEP_PLY", "true", lambda settings: settings.storage.keep_ply),
        ("COMPRESSION__TIMEOUT", "7", lambda settings: settings.compression.timeout == 7),
    ],
)
def test_every_setting_has_a_variable(
    name: str, value: str, expected: Callable[[Settings], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"WHEATSTONE_{name}", value)
    assert expected(load_settings())


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("WHEATSTONE_PICTURES__MAX_BYTES", "many", "WHEATSTONE_PICTURES__MAX_BYTES: .*'many'"),
        ("WHEATSTONE_PICTURES__MAX_PIXELS", "0", "WHEATSTONE_PICTURES__MAX_PIXELS: .*greater than 0"),
        ("WHEATSTONE_EGRESS__ALLOW_PRIVATE", '["10.0.0.0/99"]', "WHEATSTONE_EGRESS__ALLOW_PRIVATE: .*network"),
        ("WHEATSTONE_EGRESS__ALLOW_PRIVATE", "[10.0.0.0/8", "WHEATSTONE_EGRESS__ALLOW_PRIVATE is not JSON"),
        ("WHEATSTONE_CHECKPOINTS__LOCAL", "mine.onnx", "WHEATSTONE_CHECKPOINTS__LOCAL is not JSON"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_its_variable(
    name: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadOptionError, match=reason):
        load_settings()


def test_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    monkeypatch.setenv("WHEATSTONE_CACHE_DIR", "/elsewhere")
    assert load_settings() is before
