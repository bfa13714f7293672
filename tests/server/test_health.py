from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.live import LiveServer, running_server
from wheatstone.version import VERSION


def test_it_is_healthy_before_a_model_is_loaded_and_after(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "instant"}, compression={"max_workers": 3}) as server:
        answer = server.http.get("/health")
        assert answer.status_code == 200
        assert answer.json() == {
            "status": "healthy",
            "reasons": [],
            "version": VERSION,
            "model_loaded": False,
            "models_loaded": [],
            "device": "cpu",
            "compression_enabled": True,
            "compression_workers": 3,
            "pictures": {"max_bytes": 100_000_000, "max_pixels": 60_000_000},
        }
        server.wait(server.submit())
        health = server.http.get("/health").json()
        assert health["model_loaded"]
        (model,) = health["models_loaded"]
        assert (model["name"], model["device"]) == ("instant", "cpu")
        assert model["memory_bytes"] > 10_000_000


def test_without_its_folder_it_is_unhealthy_and_says_why(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", storage={"output_dir": "here", "db_path": "there/x.db"}) as server:
        shutil.rmtree(server.folder / "here")
        (server.folder / "here").write_text("in the way")
        for path in ("/health", "/health/ready"):
            answer = server.http.get(path)
            assert answer.status_code == 503
            assert answer.json()["status"] == "unhealthy"
            assert answer.json()["reasons"][0].startswith("store: ")
        assert server.http.get("/health/live").status_code == 200


def test_the_root_tells_programs_where_to_go_on(server: LiveServer) -> None:
    content = server.http.get("/").json()
    assert (content["name"], content["version"]) == ("wheatstone", VERSION)
    for link in ("docs", "redoc", "openapi", "health"):
        assert server.http.get(content[link]).status_code == 200


def test_the_api_describes_itself(server: LiveServer) -> None:
    paths = server.http.get("/openapi.json").json()["paths"]
    for path in ("/predict", "/stream/{task_id}", "/status/{task_id}", "/result/{task_id}", "/metadata/{task_id}"):
        assert path in paths
    assert "/health" in paths


def test_it_is_healthy_however_many_ask_at_once(server: LiveServer) -> None:
    with ThreadPoolExecutor(12) as pool:
        codes = set(pool.map(lambda _: server.http.get("/health").status_code, range(120)))
    assert codes == {200}


def test_without_its_database_it_is_unhealthy(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        shutil.rmtree(tmp_path / "output" / "sqlite")
        answer = server.http.get("/health")
        assert answer.status_code == 503
        assert "database" in answer.json()["reasons"][0]


def test_probes_may_ask_for_the_head_only(server: LiveServer, done: str) -> None:
    for path in ("/health", "/health/live", "/health/ready", f"/result/{done}"):
        answer = server.http.head(path)
        assert (answer.status_code, answer.content) == (200, b""), path
