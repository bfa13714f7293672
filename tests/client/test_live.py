"""The client against a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import wheatstone
from tests.client.conftest import Connect
from tests.client.test_webhooks import SECRET
from tests.delivery.receiver import receiving
from tests.live import PATIENCE_S, PHOTO, LiveServer, running_server
from wheatstone.client import Client, Event, JobCancelledError, JobFailedError, Retries, verify_webhook
from wheatstone.errors import (
    BadPictureError,
    IdempotencyMismatchError,
    StillRunningError,
    UnknownModelError,
    UnknownTaskError,
    WheatstoneError,
)
from wheatstone.wire import ArtifactEvent, ProgressEvent, StatusEvent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    models = {"name": "instant", "mesh": "instant-mesh"}
    with running_server(tmp_path_factory.mktemp("server"), model=models) as server:
        yield server


def test_a_photo_becomes_a_mesh_whose_parts_are_told(connect: Connect, server: LiveServer, tmp_path: Path) -> None:
    events: list[Event] = []
    path = connect(server.url).mesh(PHOTO, tmp_path / "mug.zip", on_event=events.append)
    assert path.read_bytes().startswith(b"PK")
    parts = [event for event in events if isinstance(event, ArtifactEvent)]
    made = ["pixel_images.png", "xyz_images.png", "output3d.zip", "model.glb"]
    assert [part.name for part in parts] == [*made, "poster.webp", "metadata.json"]
    assert all(part.url.startswith(server.url) for part in parts)
    assert connect(server.url).mesh(PHOTO, tmp_path).name == f"{PHOTO.stem}.glb"


def test_a_photo_becomes_a_splat(connect: Connect, server: LiveServer, tmp_path: Path) -> None:
    path = connect(server.url).splat(PHOTO, tmp_path)
    assert path.name == f"{PHOTO.stem}.sog"
    assert len(wheatstone.load(path).gaussians) == 256


def test_a_job_is_followed_and_told(connect: Connect, server: LiveServer, tmp_path: Path) -> None:
    client = connect(server.url)
    focal_length = 500.0 + isinstance(client, Client)  # else the second kind would get the first one's result
    job = client.submit(PHOTO, model="slow", focal_length=focal_length, keep_ply=True, priority=3)
    assert (job.priority, job.source_name, job.done) == (3, PHOTO.name, False)
    events = list(client.follow(job))
    statuses = [event.status for event in events if isinstance(event, StatusEvent)]
    assert statuses == ["queued", "converting", "compressing", "completed"]
    assert any(isinstance(event, ProgressEvent) and event.stage == "work" for event in events)
    assert client.wait(job).gaussians == 256
    assert client.download(job, tmp_path / "scene.ply").stat().st_size > 0
    assert client.link(job, "output.sog").url.startswith(server.url)
    again = client.submit(picture_id=job.picture_id)
    assert client.wait(again).picture_id == job.picture_id
    assert next(iter(client.jobs(status="completed"))).id == again.id
    client.delete(again)
    with pytest.raises(UnknownTaskError):
        client.job(again)


def test_a_key_gives_the_same_job(connect: Connect, server: LiveServer) -> None:
    client = connect(server.url)
    key = type(client).__name__
    job = client.submit(PHOTO, idempotency_key=key)
    assert client.submit(PHOTO, idempotency_key=key).id == job.id
    with pytest.raises(IdempotencyMismatchError):
        client.submit(PHOTO, priority=5, idempotency_key=key)


def test_failures_are_raised(connect: Connect, server: LiveServer) -> None:
    client = connect(server.url)
    with pytest.raises(JobFailedError, match="divided by zero") as failed:
        client.wait(client.submit(PHOTO, model="failing"))
    assert failed.value.code == "model-failed"
    with pytest.raises(BadPictureError):
        client.submit(b"a sonnet")
    with pytest.raises(UnknownModelError):
        client.submit(PHOTO, model="nothing")
    with pytest.raises(UnknownTaskError):
        list(client.follow("nothing"))


def test_a_job_is_cancelled(connect: Connect, server: LiveServer) -> None:
    client = connect(server.url)
    job = client.submit(PHOTO, model="deaf")
    with pytest.raises(StillRunningError):
        client.wait(job, timeout_s=0.5)
    client.cancel(job)
    with pytest.raises(JobCancelledError):
        client.wait(job)


def test_a_batch_is_done(connect: Connect, server: LiveServer, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("a sonnet")
    client = connect(server.url)
    batch = client.submit_batch([PHOTO, tmp_path / "notes.txt", PHOTO])
    assert [refused.name for refused in batch.rejected] == ["notes.txt"]
    ended = {event.job_id for event in client.follow_batch(batch) if getattr(event, "status", "") == "completed"}
    assert ended == {job.id for job in batch.jobs}
    assert client.wait_batch(batch).counts == {"completed": 2}
    files = client.download_batch(batch, tmp_path / "out")
    assert [path.name for path in files] == [f"{PHOTO.stem}.sog", f"{PHOTO.stem}-2.sog"]
    client.delete_batch(batch)
    with pytest.raises(UnknownTaskError):
        client.batch(batch)


def test_a_photo_that_is_too_large_is_told(connect: Connect, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(100_000_000)
    folder = tmp_path / "server"
    with running_server(folder, model={"name": "instant"}, pictures={"max_bytes": 1_000_000}) as server:
        with pytest.raises(WheatstoneError, match="MB allowed") as raised:
            connect(server.url).submit(large)
        assert raised.value.status == 413


def test_a_server_that_is_killed_and_comes_back_is_waited_for(tmp_path: Path) -> None:
    slow = {"name": "slow"}
    with running_server(tmp_path / "server", model=slow) as server:
        port = int(server.url.rsplit(":", 1)[1])
        with Client(server.url, retries=Retries(attempts=30, longest_s=1)) as client:
            job = client.submit(PHOTO)
            statuses: list[str] = []
            begun = threading.Event()

            def follow() -> None:
                for event in client.follow(job):
                    if isinstance(event, StatusEvent):
                        statuses.append(event.status)
                        if event.status == "converting":
                            begun.set()

            thread = threading.Thread(target=follow)
            thread.start()
            assert begun.wait(60)
            server.kill()
            same = {"port": port}
            with running_server(tmp_path / "server", any_port=False, server=same, model=slow):
                thread.join(60)
                assert statuses == ["queued", "converting", "compressing", "completed"]
                assert client.splat(PHOTO, tmp_path).exists()


def test_its_webhooks_are_genuine(connect: Connect, tmp_path: Path) -> None:
    with receiving() as receiver:
        webhook = {"enabled": True, "task_completed": receiver.url, "task_failed": receiver.url, "secret": SECRET}
        egress = {"allow_private": ["127.0.0.0/8"]}
        with running_server(tmp_path, model={"name": "instant"}, webhook=webhook, egress=egress) as server:
            client = connect(server.url)
            batch = client.submit_batch([PHOTO])
            failing = client.submit(PHOTO, model="failing")
            client.wait_batch(batch)
            deadline = time.monotonic() + PATIENCE_S
            while len(receiver.calls) < 2:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            events = [verify_webhook(call.body, call.headers, SECRET) for call in receiver.calls]
    told = {event.task_id: (event.event, event.url is not None, event.error is not None) for event in events}
    assert told == {
        batch.jobs[0].id: ("task_completed", True, False),
        failing.id: ("task_failed", False, True),
    }
