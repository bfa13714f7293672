"""A server that is killed, a model that crashes: every task ends, once, and what was done is not redone."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from bench import kills

from tests.live import PHOTO, LiveServer, running_server

WAY = ["queued", "converting", "compressing", "completed"]


def slow_compressor(folder: Path) -> dict[str, Any]:
    """An external compressor that leaves a note, takes its time, and then copies."""
    script = folder / "compressor"
    script.write_text(f'#!/bin/sh\necho compress >> {folder}/compressions\nsleep 1.5\ncp "$1" "$2"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {"command": str(script), "args_template": ["{input_file}", "{output_file}"]}


def processes_of(server: LiveServer) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children(recursive=True)


@pytest.mark.parametrize("stage", ["queued", "converting", "compressing"])
def test_a_killed_server_loses_nothing_and_redoes_no_finished_stage(stage: str, tmp_path: Path) -> None:
    folder = tmp_path / "server"
    settings: dict[str, Any] = {
        "model": {"name": "slow"},
        "compression": slow_compressor(tmp_path),
    }
    with running_server(folder, **settings) as server:
        first = server.submit()
        ids = [first]
        if stage == "queued":
            ids += [server.submit() for _ in range(2)]
        else:
            server.wait(first, stage)
            time.sleep(0.3)
        children = processes_of(server)
        server.kill()
    psutil.wait_procs(children, timeout=10)
    with running_server(folder, **settings) as server:
        for task_id in ids:
            assert server.wait(task_id)["status"] == "completed"
            assert server.statuses(task_id, after=0) == WAY
            assert len(server.http.get(f"/result/{task_id}").content) > 0
        notes = server.notes
    assert notes.count("done") == len(ids)
    if stage == "compressing":
        assert notes.count("begun") == 1  # the finished stage was not redone


def test_a_task_that_an_older_server_began_is_finished(tmp_path: Path) -> None:
    """What the first version recorded of a finished prediction: the scene's facts and seconds, side by side."""
    settings: dict[str, Any] = {"model": {"name": "instant"}, "compression": slow_compressor(tmp_path)}
    with running_server(tmp_path / "server", **settings) as server:
        task_id = server.submit()
        server.wait(task_id, "compressing")
        server.kill()
    with closing(sqlite3.connect(tmp_path / "server" / "output" / "sqlite" / "metadata.db")) as database, database:
        (recorded,) = database.execute("SELECT output FROM operation_outputs").fetchone()
        result = json.loads(recorded)
        older = {**result["scene"], "seconds": result["seconds"]}
        database.execute("UPDATE operation_outputs SET output = ?", (json.dumps(older),))
    with running_server(tmp_path / "server", **settings) as server:
        job = server.wait(task_id)
        assert (job["status"], job["model"]) == ("completed", "instant"), job
        assert "sog" in str(job["artifacts"])


