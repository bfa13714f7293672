from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wheatstone.locks import lock

HOLD = """
import sys, time
from pathlib import Path
from wheatstone.locks import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    inside = 0
    most_inside = 0

    def work() -> None:
        nonlocal inside, most_inside
        for _turn in range(3):
            with lock(tmp_path / "lock"):
                inside += 1
                most_inside = max(most_inside, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most_inside == 1


def test_another_process_waits_and_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    entered = threading.Event()

    def enter() -> None:
        with lock(path):
            entered.set()

    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.3)
        holder.kill()
        assert entered.wait(10)
        thread.join()


def test_an_error_inside_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyError), lock(tmp_path / "lock"):
        raise KeyError
    with lock(tmp_path / "lock"):
        pass
