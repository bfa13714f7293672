"""Equal requests are computed once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2

from tests.live import PHOTO, LiveServer, running_server
from tests.real_redis import running_redis

CACHE = {"enabled": True}


def predict(server: LiveServer, **fields: Any) -> httpx2.Response:
    return server.http.post("/v1/predict", files={"file": ("input.jpg", PHOTO.read_bytes())}, data=fields)


def bytes_of(server: LiveServer, task_id: str) -> dict[str, bytes]:
    return {made["name"]: server.http.get(made["url"]).content for made in server.job(task_id)["artifacts"]}


def test_an_equal_request_is_answered_with_the_kept_result(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "instant"}, cache=CACHE) as server:
        first = server.submit()
        server.wait(first)
        second = server.http.post("/v1/jobs", files={"file": ("other name.jpg", PHOTO.read_bytes())}).json()
        assert (second["done"], second["status"], second["cache_hit"]) == (True, "completed", True)
        assert second["source_name"] == "other name.jpg"
        assert not server.job(first)["cache_hit"]
        assert server.statuses(second["id"], after=0) == ["queued", "completed"]
        assert bytes_of(server, first) == bytes_of(server, second["id"])
        assert server.notes == ["instant"]
        server.http.delete(f"/v1/jobs/{first}")
        assert len(bytes_of(server, second["id"])["output.sog"]) > 0  # a copy of its own


def test_another_request_is_not(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "instant"}, cache=CACHE) as server:
        for f_px in (400, 500, 600):
            server.wait(server.submit(focal_length=f_px))
        server.wait(server.submit(PHOTO.read_bytes() + b"another photo"))
        assert len(server.notes) == 4
        server.wait(server.submit(focal_length=500))
        assert len(server.notes) == 4


def test_a_result_without_the_files_that_are_wanted_is_not_enough(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "instant"}, cache=CACHE) as server:
        server.wait(server.submit())
        assert predict(server).status_code == 200  # wants the PLY, too
        assert len(server.notes) == 2
        assert predict(server).status_code == 200
        server.wait(server.submit())
        assert len(server.notes) == 2


def test_ten_equal_requests_at_once_compute_once(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "slow"}, cache=CACHE) as server:
        with ThreadPoolExecutor(10) as threads:
            ids = list(threads.map(lambda _: server.submit(), range(10)))
        jobs = [server.wait(task_id) for task_id in ids]
        assert {job["status"] for job in jobs} == {"completed"}
        assert [job["cache_hit"] for job in jobs].count(False) == 1
        assert server.notes == ["begun", "done"]
        statistics = server.http.get("/v1/cache").json()
        assert (statistics["hits"], statistics["misses"], statistics["size"]) == (9, 1, 1)


def test_when_the_one_that_works_is_cancelled_another_takes_over(tmp_path: Path) -> None:
    with running_server(tmp_path / "server", model={"name": "deaf"}, cache=CACHE) as server:
        first = server.submit()
        server.wait(first, "converting")
        second = server.submit()
        assert server.job(second)["status"] == "queued"
        server.http.post(f"/v1/jobs/{first}/cancel")
        assert server.wait(second, "converting")["status"] == "converting"
        assert server.job(first)["status"] == "cancelled"


def test_kept_results_survive_a_restart_unless_told_otherwise(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    settings: dict[str, Any] = {"model": {"name": "instant"}, "cache": CACHE}
    with running_server(folder, **settings) as server:
        server.wait(server.submit())
        server.kill()
    with running_server(folder, **settings) as server:
        assert server.job(server.submit())["cache_hit"]


def test_statistics_tell_and_clearing_forgets(tmp_path: Path) -> None:
    with running_server(
        tmp_path / "server", model={"name": "instant"}, cache={"enabled": True, "size": 7}
    ) as server:
        assert server.http.get("/v1/cache").json() == {
            "enabled": True,
            "size": 0,
            "max_size": 7,
            "hits": 0,
            "misses": 0,
            "hit_rate": 0.0,
        }
        for _ in range(4):
            server.wait(server.submit())
        told = server.http.get("/v1/cache").json()
        assert (told["size"], told["hits"], told["misses"], told["hit_rate"]) == (1, 3, 1, 75.0)
        assert server.http.post("/v1/cache/clear").json() == {"status": "success", "message": "缓存已清空"}
        assert server.http.get("/v1/cache").json()["size"] == 0
        server.wait(server.submit())
        assert len(server.notes) == 2


def test_servers_share_results_through_redis_and_live_without_it(tmp_path: Path) -> None:
    with running_redis() as redis:
        shared = {"enabled": True, "url": redis.url}
        settings: dict[str, Any] = {"model": {"name": "instant"}, "cache": CACHE, "redis": shared}
        with (
            running_server(tmp_path / "a", **settings) as here,
            running_server(tmp_path / "b", **settings) as there,
        ):
            first = here.submit()
            here.wait(first)
            while not redis.client.keys("mlsharp:result:*"):  # it is shared a little later
                time.sleep(0.05)
            second = there.job(there.submit())
            assert (second["done"], second["cache_hit"]) == (True, True)
            assert bytes_of(here, first) == bytes_of(there, second["id"])
            assert there.notes == []
            redis.kill()
            assert here.wait(here.submit(focal_length=321))["status"] == "completed"
            assert "Traceback" not in here.log
