"""Runs the `wheatstone` command in this process and catches what it prints."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from wheatstone.cli import main


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str


class Command:
    """Calls the command line with arguments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Result:
        self._monkeypatch.setenv("COLUMNS", "300")
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Result(int(stopped.value.code or 0), captured.out, captured.err)
