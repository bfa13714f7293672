"""A photo of an object becomes a mesh, part by part, through the jobs API."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from PIL import Image

from tests.live import PHOTO, LiveServer, running_server

MADE = ["pixel_images.png", "xyz_images.png", "output3d.zip", "model.glb"]
NAMES = [*MADE, "poster.webp", "metadata.json"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    models = {"name": "instant", "mesh": "instant-mesh"}
    with running_server(tmp_path_factory.mktemp("meshes"), model=models) as server:
        yield server


def submit(server: LiveServer, **fields: Any) -> str:
    files = {"file": ("mug.jpg", PHOTO.read_bytes())}
    answer = server.http.post("/v1/jobs", files=files, data={"kind": "mesh", **fields})
    assert answer.status_code == 202, answer.text
    task_id: str = answer.json()["id"]
    return task_id


def told(server: LiveServer, url: str, *, after: int | None = None) -> list[str]:
    """What a stream tells until it ends: statuses and names of artifacts."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with server.http.stream("GET", url, headers=headers) as answer:
        lines = list(answer.iter_lines())
    found = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    return [data.get("name") or data["status"] for data in found]


def files_of(server: LiveServer, task_id: str) -> list[Path]:
    return [path for path in (server.folder / "output/results/tasks" / task_id).rglob("*") if path.is_file()]


def test_a_photo_becomes_a_mesh(server: LiveServer) -> None:
    task_id = submit(server)
    assert told(server, f"/v1/jobs/{task_id}/events") == ["queued", "converting", *NAMES, "completed"]
    job = server.job(task_id)
    assert (job["kind"], job["status"], job["model"]) == ("mesh", "completed", "instant-mesh")
    assert (job["label"], job["licence"]) == ("instant-mesh: made for tests", "MIT")
    assert {"decode", "views", "work"} <= set(job["seconds"])
    assert [made["name"] for made in job["artifacts"]] == NAMES
    kinds = {made["name"]: made["type"] for made in job["artifacts"]}
    images = ["image/png", "image/png", "application/zip", "model/gltf-binary", "image/webp", "application/json"]
    assert list(kinds.values()) == images
    content = {made["name"]: server.http.get(made["url"]).raise_for_status().content for made in job["artifacts"]}
    assert [len(data) for data in content.values()] == [made["bytes"] for made in job["artifacts"]]
    assert Image.open(BytesIO(content["pixel_images.png"])).size == (1536, 256)
    assert zipfile.ZipFile(BytesIO(content["output3d.zip"])).namelist() == ["output3d.obj"]
    assert Image.open(BytesIO(content["poster.webp"])).size == (768, 768)
    metadata = json.loads(content["metadata.json"])
    assert {name: metadata[name] for name in ("model", "label", "licence")} == {
        "model": "instant-mesh",
        "label": job["label"],
        "licence": "MIT",
    }
    assert (metadata["vertices"], metadata["faces"], metadata["seconds"]) == (3, 1, job["seconds"])


def test_a_follower_who_comes_back_hears_the_rest(server: LiveServer) -> None:
    task_id = submit(server)
    server.wait(task_id)
    assert told(server, f"/v1/jobs/{task_id}/events", after=4) == [*NAMES[2:], "completed"]


def test_the_sharp_api_knows_of_statuses_only(server: LiveServer) -> None:
    task_id = submit(server, model="slow-mesh")
    assert server.statuses(task_id) == ["queued", "converting", "completed"]
    assert server.http.get(f"/result/{task_id}").status_code == 404


