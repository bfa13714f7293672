from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from wheatstone.cancellation import Cancellation
from wheatstone.errors import (
    BadPictureError,
    CancelledError,
    ChildCrashedError,
    ModelFailedError,
    ModelUnavailableError,
    TimeLimitError,
)
from wheatstone.models.foreign import Environment, ForeignModel
from wheatstone.models.roles import Part
from wheatstone.stages import Stages

ECHO = """
import os, tempfile

def load(options, run):
    run.progress("load", 0.5)
    def reconstruct(arguments, data, run):
        tempfile.mkstemp()
        with run.stage("work"):
            run.part("first", data)
        run.part("second", (options["greeting"] + arguments["name"]).encode())
    return reconstruct
"""

Make = Callable[..., ForeignModel]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes models of adapters; they are closed after the test."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    made: list[ForeignModel] = []

    def make(
        adapter: str, *, python: str = sys.executable, timeout_s: float = 60, **variables: str
    ) -> ForeignModel:
        file = tmp_path / f"adapter{len(made)}.py"
        file.write_text(adapter)
        environment = Environment(Path(python), file, variables)
        options = {"greeting": "hello "}
        model = ForeignModel("echo", environment, options, load_timeout_s=60, silence_timeout_s=timeout_s)
        made.append(model)
        return model

    yield make
    for model in made:
        model.close()


def working(*lines: str) -> str:
    """An adapter whose work is these lines."""
    body = "\n        ".join(lines)
    return f"""
import os, signal, sys, time

def load(options, run):
    def reconstruct(arguments, data, run):
        {body}
    return reconstruct
"""


def saying(frame: str) -> list[str]:
    """Lines of an adapter that put this on the pipe."""
    return [
        "cells = [cell.cell_contents for cell in run._send.__closure__]",
        "answers = next(cell.fileno() for cell in cells if hasattr(cell, 'fileno'))",
        f"os.write(answers, b'\\x1e' + {frame!r}.encode() + b'\\n')",
    ]


def run(model: ForeignModel, stages: Stages | None = None) -> list[Part]:
    return list(model.run({"name": "you"}, b"\x00\xff", stages or Stages()))


def test_parts_and_stages_come_from_elsewhere(make: Make) -> None:
    heard: list[tuple[str, float]] = []
    stages = Stages(lambda stage, fraction: heard.append((stage, fraction)))
    assert run(make(ECHO), stages) == [Part("first", b"\x00\xff"), Part("second", b"hello you")]
    assert list(dict.fromkeys(heard)) == [("load", 0), ("load", 0.5), ("load", 1), ("work", 0), ("work", 1)]
    assert list(stages.seconds) == ["load", "work"]


def test_loading_tells_how_far_it_is_and_is_done_once(make: Make) -> None:
    model = make(ECHO)
    told: list[float] = []
    model.load(told.append)
    assert 0.5 in told
    model.load(lambda fraction: pytest.fail("loaded twice"))


def test_a_large_part_arrives_whole(make: Make) -> None:
    [part] = run(make(working("run.part('big', bytes(range(256)) * 200_000)")))
    assert part.data == bytes(range(256)) * 200_000


def test_temporary_files_go_with_the_process(make: Make, tmp_path: Path) -> None:
    model = make(ECHO)
    run(model)
    assert list((tmp_path / "scratch").glob("wheatstone-echo-*/tmp*"))
    model.close()
    assert not list((tmp_path / "scratch").iterdir())


