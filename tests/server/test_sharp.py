"""Surface A, literally as its document has it."""

from __future__ import annotations

import re
import uuid
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.live import PHOTO, LiveServer, running_server
from tests.pictures.files import encoded, exif, gradient
from wheatstone.splats.formats import read_scene


def read_result(server: LiveServer, task_id: str, folder: Path, suffix: str = ".sog") -> object:
    path = folder / f"result{suffix}"
    path.write_bytes(server.http.get(f"/result/{task_id}").raise_for_status().content)
    return read_scene(path)


def test_a_photo_is_accepted_with_202_and_the_documented_words(server: LiveServer) -> None:
    answer = server.http.post("/predict", files={"file": ("photo.jpg", PHOTO.read_bytes())})
    assert answer.status_code == 202
    content = answer.json()
    assert str(uuid.UUID(content.pop("task_id"))) == answer.json()["task_id"]
    assert content == {"status": "queued", "message": None}


def test_its_status_is_pushed_until_it_is_completed(server: LiveServer) -> None:
    task_id = server.submit()
    assert server.statuses(task_id, after=0) == ["queued", "converting", "compressing", "completed"]


def test_the_stream_speaks_server_sent_events(server: LiveServer, done: str) -> None:
    with server.http.stream("GET", f"/stream/{done}", headers={"Last-Event-ID": "2"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        blocks = "\n".join(answer.iter_lines()).strip().split("\n\n")
    for block, sequence, status in zip(blocks, (3, 4), ("compressing", "completed"), strict=True):
        lines = block.split("\n")
        assert "event: status" in lines
        assert f"id: {sequence}" in lines
        assert f'data: {{"status": "{status}"}}' in lines


def test_a_task_that_ended_long_ago_still_answers_completed(server: LiveServer, done: str) -> None:
    assert server.statuses(done) == ["completed"]


def test_progress_is_pushed_to_those_who_ask(server: LiveServer) -> None:
    task_id = server.submit()
    with server.http.stream("GET", f"/stream/{task_id}?progress=true") as answer:
        lines = list(answer.iter_lines())
    assert "event: progress" in lines
    assert any(re.fullmatch(r'data: \{"stage": "\w+", "fraction": [\d.]+\}', line) for line in lines)


def test_the_status_can_be_asked_for(server: LiveServer, done: str) -> None:
    assert server.http.get(f"/status/{done}").json() == {"task_id": done, "status": "completed", "message": None}


def test_the_result_is_a_sog_named_like_the_photo(server: LiveServer, done: str, tmp_path: Path) -> None:
    answer = server.http.get(f"/result/{done}")
    assert answer.content[:2] == b"PK"
    assert 'filename="photo.sog"' in answer.headers["content-disposition"]
    read_result(server, done, tmp_path)


def test_the_metadata_is_the_photos_camera(server: LiveServer, done: str) -> None:
    metadata = server.http.get(f"/metadata/{done}").json()
    with Image.open(PHOTO) as photo:
        width, height = photo.size
    assert metadata["task_id"] == done
    assert metadata["intrinsic_matrix"] == [500, 0, width / 2, 0, 500, height / 2, 0, 0, 1]
    assert metadata["extrinsic_matrix"] == np.eye(4).ravel().tolist()
    assert metadata["image_size"] == [width, height]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", metadata["created_at"])


def test_without_a_focal_length_exif_tells_and_the_photo_is_upright(server: LiveServer) -> None:
    photo = encoded(gradient(96, 64), "JPEG", exif=exif(orientation=6, f35=43))
    task_id = server.submit(photo)
    server.wait(task_id)
    metadata = server.http.get(f"/metadata/{task_id}").json()
    assert metadata["image_size"] == [64, 96]
    assert metadata["intrinsic_matrix"][0] == pytest.approx(43 / np.hypot(36, 24) * np.hypot(96, 64))


def test_a_focal_length_left_empty_is_none(server: LiveServer) -> None:
    files = {"file": ("photo.jpg", PHOTO.read_bytes())}
    assert server.http.post("/predict", files=files, data={"focal_length": ""}).status_code == 202


@pytest.mark.parametrize("path", ["status", "stream", "result", "metadata"])
@pytest.mark.parametrize(
    "task_id", ["nope", "0b3ef0ad-9d15-4d39-9f0c-6a7a1c1c7a11", "..%2f..%2fetc%2fpasswd", "%00", "a" * 300]
)
def test_an_unknown_id_is_404(server: LiveServer, path: str, task_id: str) -> None:
    answer = server.http.get(f"/{path}/{task_id}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404


def test_a_photo_that_is_damaged_fails_with_a_message(server: LiveServer) -> None:
    task_id = server.submit(PHOTO.read_bytes()[:20_000])
    assert server.wait(task_id)["status"] == "failed"
    answer = server.http.get(f"/status/{task_id}").json()
    assert answer["status"] == "failed"
    assert "truncated" in answer["message"]
    with server.http.stream("GET", f"/stream/{task_id}") as stream:
        (data,) = [line for line in stream.iter_lines() if line.startswith("data: ")]
    assert "truncated" in data
    assert server.http.get(f"/result/{task_id}").status_code == 404
    assert server.http.get(f"/metadata/{task_id}").status_code == 404


def test_without_compression_the_result_is_a_ply(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "instant"}, compression={"enabled": False}) as server:
        task_id = server.submit()
        assert server.statuses(task_id, after=0) == ["queued", "converting", "completed"]
        read_result(server, task_id, tmp_path, ".ply")
        assert not server.http.get("/health").json()["compression_enabled"]


def test_the_ply_is_kept_on_request_only(server: LiveServer, done: str, tmp_path: Path) -> None:
    assert [artifact["name"] for artifact in server.job(done)["artifacts"]] == [
        "output.sog",
        "poster.webp",
        "metadata.json",
    ]
    assert not list((server.folder / "output" / "results" / "tasks" / done).glob("*.ply"))
    with running_server(tmp_path / "keep", model={"name": "instant"}, storage={"keep_ply": True}) as keeping:
        job = keeping.wait(keeping.submit())
        names = [artifact["name"] for artifact in job["artifacts"]]
        assert names == ["output.sog", "poster.webp", "output.ply", "metadata.json"]


def test_a_task_whose_result_is_gone_is_404(server: LiveServer) -> None:
    task_id = server.submit()
    server.wait(task_id)
    (server.folder / "output" / "results" / "tasks" / task_id / "output.sog").unlink()
    assert server.http.get(f"/result/{task_id}").status_code == 404
    assert server.http.get(f"/stream/{task_id}").status_code == 404


def test_the_poster_shows_the_scene(server: LiveServer, done: str) -> None:
    poster = server.http.get(f"/v1/jobs/{done}/artifacts/poster.webp")
    assert poster.headers["content-type"] == "image/webp"
    with Image.open(BytesIO(poster.content)) as picture:
        assert max(picture.size) == 768
