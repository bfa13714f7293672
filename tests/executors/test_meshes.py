"""Meshes come part by part, in this process and in children, and can be stopped at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.models.photos import photo
from tests.pictures.files import encoded
from wheatstone.cancellation import Cancellation
from wheatstone.errors import CancelledError, ChildCrashedError, ModelFailedError, StorageFullError
from wheatstone.executors import Executor, InlineExecutor
from wheatstone.executors.local import LocalExecutor
from wheatstone.models.roles import Part
from wheatstone.pictures import Photo
from wheatstone.settings import CheckpointSettings, Settings
from wheatstone.stages import Stages

PHOTO = Photo(encoded(photo("coffee.png", 100), "PNG"), "cup.png")
NAMES = ["pixel_images.png", "xyz_images.png", "output3d.zip", "model.glb"]

pytestmark = pytest.mark.usefixtures("plugins")


@pytest.fixture
def settings() -> Settings:
    return Settings(checkpoints=CheckpointSettings(offline=True))


@pytest.fixture
def local(tmp_path: Path, settings: Settings, plugins: None) -> Iterator[LocalExecutor]:
    executor = LocalExecutor(settings, tmp_path)
    yield executor
    executor.stop()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(params=["inline", "local"])
def executor(request: pytest.FixtureRequest, local: LocalExecutor, settings: Settings) -> Executor:
    return InlineExecutor(settings) if request.param == "inline" else local


def parts_of(executor: Executor, model: str = "instant-mesh") -> list[Part]:
    parts: list[Part] = []
    executor.reconstruct_mesh(model, PHOTO, Stages(), parts.append)
    return parts


def test_parts_come_in_the_order_of_the_model(executor: Executor) -> None:
    assert [part.name for part in parts_of(executor)] == NAMES


def test_parts_are_the_same_as_in_this_process(local: LocalExecutor, settings: Settings) -> None:
    assert parts_of(local) == parts_of(InlineExecutor(settings))


def test_a_part_is_delivered_before_the_next_one_is_made(executor: Executor) -> None:
    told: list[str] = []
    stages = Stages(lambda stage, _fraction: told.append(stage))
    executor.reconstruct_mesh("slow-mesh", PHOTO, stages, lambda part: told.append(part.name))
    assert told.index("views") < told.index(NAMES[0]) < told.index("work") < told.index(NAMES[1])


def test_a_model_stays_warm_in_one_child(local: LocalExecutor) -> None:
    parts_of(local)
    (before,) = local.models
    parts_of(local)
    (after,) = local.models
    assert (after.pid, after.model, after.is_loaded) == (before.pid, "instant-mesh", True)


def test_meshes_and_splats_take_turns_at_a_device(local: LocalExecutor) -> None:
    working: set[str] = set()
    overlaps: set[str] = set()

    def stages_of(who: str) -> Stages:
        def report(stage: str, fraction: float) -> None:
            if stage == "work" and fraction < 1:
                overlaps.update(working - {who})
                working.add(who)
            elif stage == "work":
                working.discard(who)

        return Stages(report)

    def mesh(who: str) -> None:
        local.reconstruct_mesh("slow-mesh", PHOTO, stages_of(who), lambda _part: None)

    def splat(who: str) -> None:
        local.predict_splat("slow", PHOTO, stages_of(who))

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(mesh, "first"), pool.submit(splat, "second"), pool.submit(mesh, "third")]:
            done.result()
    assert overlaps == set()


@pytest.mark.parametrize(
    ("model", "error", "told"),
    [
        ("failing-mesh", (ModelFailedError, ZeroDivisionError), "divided by zero"),
        ("naming-mesh", ModelFailedError, r"the name 'metadata\.json'"),
        ("climbing-mesh", ModelFailedError, r"the name '\.\./xyz_images\.png'"),
    ],
)
def test_what_a_model_does_wrong_is_told(
    executor: Executor, model: str, error: type[Exception], told: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=told):
        parts_of(executor, model)
    assert not list(tmp_path.rglob("xyz_images.png"))


def test_a_crash_is_told_and_the_next_photo_gets_a_new_child(local: LocalExecutor) -> None:
    parts: list[Part] = []
    with pytest.raises(ChildCrashedError, match="SIGSEGV"):
        local.reconstruct_mesh("crashing-mesh", PHOTO, Stages(), parts.append)
    assert [part.name for part in parts] == NAMES[:1]
    assert local.models == []
    assert len(parts_of(local)) == len(NAMES)


def test_a_part_that_cannot_be_taken_ends_the_work(executor: Executor) -> None:
    def refuse(_part: Part) -> None:
        raise StorageFullError("no space for tests")

    with pytest.raises(StorageFullError, match="no space for tests"):
        executor.reconstruct_mesh("slow-mesh", PHOTO, Stages(), refuse)
    assert len(parts_of(executor)) == len(NAMES)


def cancelling(cancellation: Cancellation) -> Callable[[Part], None]:
    """Asks for the end a moment after the first part."""
    return lambda _part: threading.Timer(0.2, cancellation.cancel).start()


def test_a_cancelled_call_ends_and_the_child_stays_warm(local: LocalExecutor) -> None:
    parts_of(local, "slow-mesh")
    (before,) = local.models
    cancellation = Cancellation()
    with pytest.raises(CancelledError):
        local.reconstruct_mesh("slow-mesh", PHOTO, Stages(cancellation=cancellation), cancelling(cancellation))
    (after,) = local.models
    assert after.pid == before.pid
    assert len(parts_of(local, "slow-mesh")) == len(NAMES)


def test_a_child_that_does_not_listen_is_killed(local: LocalExecutor) -> None:
    cancellation = Cancellation()
    began_s = time.monotonic()
    with pytest.raises(CancelledError):
        local.reconstruct_mesh("deaf-mesh", PHOTO, Stages(cancellation=cancellation), cancelling(cancellation))
    assert time.monotonic() - began_s < 50  # it would sleep for a minute
    assert local.models == []