def test_a_kill_leaves_nothing_half_written_behind(tmp_path: Path) -> None:
    with running_server(tmp_path, model={"name": "slow"}) as server:
        server.wait(server.submit(), "converting")
        server.kill()
    with running_server(tmp_path, model={"name": "slow"}) as server:
        server.wait(server.submit())
        deadline = time.monotonic() + 20
        while list((tmp_path / "output" / "results" / "work").iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list((tmp_path / "output" / "results" / "work").iterdir()) == []


def test_kills_at_any_moment_lose_nothing(tmp_path: Path) -> None:
    """A twentieth of `python -m bench kills`."""
    tally = kills.campaign(tmp_path, kills.KILLS // 20)
    assert tally["accepted"] > 0
    assert tally["lost"] == tally["out_of_order"] == tally["without_result"] == 0, tally


@pytest.mark.parametrize("moment", ["before it is completed", "after it is completed", "after the PLY is deleted"])
def test_a_kill_at_the_very_end_leaves_the_result_whole(moment: str, tmp_path: Path) -> None:
    kill = {"WHEATSTONE_TEST_KILL": moment}
    with running_server(tmp_path, model={"name": "instant"}, environment=kill) as server:
        task_id = server.submit()
        server.process.wait(60)
    with running_server(tmp_path, model={"name": "instant"}) as server:
        assert server.wait(task_id)["status"] == "completed"
        assert server.statuses(task_id, after=0) == WAY
        assert server.http.get(f"/result/{task_id}").status_code == 200
        folder = tmp_path / "output" / "results" / "tasks" / task_id
        deadline = time.monotonic() + 20
        while {path.name for path in folder.iterdir()} != {"output.sog", "poster.webp", "metadata.json"}:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_error_in_the_server_in_the_middle_of_a_call_harms_no_other_task(tmp_path: Path) -> None:
    with running_server(
        tmp_path, model={"name": "slow"}, environment={"WHEATSTONE_TEST_FAIL": "second"}
    ) as server:
        statuses = [server.wait(server.submit())["status"] for _ in range(4)]
    assert statuses == ["completed", "failed", "completed", "completed"]


def test_told_twice_to_end_it_does_not_wait(tmp_path: Path) -> None:
    with running_server(tmp_path, model={"name": "deaf"}) as server:
        task_id = server.submit()
        server.wait(task_id, "converting")
        for _ in range(2):
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        assert server.process.wait(10) == 0


def test_a_killed_model_is_started_again_and_the_photo_retried(tmp_path: Path) -> None:
    with running_server(tmp_path, model={"name": "slow"}) as server:
        task_id = server.submit()
        server.wait(task_id, "converting")
        (child,) = [child for child in processes_of(server) if "model_child" in " ".join(child.cmdline())]
        time.sleep(0.3)
        child.send_signal(signal.SIGKILL)
        assert server.wait(task_id)["status"] == "completed"
        assert server.statuses(task_id, after=0) == WAY
        assert server.notes == ["begun", "begun", "done"]


def test_a_photo_that_crashes_the_model_three_times_fails_and_the_next_one_is_served(tmp_path: Path) -> None:
    with running_server(tmp_path, model={"name": "crashing"}) as server:
        task_id = server.submit()
        job = server.wait(task_id)
        assert job["error"]["code"] == "child-crashed"
        assert "3 times" in job["error"]["detail"]
        assert server.notes == ["crash"] * 3
        assert server.http.get("/health").json()["status"] == "healthy"
        assert server.wait(server.submit())["status"] == "failed"


def test_a_model_that_raises_fails_that_task_only_and_is_not_retried(tmp_path: Path) -> None:
    with running_server(tmp_path, model={"name": "failing"}) as server:
        job = server.wait(server.submit())
        assert job["error"]["code"] == "model-failed"
        assert "divided by zero" in job["error"]["detail"]
        assert "Traceback" in server.log  # for whoever keeps the server, not for the client


def test_told_to_end_it_finishes_the_running_stage_and_goes_on_after_the_next_start(tmp_path: Path) -> None:
    with running_server(tmp_path, model={"name": "slow"}) as server:
        ids = [server.submit() for _ in range(3)]
        while not server.notes:
            time.sleep(0.01)
        assert server.terminate() == 0
        assert server.notes == ["begun", "done"]
    with running_server(tmp_path, model={"name": "slow"}) as server:
        for task_id in ids:
            assert server.wait(task_id)["status"] == "completed"
        assert server.notes == ["begun", "done"] * 3


def test_a_stage_that_takes_too_long_is_handed_back_at_the_end(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"model": {"name": "slow"}, "server": {"drain_timeout_s": 0.2}}
    with running_server(tmp_path, **settings) as server:
        task_id = server.submit()
        server.wait(task_id, "converting")
        assert server.terminate() == 0
    with running_server(tmp_path, **settings) as server:
        assert server.wait(task_id)["status"] == "completed"
        assert server.statuses(task_id, after=0) == WAY
        assert server.notes == ["begun", "begun", "done"]


def test_told_to_end_it_ends_the_streams(tmp_path: Path) -> None:
    with running_server(tmp_path, model={"name": "deaf"}, server={"drain_timeout_s": 0.2}) as server:
        task_id = server.submit()
        server.wait(task_id, "converting")
        heard: list[str] = []
        follower = threading.Thread(target=lambda: heard.extend(server.statuses(task_id)))
        follower.start()
        time.sleep(0.5)
        assert server.terminate() == 0
        follower.join(10)
        assert heard == ["queued", "converting"]


def test_a_client_that_goes_in_the_middle_of_a_stream_leaves_nothing_behind(tmp_path: Path) -> None:
    with running_server(tmp_path, model={"name": "deaf"}) as server:
        task_id = server.submit()
        server.wait(task_id, "converting")
        process = psutil.Process(server.process.pid)

        def connect() -> None:
            with server.http.stream("GET", f"/stream/{task_id}") as answer:
                next(answer.iter_lines())

        connect()
        before = process.num_fds()
        for _ in range(50):
            connect()
        deadline = time.monotonic() + 20
        while process.num_fds() > before + 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_ten_equal_uploads_at_once_are_ten_tasks_and_one_photo(tmp_path: Path) -> None:
    with running_server(tmp_path, model={"name": "instant"}) as server:
        with ThreadPoolExecutor(10) as pool:
            ids = list(pool.map(lambda _: server.submit(), range(10)))
        assert len(set(ids)) == 10
        results = set()
        for task_id in ids:
            assert server.wait(task_id)["status"] == "completed"
            results.add(server.http.get(f"/result/{task_id}").content)
        assert len(results) == 1
        (photo,) = (tmp_path / "output" / "results" / "photos").iterdir()
        assert photo.read_bytes() == PHOTO.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="needs descriptors to count")
def test_many_tasks_in_a_row_leave_memory_and_descriptors_flat(tmp_path: Path) -> None:
    """A twentieth of what `python -m bench server` does."""
    with running_server(tmp_path, model={"name": "instant"}) as server:
        process = psutil.Process(server.process.pid)
        for _ in range(10):
            server.wait(server.submit())
        before = process.num_fds(), process.memory_info().rss
        for _ in range(50):
            assert server.wait(server.submit())["status"] == "completed"
        assert process.num_fds() <= before[0] + 8
        assert process.memory_info().rss < before[1] + 30_000_000
