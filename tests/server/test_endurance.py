"""A server that works for days holds no more than one that has just begun."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import endurance

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