def test_a_part_can_be_had_while_the_others_are_made(server: LiveServer) -> None:
    task_id = submit(server, model="slow-mesh")
    with server.http.stream("GET", f"/v1/jobs/{task_id}/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("data: ") and "name" in (data := json.loads(line.removeprefix("data: "))):
                break
        assert (data["name"], data["job_id"]) == (NAMES[0], task_id)
        assert data["url"].startswith(server.url)
        part = httpx2.get(data["url"]).raise_for_status()
        assert Image.open(BytesIO(part.content)).size == (1536, 256)
        assert server.job(task_id)["status"] == "converting"
    assert server.wait(task_id)["status"] == "completed"


def test_a_batch_may_be_of_meshes(server: LiveServer) -> None:
    files = [("file", (name, PHOTO.read_bytes())) for name in ("a.jpg", "b.jpg")]
    batch = server.http.post("/v1/batches", files=files, data={"kind": "mesh"}).raise_for_status().json()
    found = told(server, f"/v1/batches/{batch['id']}/events")
    assert sorted(found) == sorted(2 * ["queued", "converting", *NAMES, "completed"])
    zipped = server.http.get(f"/v1/batches/{batch['id']}/results.zip?artifact=model.glb").raise_for_status()
    assert zipfile.ZipFile(BytesIO(zipped.content)).namelist() == ["a.glb", "b.glb"]


@pytest.mark.parametrize(("fields", "status"), [({"model": "instant"}, 404), ({"kind": "song"}, 422)])
def test_what_makes_no_meshes_is_refused(server: LiveServer, fields: dict[str, str], status: int) -> None:
    files = {"file": ("mug.jpg", PHOTO.read_bytes())}
    answer = server.http.post("/v1/jobs", files=files, data={"kind": "mesh", **fields})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(("model", "code"), [("failing-mesh", "model-failed"), ("crashing-mesh", "child-crashed")])
def test_a_mesh_that_fails_leaves_nothing(server: LiveServer, model: str, code: str) -> None:
    task_id = submit(server, model=model)
    job = server.wait(task_id)
    assert (job["status"], job["error"]["code"], job["artifacts"]) == ("failed", code, [])
    assert told(server, f"/v1/jobs/{task_id}/events") == ["queued", "converting", NAMES[0], "failed"]
    assert files_of(server, task_id) == []


def test_a_mesh_whose_model_does_not_listen_can_be_cancelled(server: LiveServer) -> None:
    task_id = submit(server, model="deaf-mesh")
    while not server.job(task_id)["artifacts"]:
        time.sleep(0.02)
    job = server.http.post(f"/v1/jobs/{task_id}/cancel").json()
    assert (job["status"], job["artifacts"]) == ("cancelled", [])
    assert server.wait(submit(server))["status"] == "completed"  # the place is free
    assert files_of(server, task_id) == []


def test_a_killed_server_tells_no_part_twice(tmp_path: Path) -> None:
    models = {"name": "instant", "mesh": "slow-mesh"}
    with running_server(tmp_path, model=models) as server:
        task_id = submit(server)
        while not server.job(task_id)["artifacts"]:
            time.sleep(0.02)
        children = psutil.Process(server.process.pid).children(recursive=True)
        server.kill()
    psutil.wait_procs(children, timeout=10)
    with running_server(tmp_path, model=models) as server:
        job = server.wait(task_id)
        assert [made["name"] for made in job["artifacts"]] == NAMES
        assert told(server, f"/v1/jobs/{task_id}/events") == ["queued", "converting", *NAMES, "completed"]
        for made in job["artifacts"]:
            assert len(server.http.get(made["url"]).content) == made["bytes"]
        assert server.notes.count("begun") == 2


def test_an_equal_photo_is_not_reconstructed_again_and_its_parts_are_told(tmp_path: Path) -> None:
    models = {"name": "instant", "mesh": "slow-mesh"}
    with running_server(tmp_path, model=models, cache={"enabled": True}) as server:
        together = [server.wait(task_id) for task_id in (submit(server), submit(server))]
        leader, follower = sorted(together, key=lambda job: job["cache_hit"])
        later = server.job(submit(server))
        assert [job["cache_hit"] for job in (leader, follower, later)] == [False, True, True]
        for job in (follower, later):
            assert told(server, f"/v1/jobs/{job['id']}/events") == ["queued", *NAMES, "completed"]
            for part, other in zip(leader["artifacts"], job["artifacts"], strict=True):
                assert part["name"] == other["name"]
                assert server.http.get(part["url"]).content == server.http.get(other["url"]).content
        assert server.notes.count("begun") == 1
        server.submit(model="instant")  # a splat of the same photo is something else
        assert server.notes.count("begun") == 1


def test_what_cannot_be_drawn_is_a_mesh_all_the_same(server: LiveServer) -> None:
    job = server.wait(submit(server, model="unreadable-mesh"))
    assert job["status"] == "completed"
    assert [made["name"] for made in job["artifacts"]] == [*MADE, "metadata.json"]
