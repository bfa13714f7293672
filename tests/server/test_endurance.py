"""A server that works for days holds no more than one that has just begun."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import endurance, sockets

from tests.live import PHOTO

LITTLE_MB = 25
"""Over four hundred tasks: what caches of the database's connections take, and less than a photo a task."""
LITTLE_FILES = 10


@pytest.mark.slow
def test_memory_and_open_files_stay_flat_and_the_cache_within_its_size(tmp_path: Path) -> None:
    """A twentieth of `python -m bench endurance`."""
    tally = endurance.campaign(tmp_path / "server", endurance.TASKS // 20)
    assert tally["growth"]["server_mb"] < LITTLE_MB, tally
    assert tally["growth"]["children_mb"] < LITTLE_MB, tally
    assert tally["growth"]["open_files"] < LITTLE_FILES, tally
    assert tally["cache"]["size"] == tally["cache"]["max_size"]
    assert tally["cache"]["hits"] == 0


@pytest.mark.slow
def test_photos_over_websockets_are_served_as_they_come(tmp_path: Path) -> None:
    """As `python -m bench mesh` asks for meshes."""
    tally = sockets.clients(tmp_path / "server", [PHOTO], 16, model="slow-mesh")
    assert tally["overtaken"] == 0, tally
    assert len(tally["shares"]) == sockets.CLIENTS
    assert max(tally["shares"]) - min(tally["shares"]) <= 1, tally


@pytest.mark.slow
def test_photos_over_a_websocket_leave_nothing(tmp_path: Path) -> None:
    tally = sockets.requests(tmp_path / "server", PHOTO, 50, model="instant-mesh")
    assert tally["files_left"] == []
    assert tally["growth"]["server_mb"] < LITTLE_MB, tally
    assert tally["growth"]["children_mb"] < LITTLE_MB, tally
    assert tally["growth"]["open_files"] < LITTLE_FILES, tally


def test_who_was_overtaken_is_counted_by_who_came_later_and_was_served_before() -> None:
    first = sockets.Served(0, sent_s=0, came_s=1, first_s=9, last_s=10)
    others = [sockets.Served(client, 0, came_s=1 + client, first_s=client, last_s=client) for client in (1, 2, 3)]
    assert sockets.fairness([first, *others])["overtaken"] == 3
    assert sockets.fairness(others)["overtaken"] == 0
    assert sockets.fairness([first, *others])["order"] == [1, 2, 3, 0]
