from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.live import PHOTO, LiveServer, running_server
from wheatstone.splats.formats import read_scene


def predict(server: LiveServer, photo: bytes | None = None, **fields: Any) -> httpx2.Response:
    content = PHOTO.read_bytes() if photo is None else photo
    return server.http.post("/v1/predict", files={"file": ("input.jpg", content)}, data=fields)


def test_a_prediction_answers_when_its_ply_is_there(server: LiveServer, tmp_path: Path) -> None:
    answer = predict(server, focal_length=800)
    assert answer.status_code == 200
    made = answer.json()
    assert set(made) == {"status", "url", "processing_time", "task_id"}
    assert made["status"] == "success"
    assert made["url"] == f"{server.url}/files/{made['task_id']}/output.ply"
    assert 0 < made["processing_time"] < 60
    path = tmp_path / "scene.ply"
    path.write_bytes(server.http.get(made["url"]).raise_for_status().content)
    assert len(read_scene(path).gaussians) == 256
    assert server.job(made["task_id"])["view"]["fx"] == 800


def test_other_files_of_a_task_are_beside_it(server: LiveServer) -> None:
    task_id = predict(server).json()["task_id"]
    assert server.http.head(f"/files/{task_id}/output.sog").status_code == 200
    assert server.http.get(f"/files/{task_id}/poster.webp").headers["content-type"] == "image/webp"


def wrong(answer: httpx2.Response) -> dict[str, Any]:
    """The error that surface B tells, as the document has it."""
    told: dict[str, Any] = answer.json()
    assert set(told) == {"error", "message", "status_code", "path", "timestamp"}
    assert told["status_code"] == answer.status_code
    assert told["path"] == answer.request.url.path
    assert datetime.fromisoformat(told["timestamp"]).tzinfo is not None
    return told


@pytest.mark.parametrize(
    ("fields", "photo", "status", "error"),
    [
        ({}, b"no photo", 415, "BadPictureError"),
        ({"focal_length": -1}, None, 422, "BadOptionError"),
        ({"focal_length": "wide"}, None, 422, "ValidationError"),
    ],
)
def test_bad_input_is_told_in_the_documents_shape(
    server: LiveServer, fields: dict[str, Any], photo: bytes | None, status: int, error: str
) -> None:
    answer = predict(server, photo, **fields)
    assert answer.status_code == status
    assert wrong(answer)["error"] == error


def test_a_malformed_request_is_told_in_the_documents_words(server: LiveServer) -> None:
    told = wrong(server.http.post("/v1/predict"))
    assert (told["error"], told["status_code"]) == ("ValidationError", 422)
    assert told["message"].startswith("请求参数验证失败")


def test_what_is_not_there_or_not_allowed_is_told_in_that_shape_too(server: LiveServer) -> None:
    assert wrong(server.http.get("/files/nope/output.ply"))["error"] == "UnknownTaskError"
    assert wrong(server.http.get("/v1/predict"))["status_code"] == 405
    assert wrong(server.http.get("/v1/health", headers={"Host": "evil.example"}))["status_code"] == 421
    assert wrong(server.http.post("/v1/predict", headers={"Origin": "http://evil.example"}))["status_code"] == 403


def test_other_surfaces_keep_their_own_shape(server: LiveServer) -> None:
    assert server.http.get("/v1/jobs/nope").json()["type"] == "urn:wheatstone:unknown-task"
    assert server.http.get("/v1/healthy").json()["type"] == "urn:wheatstone:not-found"


def test_a_photo_that_cannot_be_done_is_an_error_with_its_reason(server: LiveServer) -> None:
    answer = predict(server, PHOTO.read_bytes()[:20_000])
    assert answer.status_code == 415
    assert "truncated" in wrong(answer)["message"]


def test_health_and_statistics_tell_of_the_gpu_in_words_never_null(server: LiveServer) -> None:
    health = server.http.get("/v1/health").json()
    assert set(health) == {"status", "gpu_available", "gpu_vendor", "gpu_name"}
    assert health["status"] == "healthy"
    assert health["gpu_vendor"]
    assert health["gpu_name"]
    gpu = server.http.get("/v1/stats").json()["gpu"]
    assert set(gpu) == {"available", "vendor", "name", "count", "memory_mb"}
    assert gpu["available"] == health["gpu_available"] == bool(gpu["count"])


def test_a_client_that_waits_while_the_server_ends_is_told_and_the_task_goes_on(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "deaf"}, server={"drain_timeout_s": 0}) as server:
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(predict, server)
            while not server.notes:
                time.sleep(0.02)
            server.terminate()
            answer = waiting.result()
        assert answer.status_code == 503
        task_id = wrong(answer)["message"].split(" ")[4].rstrip(";")
        assert task_id
    with running_server(tmp_path / "server", model={"name": "deaf"}) as server:
        server.wait(server.http.get("/v1/jobs").json()["jobs"][0]["id"], "converting")
