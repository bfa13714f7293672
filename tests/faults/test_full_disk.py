"""A disk that is full: the task fails clearly, nothing is half written, and it goes on when there is space."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.live import LiveServer, running_server
from tests.pictures.files import encoded, gradient

DISK_BYTES = 400_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True)
    if mounted.returncode:
        if os.environ.get("CI"):
            pytest.fail(mounted.stderr)
        pytest.skip(f"a small disk cannot be made here: {mounted.stderr}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def server(small_disk: Path, tmp_path: Path) -> Iterator[LiveServer]:
    storage = {"output_dir": str(small_disk / "results"), "db_path": str(tmp_path / "db" / "tasks.db")}
    with running_server(tmp_path / "server", model={"name": "instant"}, storage=storage) as server:
        yield server


OWN = (".lock", ".wheatstone", "filler")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name not in OWN)


def fill(folder: Path, leave_bytes: int) -> Path:
    space = os.statvfs(folder)
    filler = folder / "filler"
    filler.write_bytes(b"x" * max(0, space.f_bavail * space.f_frsize - leave_bytes))
    return filler


def test_a_photo_that_does_not_fit_is_refused_with_507(server: LiveServer, small_disk: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (500, 500, 3)).astype(np.uint8)
    answer = server.http.post("/predict", files={"file": ("noise.png", encoded(noise, "PNG"))})
    assert answer.status_code == 507
    assert "No space is left" in answer.json()["detail"]
    assert files(small_disk) == []


def test_a_result_that_does_not_fit_fails_its_task_and_leaves_nothing(
    server: LiveServer, small_disk: Path
) -> None:
    photo = encoded(gradient(), "JPEG")
    filler = fill(small_disk, leave_bytes=20_000)
    job = server.wait(server.submit(photo))
    assert job["status"] == "failed"
    assert job["error"]["code"] == "storage-full"
    assert "No space is left" in job["error"]["detail"]
    assert len(files(small_disk)) == 1  # the photo
    filler.unlink()
    assert server.wait(server.submit(photo))["status"] == "completed"


def test_an_upload_that_finds_no_space_to_wait_in_is_refused_with_507(
    server: LiveServer, small_disk: Path
) -> None:
    noise = np.random.default_rng(0).bytes(3_000_000)  # large uploads wait on the disk
    answer = server.http.post("/predict", files={"file": ("noise.png", noise)})
    assert answer.status_code == 507
    assert "No space is left" in answer.json()["detail"]
