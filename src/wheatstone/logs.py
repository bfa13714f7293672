"""What the server logs: lines on the terminal and, if asked for, in files that are kept for a week.

All code logs through `logging`; here it is handed to loguru, which colours, rotates and deletes. Only the server's
own process calls this: what its children say reaches it as lines, so no file has two writers.
"""

from __future__ import annotations

import itertools
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from zipfile import ZIP_DEFLATED, ZipFile

from loguru import logger

from wheatstone.errors import BadOptionError, reason
from wheatstone.files import atomic_write
from wheatstone.settings import Settings, secrets_of

if TYPE_CHECKING:
    from loguru import Message, Record

_FORMAT = (
    "<green>{time:YYYY-MM-DD HH:mm:ss}</green> | <level>{level: <8}</level> | "
    "<cyan>{name}:{function}:{line}</cyan> - <level>{message}</level>"
)
_NAME = "mlsharp_{time:YYYYMMDD}.log"
_DAY = "YYYYMMDD"
_MAX_BYTES = 10_000_000
_KEPT = "7 days"
_OTHERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "dbos")
"""Loggers of others that would keep lines to themselves."""


def start_logging(settings: Settings, *, max_bytes: int = _MAX_BYTES) -> None:
    """Log as the settings say, from now on; what was set up before is undone.

    Args:
        settings: of the server; secrets in them are starred out wherever they turn up in a line.
        max_bytes: size at which a file is zipped and a new one begun, as at midnight.

    Raises:
        BadOptionError: the folder for files cannot be written to.
    """
    level = settings.logging.level or settings.server.log_level
    logger.remove()
    if settings.logging.console:
        logger.add(sys.stderr, level=level, format=_FORMAT, backtrace=False, diagnose=False)
    if settings.logging.file:
        _add_files(settings.logging.folder, level, max_bytes)
    handler = _ToLoguru(secrets_of(settings))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    ours = logging.getLogger("wheatstone")
    ours.handlers = []
    ours.setLevel(level)
    for name in _OTHERS:
        other = logging.getLogger(name)
        other.handlers = [handler]
        other.propagate = False
        other.setLevel(logging.WARNING)


def _add_files(folder: Path, level: str, max_bytes: int) -> None:
    def is_over(message: Message, file: TextIO) -> bool:
        size_bytes = file.seek(0, 2)
        is_full = size_bytes > 0 and size_bytes + len(message.encode()) > max_bytes
        return is_full or f"{message.record['time']:{_DAY}}" not in Path(file.name).name

    name = str(folder).replace("{", "{{").replace("}", "}}")
    try:
        logger.add(
            str(Path(name, _NAME)),
            level=level,
            format=_FORMAT,
            colorize=False,
            backtrace=False,
            diagnose=False,
            rotation=is_over,
            compression=_zip,
            retention=_KEPT,
            encoding="utf-8",
        )
    except OSError as error:
        raise BadOptionError(f"logging.folder: {folder} cannot be written to: {reason(error)}.") from error


def _zip(path: str) -> None:
    """Put a file that is over into `mlsharp_20260128.log.zip`; a day's further ones are numbered."""
    log = Path(path)
    day = log.name.partition(".")[0]
    names = itertools.chain([f"{day}.log.zip"], (f"{day}.{number}.log.zip" for number in itertools.count(2)))
    target = next(file for file in map(log.with_name, names) if not file.exists())
    with atomic_write(target) as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.write(log, f"{day}.log")
    log.unlink()


class _ToLoguru(logging.Handler):
    """Hands lines on, with where they come from and the trace of an error; traces show code, never values."""

    def __init__(self, secrets: frozenset[str]) -> None:
        super().__init__()
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self._formatter.format(record)
        except (TypeError, ValueError):  # arguments that do not fit the message; `logging` tells where
            self.handleError(record)
            return
        for secret in self._secrets:
            text = text.replace(secret, "***")
        logger.patch(lambda line: _place(line, record)).log(_level(record), text)


def _place(line: Record, record: logging.LogRecord) -> None:
    line["name"], line["function"], line["line"] = record.name, record.funcName, record.lineno


def _level(record: logging.LogRecord) -> str | int:
    try:
        return logger.level(record.levelname).name
    except ValueError:
        return record.levelno
