from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wheatstone import compiled
from wheatstone.compiled import map_chunks, run_chunks, thread_count


def test_numba_is_not_imported_before_a_kernel_is_called() -> None:
    script = "import sys, wheatstone.splats.formats; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


USE_A_KERNEL = """
from wheatstone.compiled import kernel

@kernel
def twice(x):
    return 2 * x

print(twice(21))
"""


def run_kernel(folder: Path, **environment: str) -> str:
    """What a fresh process prints that compiles a kernel."""
    script = folder / "script.py"
    script.write_text(USE_A_KERNEL)
    return subprocess.run(
        [sys.executable, str(script)], env=os.environ | environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_compiled_code_is_kept_in_our_cache_folder(tmp_path: Path) -> None:
    assert run_kernel(tmp_path, WHEATSTONE_CACHE_DIR=str(tmp_path / "cache")) == "42"
    assert list((tmp_path / "cache" / "compiled").rglob("*.nbi"))


def test_without_a_folder_to_write_to_kernels_work_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    only_our_folder = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    assert run_kernel(tmp_path, WHEATSTONE_CACHE_DIR=str(tmp_path / "file"), **only_our_folder) == "42"


@given(st.integers(0, 200), st.integers(1, 50), st.integers(1, 4))
@settings(max_examples=50)
def test_every_item_is_worked_on_once_in_chunks_that_threads_do_not_change(
    total: int, chunk: int, threads: int
) -> None:
    calls: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "thread_count", lambda: threads)
        run_chunks(lambda start, stop: calls.append((start, stop)), total, chunk)
    assert sorted(calls) == [(start, min(start + chunk, total)) for start in range(0, total, chunk)]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_a_chunk_is_raised_and_the_rest_left_out(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "thread_count", lambda: threads)
    begun = []

    def work(start: int, stop: int) -> None:
        begun.append(start)
        if start == 0:
            raise ValueError("bad chunk")
        time.sleep(0.005)

    with pytest.raises(ValueError, match="bad chunk"):
        run_chunks(work, 1000, 1)
    assert len(begun) < 1000


@pytest.mark.parametrize("threads", [1, 3])
def test_parts_come_in_order_and_few_wait(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "thread_count", lambda: threads)
    made: list[int] = []

    def work(start: int, stop: int) -> tuple[int, int]:
        made.append(start)
        return start, stop

    for taken, part in enumerate(map_chunks(work, 95, 10)):
        assert part == (10 * taken, min(10 * taken + 10, 95))
        assert len(made) <= taken + 1 + threads
    assert len(made) == 10


def test_an_error_in_a_part_is_raised_where_it_would_be_taken() -> None:
    parts = map_chunks(lambda start, _stop: 1 // (20 - start), 40, 10)
    assert [next(parts), next(parts)] == [0, 0]
    with pytest.raises(ZeroDivisionError):
        next(parts)


def test_there_is_always_a_thread() -> None:
    assert thread_count() >= 1


def test_the_first_compilation_is_announced_once_and_a_cached_run_is_silent(tmp_path: Path) -> None:
    script = (
        "import logging\nlogging.basicConfig(level=logging.INFO, format='%(message)s')\n"
        "import numpy as np\n"
        "from wheatstone.splats.sh import basis_at\n"
        "basis_at(np.array([[0.0, 0.0, 1.0]], np.float32), 1)\n"
    )
    environment = {**os.environ, "WHEATSTONE_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        ).stderr
        for _ in range(2)
    )
    assert first.count("compiling for this processor") == 1
    assert second == ""
