from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bench import hostile
from bench.hostile.inputs import CASES, hostile_input, whole_inputs
from bench.hostile.judge import Outcome, judge

SHARE = 1 / 20


@pytest.mark.slow
def test_hostile_files_are_read_or_refused_in_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the bytes of findings are kept
    figures = hostile.campaign(SHARE)
    assert figures["findings"] == []
    assert figures["inputs"] == 6225
    assert all(outcomes["read"] > 0 < outcomes["refused"] for outcomes in figures["outcomes"].values())


@pytest.mark.parametrize("kind", CASES)
def test_the_files_that_hostile_ones_are_made_from_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"it.{kind.lower()}"
    outcomes = set()
    for content in whole_inputs(kind):
        path.write_bytes(content)
        outcomes.add(judge(path))
    assert (Outcome.READ, "") in outcomes
    assert outcomes <= {(Outcome.READ, ""), (Outcome.REFUSED, "")}  # TIFF of Lab and floating-point pixels


@pytest.mark.parametrize("kind", CASES)
def test_an_input_is_the_same_whenever_it_is_made(kind: str) -> None:
    before = [hostile_input(kind, number) for number in range(50)]
    assert [hostile_input(kind, number) for number in reversed(range(50))][::-1] == before
    assert len(set(before)) > 40


def test_inputs_are_the_same_in_every_process() -> None:
    code = "import sys; from bench.hostile.inputs import hostile_input as make; "
    code += "sys.stdout.write(str([make(kind, 7) for kind in sys.argv[1:]]))"
    command = [sys.executable, "-W", "ignore", "-c", code, *CASES]
    text = subprocess.check_output(command, text=True, cwd=Path(__file__).parents[1])
    assert text == str([hostile_input(kind, 7) for kind in CASES])
