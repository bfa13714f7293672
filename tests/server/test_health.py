from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.live import PATIENCE_S, LiveServer, running_server
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


def test_a_server_told_to_warm_up_answers_at_once_and_loads_behind_that(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "elsewhere", "warm_up": True}) as server:
        health = server.http.get("/health").json()
        assert health["status"] == "healthy"
        assert health["device"] in ("auto", "gpu:7")
        deadline = time.monotonic() + PATIENCE_S
        while not health["model_loaded"] and time.monotonic() < deadline:
            time.sleep(0.05)
            health = server.http.get("/health").json()
        (model,) = health["models_loaded"]
        assert (model["name"], model["device"], health["device"]) == ("elsewhere", "gpu:7", "gpu:7")
        assert server.notes == ["asked for the device", "loaded"]
        assert "warming up: load 50 %" in server.log
        assert "the model is loaded" in server.log


def test_a_model_that_cannot_be_loaded_does_not_keep_the_server_from_working(tmp_path: Path) -> None:
    variables = {"WHEATSTONE_CACHE_DIR": str(tmp_path / "cache"), "WHEATSTONE_CHECKPOINTS__OFFLINE": "true"}
    model = {"name": "sharp", "warm_up": True}
    with running_server(tmp_path / "server", environment=variables, model=model) as server:
        deadline = time.monotonic() + PATIENCE_S
        while "could not be loaded" not in server.log and time.monotonic() < deadline:
            time.sleep(0.05)
        assert "it is tried again at its first use. " in server.log
        health = server.http.get("/health").json()
        assert (health["status"], health["model_loaded"]) == ("healthy", False)
        assert server.wait(server.submit())["error"]["code"] in ("checkpoint-unavailable", "model-unavailable")


def test_a_server_that_is_still_warming_up_ends_when_told_to(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "elsewhere", "warm_up": True}) as server:
        assert server.terminate() == 0
        assert "Traceback" not in server.log


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
