from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from wheatstone.errors import BadOptionError
from wheatstone.logs import start_logging
from wheatstone.settings import Settings

log = logging.getLogger("wheatstone.tests")


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    names = [None, "wheatstone", "uvicorn", "uvicorn.error", "uvicorn.access", "dbos"]
    before = [(it := logging.getLogger(name), it.handlers, it.level, it.propagate) for name in names]
    yield
    logger.remove()
    for one, handlers, level, propagate in before:
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)


class Terminal:
    """What was said on standard error so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def text(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


def failing(text: str) -> None:
    raise ValueError(text)


def settings(**sections: Any) -> Settings:
    return Settings.model_validate(sections)


def test_a_line_tells_when_how_bad_and_where(terminal: Terminal) -> None:
    start_logging(settings())
    log.warning("%s is short", "memory")
    line = terminal.text()
    here = r"wheatstone\.tests:test_a_line_tells_when_how_bad_and_where:\d+"
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d \| WARNING  \| {here} - memory is short\n", line)


def test_the_level_is_that_of_the_settings(terminal: Terminal) -> None:
    start_logging(settings(server={"log_level": "ERROR"}, logging={"level": "DEBUG"}))
    log.debug("fine print")
    assert "DEBUG" in terminal.text()
    start_logging(settings(server={"log_level": "ERROR"}))
    log.warning("unheard")
    assert "unheard" not in terminal.text()


def test_the_trace_of_an_error_is_kept_without_its_values(terminal: Terminal) -> None:
    start_logging(settings())
    private = "private photo"
    try:
        failing(str(len(private)))
    except ValueError:
        log.exception("it failed")
    text = terminal.text()
    assert "ERROR" in text
    assert "Traceback (most recent call last):" in text
    assert "ValueError: 13" in text
    assert "private photo" not in text


def test_lines_of_the_web_server_come_the_same_way(terminal: Terminal) -> None:
    start_logging(settings())
    logging.getLogger("uvicorn.error").error("it broke")
    assert re.search(r"\| ERROR    \| uvicorn\.error:.* - it broke\n$", terminal.text())
    assert terminal.text().count("it broke") == 1


def test_braces_and_marks_of_colour_are_only_text(terminal: Terminal) -> None:
    start_logging(settings())
    log.warning("{x} <red>%s</red>", "{y}")
    assert "{x} <red>{y}</red>" in terminal.text()


def test_secrets_are_starred_out_also_in_traces(terminal: Terminal) -> None:
    start_logging(settings(webhook={"secret": "whsec_hush"}, redis={"url": "redis://:open%20sesame@far.test"}))
    try:
        failing("whsec_hush")
    except ValueError:
        log.exception("cannot reach %s, %s", "redis://:open%20sesame@far.test", "open sesame")
    text = terminal.text()
    assert "hush" not in text
    assert "sesame" not in text
    assert "redis://:***@far.test" in text


def test_the_terminal_can_be_left_alone(terminal: Terminal, tmp_path: Path) -> None:
    start_logging(settings(logging={"console": False, "file": True, "folder": tmp_path}))
    log.warning("quiet")
    assert terminal.text() == ""
    assert "quiet" in today(tmp_path).read_text()


def today(folder: Path) -> Path:
    return folder / f"mlsharp_{datetime.now(UTC).astimezone():%Y%m%d}.log"


def test_no_file_is_written_unless_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    start_logging(settings())
    log.warning("said")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_named_by_its_day_and_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "{new}" / "logs"
    for text in ("first", "second"):
        start_logging(settings(logging={"file": True, "folder": folder}))
        log.info(text)
    assert [path.name for path in folder.iterdir()] == [today(folder).name]
    assert [line.rpartition(" - ")[2] for line in today(folder).read_text().splitlines()] == ["first", "second"]


def test_a_full_file_is_zipped_and_nothing_is_lost(tmp_path: Path) -> None:
    start_logging(settings(logging={"file": True, "folder": tmp_path}), max_bytes=500)
    for number in range(12):
        log.info("line %d äöü", number)
    logger.remove()
    zipped = sorted(tmp_path.glob("*.zip"))
    name = today(tmp_path).name
    assert zipped[-1].name == f"{name}.zip"
    assert [path.name for path in zipped[:-1]] == [
        f"{today(tmp_path).stem}.{number}.log.zip" for number in range(2, len(zipped) + 1)
    ]
    text = ""
    for path in [zipped[-1], *zipped[:-1]]:
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == [name]
            inside = archive.read(name)
            assert len(inside) <= 500
            text += inside.decode()
    text += today(tmp_path).read_text()
    assert [line.rpartition("line ")[2] for line in text.splitlines()] == [f"{number} äöü" for number in range(12)]


def test_a_new_day_is_a_new_file_and_old_ones_go_after_a_week(tmp_path: Path) -> None:
    start_logging(settings(logging={"file": True, "folder": tmp_path}))
    yesterday = datetime(2026, 1, 28, tzinfo=UTC)
    log.info("today")
    logger.remove()
    today(tmp_path).rename(tmp_path / "mlsharp_20260128.log")
    old = tmp_path / "mlsharp_20260120.log.zip"
    other = tmp_path / "thesis.zip"
    for path in (old, other):
        path.write_bytes(b"")
        os.utime(path, (yesterday.timestamp() - 10**9,) * 2)
    code = (
        "import sys, logging; from loguru import logger; import loguru._file_sink as sink\n"
        "from pathlib import Path; from wheatstone.logs import start_logging; from wheatstone.settings import *\n"
        "paths = iter([sys.argv[1] + '/mlsharp_20260128.log'])\n"
        "create = sink.FileSink._create_path\n"
        "sink.FileSink._create_path = lambda self: next(paths, None) or create(self)\n"
        "settings = Settings.model_validate({'logging': {'file': True, 'folder': sys.argv[1]}})\n"
        "start_logging(settings); logging.getLogger('wheatstone').info('a day later')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["mlsharp_20260128.log.zip", today(tmp_path).name, "thesis.zip"]
    )
    assert "a day later" in today(tmp_path).read_text()


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadOptionError, match=r"logging\.folder: .*cannot be written to"):
        start_logging(settings(logging={"file": True, "folder": tmp_path / "file" / "logs"}))
