"""Servers killed at any moment: every task that was accepted ends completed, once, with its stages in order."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
from tests.live import LiveServer, running_server

KILLS = 60
TASKS_A_LIFE = 6
LONGEST_LIFE_S = 6.0
SLOW_EVERY = 4
_WAY = ["queued", "converting", "compressing", "completed"]


def run() -> dict[str, Any]:
    """The whole campaign; the tests do a twentieth."""
    with tempfile.TemporaryDirectory() as folder:
        return campaign(Path(folder), KILLS)


def campaign(folder: Path, kills: int, seed: int = 0) -> dict[str, Any]:
    """Start a server, submit, kill it, `kills` times; then let one live and ask it for every task.

    Returns:
        How many tasks were accepted, at what status the kills met them, and how many came out wrong: `lost` are
        not completed, `out_of_order` have other events than one of each status, `without_result` have no file.
    """
    chance = random.Random(seed)
    accepted: list[str] = []
    met: Counter[str] = Counter()
    for life in range(kills):
        model = "slow" if life % SLOW_EVERY == 0 else "instant"  # a task keeps the model of its life
        with running_server(folder, model={"name": model}) as server:
            submitting = threading.Thread(target=_submit, args=(server, accepted))
            submitting.start()
            time.sleep(chance.uniform(0, LONGEST_LIFE_S))
            met.update(_statuses(server, accepted[-2 * TASKS_A_LIFE :]))
            server.kill()
            submitting.join()
    wrong = {"lost": 0, "out_of_order": 0, "without_result": 0}
    with running_server(folder) as server:
        for task_id in accepted:
            wrong["lost"] += server.wait(task_id)["status"] != "completed"
            wrong["out_of_order"] += server.statuses(task_id, after=0) != _WAY
            wrong["without_result"] += server.http.get(f"/result/{task_id}").status_code != 200
    return {"kills": kills, "accepted": len(accepted), "met_at": dict(met), **wrong}


def _submit(server: LiveServer, accepted: list[str]) -> None:
    """Submit until the server is gone; a task counts once its id has arrived."""
    try:
        for _ in range(TASKS_A_LIFE):
            accepted.append(server.submit())
    except httpx2.HTTPError:
        return


def _statuses(server: LiveServer, task_ids: list[str]) -> list[str]:
    return [server.job(task_id)["status"] for task_id in list(task_ids)]
