"""Models in child processes: warm, killable, replaced; plug-in models for tests do what real ones should not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.models.photos import photo
from tests.pictures.files import encoded
from wheatstone.cancellation import Cancellation
from wheatstone.errors import BadPictureError, CancelledError, ChildCrashedError, ModelFailedError
from wheatstone.executors import InlineExecutor
from wheatstone.executors.local import LocalExecutor, evict
from wheatstone.pictures import Photo
from wheatstone.settings import CheckpointSettings, Settings
from wheatstone.stages import Stages

PHOTO = Photo(encoded(photo("coffee.png", 100), "PNG"), "cup.png")


@pytest.fixture
def settings() -> Settings:
    return Settings(checkpoints=CheckpointSettings(offline=True))


@pytest.fixture
def executor(tmp_path: Path, settings: Settings, plugins: None) -> Iterator[LocalExecutor]:
    executor = LocalExecutor(settings, tmp_path)
    yield executor
    executor.stop()
    assert list(tmp_path.iterdir()) == []


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "model_child" in " ".join(child.cmdline())]


def test_a_scene_is_the_same_as_in_this_process(executor: LocalExecutor, settings: Settings) -> None:
    here = InlineExecutor(settings).predict_splat("relief", PHOTO, Stages())
    there = executor.predict_splat("relief", PHOTO, Stages())
    for name in ("means", "scales", "quaternions", "opacities", "sh"):
        assert np.array_equal(getattr(here.gaussians, name), getattr(there.gaussians, name))
    assert (here.label, here.licence, here.run) == (there.label, there.licence, there.run)
    assert there.run is not None
    assert here.camera is not None
    assert there.camera is not None
    assert np.array_equal(here.camera.intrinsics, there.camera.intrinsics)


def test_a_model_stays_warm_in_one_child(executor: LocalExecutor) -> None:
    first, second = Stages(), Stages()
    executor.predict_splat("instant", PHOTO, first)
    (pid,) = [model.pid for model in executor.models]
    executor.predict_splat("instant", PHOTO, second)
    assert [model.pid for model in executor.models] == [pid]
    assert "load" in first.seconds
    assert "load" not in second.seconds


def test_stages_are_reported_and_timed_as_if_they_ran_here(executor: LocalExecutor) -> None:
    told: list[tuple[str, float]] = []
    stages = Stages(lambda stage, fraction: told.append((stage, fraction)))
    executor.predict_splat("slow", PHOTO, stages)
    assert list(stages.seconds) == ["decode", "load", "work"]
    assert stages.seconds["work"] > 1
    fractions = [fraction for stage, fraction in told if stage == "work"]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert len(fractions) > 10


def test_one_prediction_runs_at_once_on_a_device(executor: LocalExecutor) -> None:
    spans: list[tuple[float, float]] = []

    def work(model: str) -> None:
        began: list[float] = []

        def report(stage: str, fraction: float) -> None:
            if (stage, fraction) == ("work", 0):
                began.append(time.monotonic())

        stages = Stages(report)
        executor.predict_splat(model, PHOTO, stages)
        spans.append((began[0], began[0] + stages.seconds["work"]))

    threads = [threading.Thread(target=work, args=[model]) for model in ("slow", "instant", "slow")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans.sort()
    assert all(end <= begin + 0.05 for (_, end), (begin, _) in pairwise(spans))


@pytest.fixture
def notes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where test models leave a line for each thing they do."""
    path = tmp_path_factory.mktemp("notes") / "notes"
    monkeypatch.setenv("WHEATSTONE_TEST_NOTES", str(path))
    return path


def test_predictions_on_two_devices_run_at_once(executor: LocalExecutor) -> None:
    for model in ("slow", "elsewhere"):
        executor.warm_up(model, Stages())
    working = threading.Barrier(2, timeout=30)

    def report(stage: str, fraction: float) -> None:
        if (stage, fraction) == ("work", 0):
            working.wait()  # for the other to work, too

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda model: executor.predict_splat(model, PHOTO, Stages(report)), ("slow", "elsewhere")))


def test_a_device_is_what_the_settings_ask_for_until_the_child_tells_it(
    executor: LocalExecutor, settings: Settings, notes: Path, tmp_path: Path
) -> None:
    assert executor.device("instant") == "cpu"
    assert executor.device("elsewhere") == "auto"
    assert LocalExecutor(settings.model_copy(update={"mode": "amd"}), tmp_path).device("elsewhere") == "amd"
    executor.warm_up("elsewhere", Stages())
    assert executor.device("elsewhere") == "gpu:7"
    executor.predict_splat("elsewhere", PHOTO, Stages())
    assert notes.read_text().splitlines().count("asked for the device") == 1
    assert [model.device for model in executor.models] == ["gpu:7"]


def test_warming_up_loads_without_predicting(executor: LocalExecutor, notes: Path) -> None:
    told: list[tuple[str, float]] = []
    executor.warm_up("elsewhere", Stages(lambda stage, fraction: told.append((stage, fraction))))
    assert notes.read_text().splitlines() == ["asked for the device", "loaded"]
    assert {stage for stage, _ in told} == {"load"}
    assert len(told) > 5
    after = Stages()
    executor.predict_splat("elsewhere", PHOTO, after)
    assert "load" not in after.seconds


