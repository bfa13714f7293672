from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wheatstone.jobs.photos import PhotoShelf, photo_key
from wheatstone.jobs.retention import expired
from wheatstone.jobs.tasks import task_key
from wheatstone.settings import StorageSettings
from wheatstone.storage import Artifact, NewTask, ObjectStore, Status, TaskStore, open_database

BYTES = 100
"""Of a photo, and of each result."""


class House:
    """Tasks that ended a day after each other, the last one now."""

    def __init__(self, folder: Path) -> None:
        self.engine = open_database(folder / "tasks.db")
        self.now = datetime.now(UTC)
        self.tasks = TaskStore(self.engine, lambda: self.now)
        self.objects = ObjectStore(folder / "store")

    def add(self, name: str, photo: str, days_ago: float, status: Status = Status.COMPLETED) -> None:
        self.now = datetime.now(UTC) - timedelta(days=days_ago)
        self.objects.put(photo_key(photo), b"p" * BYTES)
        new = NewTask(id=name, model="auto", photo_sha256=photo, photo_bytes=BYTES)
        self.tasks.create([new], lambda _connection: None)
        key = task_key(name, "output.sog")
        self.tasks.transition(name, Status.CONVERTING)
        if status.is_final:
            self.objects.put(key, b"r" * BYTES)
            self.tasks.transition(name, status, artifacts=[Artifact("output.sog", key, "", BYTES)])

    def sweep(self, **settings: float) -> list[str]:
        found = expired(self.tasks.ended(), StorageSettings.model_validate(settings))
        self.tasks.delete([task.id for task in found])
        for task in found:
            self.objects.delete([artifact.key for artifact in task.artifacts])
        PhotoShelf(self.tasks, self.objects).delete_unused({task.photo_sha256 for task in found})
        return [task.id for task in found]

    @property
    def kept(self) -> list[str]:
        return sorted(key.split("/")[1] for key in self.objects.keys("tasks"))

    @property
    def photos(self) -> list[str]:
        return sorted(key.split("/")[1] for key in self.objects.keys("photos"))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.add("old", "shared", 3)
    house.add("older", "own", 4)
    house.add("young", "shared", 1)
    house.add("running", "another", 9, Status.CONVERTING)
    yield house
    house.engine.dispose()


def test_without_limits_everything_stays(house: House) -> None:
    assert house.sweep() == []
    assert house.kept == ["old", "older", "young"]


def test_what_is_too_old_goes_with_the_photos_that_nobody_else_needs(house: House) -> None:
    assert house.sweep(max_age_days=2) == ["older", "old"]
    assert house.kept == ["young"]
    assert house.photos == ["another", "shared"]
    assert [task.id for task in house.tasks.ended()] == ["young"]


def test_over_the_limit_those_go_first_that_ended_first(house: House) -> None:
    assert house.sweep(max_bytes=4 * BYTES) == ["older"]
    assert house.kept == ["old", "young"]
    assert house.sweep(max_bytes=1) == ["old", "young"]
    assert house.kept == []


def test_a_running_task_is_never_touched(house: House) -> None:
    house.sweep(max_age_days=0.001, max_bytes=1)
    assert house.tasks.unfinished() == ["running"]
    assert house.photos == ["another"]