def test_what_is_meant_for_us_does_not_reach_it(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEATSTONE_WEBHOOK__SECRET", "whsec_c2VjcmV0")
    monkeypatch.setenv("API_KEYS", "open-sesame")
    monkeypatch.setenv("PYTHONPATH", "/ours")
    monkeypatch.setenv("THEIRS", "kept")
    model = make(
        working(
            "run.part('names', ' '.join(os.environ).encode())", "run.part('path', os.environ['PATH'].encode())"
        ),
        MORE="given",
    )
    names, path = (part.data.decode() for part in run(model))
    assert {"THEIRS", "MORE", "TMPDIR"} <= set(names.split())
    assert not {"WHEATSTONE_WEBHOOK__SECRET", "API_KEYS", "PYTHONPATH"} & set(names.split())
    assert path.startswith(str(Path(sys.executable).parent))


def test_no_file_beside_the_protocol_hides_a_module_of_the_model(make: Make) -> None:
    [part] = run(make(working("run.part('path', ':'.join(sys.path).encode())")))
    assert "wheatstone/models/foreign" not in part.data.decode()


def test_prints_are_logged(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert run(make(working("print('to be seen')", "os.write(1, b'raw\\n')"))) == []
    model = make(ECHO)
    run(model)
    assert "to be seen" in caplog.text
    assert "raw" in caplog.text


def test_an_adapters_own_error_is_told_by_its_code(make: Make) -> None:
    model = make(working("error = ValueError('Too dark')", "error.wheatstone_code = 'bad-picture'", "raise error"))
    with pytest.raises(BadPictureError, match=r"^Too dark\.$"):
        run(model)


def test_the_model_survives_its_own_errors(make: Make) -> None:
    model = make(working("run.part(arguments['name'], data) if data else 1 / 0"))
    with pytest.raises(ModelFailedError, match="ZeroDivisionError"):
        list(model.run({"name": "you"}, b"", Stages()))
    stages = Stages()
    assert run(model, stages) == [Part("you", b"\x00\xff")]
    assert "load" not in stages.seconds


def test_progress_ends_a_cancelled_run_even_where_errors_are_swallowed(make: Make) -> None:
    model = make(
        working(
            "while True:",
            "    try:",
            "        run.progress('work', 0.5)",
            "        time.sleep(0.01)",
            "    except Exception:",
            "        pass",
        )
    )
    cancellation = Cancellation()
    stages = Stages(lambda stage, _fraction: cancellation.cancel() if stage == "work" else None, cancellation)
    with pytest.raises(CancelledError):
        run(model, stages)
    assert model._process is not None
    assert model._process.is_alive


def test_what_a_killed_model_has_started_is_killed_too(make: Make) -> None:
    model = make(
        working(
            "import subprocess",
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'])",
            "run.part('pid', str(child.pid).encode())",
            "time.sleep(3600)",
        )
    )
    parts = model.run({}, b"", Stages())
    started = psutil.Process(int(next(parts).data))
    parts.close()  # type: ignore[attr-defined]
    psutil.wait_procs([started], timeout=30)
    assert not started.is_running() or started.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    ("line", "how"),
    [("os._exit(3)", "exit code 3"), ("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL")],
)
def test_a_crash_is_told_and_the_next_call_starts_anew(make: Make, line: str, how: str) -> None:
    model = make(working(f"{line} if not data else run.part('fine', data)"))
    with pytest.raises(ChildCrashedError, match=how):
        list(model.run({}, b"", Stages()))
    assert run(model) == [Part("fine", b"\x00\xff")]


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
def test_a_crash_is_told_even_if_a_worker_of_the_model_lives_on(make: Make) -> None:
    model = make(
        working(
            "worker = os.fork()",
            "if worker == 0:",
            "    time.sleep(3600)",
            "run.part('worker', str(worker).encode())",
            "os._exit(3)",
        )
    )
    parts = model.run({}, b"", Stages())
    worker = psutil.Process(int(next(parts).data))
    try:
        with pytest.raises(ChildCrashedError, match="exit code 3"):
            next(parts)
    finally:
        worker.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is stopped there")
def test_a_process_that_does_not_even_read_is_ended(make: Make) -> None:
    model = make(working("pass"), timeout_s=1)
    assert list(model.run({}, b"", Stages())) == []
    assert model._process is not None
    psutil.Process(model._process._process.pid).suspend()
    with pytest.raises(TimeLimitError, match="was silent"):
        list(model.run({}, bytes(10_000_000), Stages()))


def test_what_a_call_says_after_its_end_is_not_taken_for_the_next_ones(make: Make) -> None:
    model = make(
        working(
            "import threading",
            "if data:",
            "    threading.Timer(0.2, run.part, ['late', data]).start()",
            "else:",
            "    time.sleep(1)",
            "    run.part('own', b'')",
        )
    )
    assert run(model) == []
    assert list(model.run({}, b"", Stages())) == [Part("own", b"")]


def test_whole_numbers_are_progress_too(make: Make) -> None:
    reports: list[tuple[str, float]] = []
    frame = '{"kind": "progress", "stage": "work", "fraction": 1}'
    run(make(working(*saying(frame))), Stages(lambda stage, fraction: reports.append((stage, fraction))))
    assert reports[-1] == ("work", 1.0)


def test_progress_is_a_sign_of_life(make: Make) -> None:
    model = make(
        working("for step in range(10):", "    time.sleep(0.3)", "    run.progress('work', step / 10)"),
        timeout_s=2,
    )
    assert run(model) == []


def test_silence_ends_it(make: Make) -> None:
    model = make(working("print('still here', flush=True)", "time.sleep(3600)"), timeout_s=1)
    with pytest.raises(TimeLimitError, match="The model echo was silent for 1 s"):
        run(model)


@pytest.mark.parametrize(
    "frame",
    [
        "not json",
        "[" * 100_000,
        '{"kind": "riddle"}',
        '{"kind": "part"}',
        '{"kind": "done", "seconds": {"work": "long"}}',
    ],
)
def test_riddles_end_it(make: Make, frame: str) -> None:
    model = make(working(*saying(frame), "time.sleep(3600)"))
    with pytest.raises(ModelFailedError, match="cannot be understood"):
        run(model)


def test_an_interpreter_that_is_not_there_is_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match=r"The model echo cannot be started: .*nowhere: No such file"):
        run(make(ECHO, python=str(tmp_path / "nowhere")))


def test_an_adapter_with_a_mistake_is_told(make: Make) -> None:
    with pytest.raises(ModelFailedError, match="SyntaxError"):
        run(make("def load(:"))