def test_calls_at_once_load_a_model_once(executor: LocalExecutor, notes: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        warming = pool.submit(executor.warm_up, "elsewhere", Stages())
        scenes = [pool.submit(executor.predict_splat, "elsewhere", PHOTO, Stages()) for _ in range(2)]
        warming.result()
        assert all(len(scene.result().gaussians) for scene in scenes)
    assert notes.read_text().splitlines().count("loaded") == 1


def test_a_child_without_its_model_is_not_told_as_loaded(executor: LocalExecutor) -> None:
    with pytest.raises(BadPictureError):
        executor.predict_splat("instant", Photo(b"dear diary", "notes.txt"), Stages())
    assert [model.is_loaded for model in executor.models] == [False]
    executor.predict_splat("instant", PHOTO, Stages())
    assert [model.is_loaded for model in executor.models] == [True]


def test_what_is_wrong_with_a_photo_is_told_as_it_is_here(executor: LocalExecutor) -> None:
    with pytest.raises(BadPictureError, match=r"notes.txt is not a JPEG"):
        executor.predict_splat("instant", Photo(b"dear diary", "notes.txt"), Stages())


def test_a_model_that_raises_fails_that_photo_only(executor: LocalExecutor) -> None:
    with pytest.raises(ModelFailedError, match="ZeroDivisionError: the model divided by zero"):
        executor.predict_splat("failing", PHOTO, Stages())
    assert [model.model for model in executor.models] == ["failing"]


def test_a_crash_is_told_and_the_next_photo_gets_a_new_child(executor: LocalExecutor) -> None:
    with pytest.raises(ChildCrashedError, match="SIGSEGV"):
        executor.predict_splat("crashing", PHOTO, Stages())
    assert executor.models == []
    assert [pool.restarts for pool in executor.pools] == [1]
    executor.predict_splat("instant", PHOTO, Stages())


def test_a_child_killed_while_idle_is_replaced(executor: LocalExecutor) -> None:
    executor.predict_splat("instant", PHOTO, Stages())
    (model,) = executor.models
    os.kill(model.pid, signal.SIGKILL)
    psutil.Process(model.pid).wait(10)
    executor.predict_splat("instant", PHOTO, Stages())
    assert [replaced.pid for replaced in executor.models] != [model.pid]
    assert [pool.restarts for pool in executor.pools] == [1]


def cancelled_after(delay_s: float) -> Stages:
    cancellation = Cancellation()
    threading.Timer(delay_s, cancellation.cancel).start()
    return Stages(cancellation=cancellation)


def test_a_cancelled_call_ends_and_the_child_stays_warm(executor: LocalExecutor) -> None:
    executor.predict_splat("slow", PHOTO, Stages())
    (before,) = executor.models
    with pytest.raises(CancelledError):
        executor.predict_splat("slow", PHOTO, cancelled_after(0.3))
    (after,) = executor.models
    assert after.pid == before.pid
    executor.predict_splat("slow", PHOTO, Stages())


def test_a_child_that_does_not_listen_is_killed(executor: LocalExecutor) -> None:
    with pytest.raises(CancelledError):
        executor.predict_splat("deaf", PHOTO, cancelled_after(2))
    assert executor.models == []
    assert [pool.restarts for pool in executor.pools] == [0]  # it did not end by itself


def test_a_call_that_waits_for_its_turn_can_be_cancelled(executor: LocalExecutor) -> None:
    thread = threading.Thread(target=executor.predict_splat, args=["slow", PHOTO, Stages()])
    thread.start()
    while not executor.models:
        time.sleep(0.01)
    with pytest.raises(CancelledError):
        executor.predict_splat("slow", PHOTO, cancelled_after(0.1))
    thread.join()


def test_idle_children_are_ended_when_their_time_is_over(executor: LocalExecutor) -> None:
    executor.predict_splat("instant", PHOTO, Stages())
    evict(executor.pools, idle_timeout_s=60, budget_bytes=None)
    assert len(executor.models) == 1
    evict(executor.pools, idle_timeout_s=0, budget_bytes=None)
    assert executor.models == []
    executor.predict_splat("instant", PHOTO, Stages())


def test_over_the_budget_the_child_goes_that_was_idle_longest(executor: LocalExecutor) -> None:
    for model in ("slow", "instant"):
        executor.predict_splat(model, PHOTO, Stages())
    held_bytes = sum(model.rss_bytes for model in executor.models)
    evict(executor.pools, idle_timeout_s=60, budget_bytes=held_bytes - 1)
    assert [model.model for model in executor.models] == ["instant"]


def test_children_end_with_their_parent(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from wheatstone.executors.children import Child; "
        "from wheatstone.settings import Settings; child = Child('wheatstone.executors.model_child', Settings()); "
        "print(child.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
