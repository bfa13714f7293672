from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import LiveServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose model is instant."""
    with running_server(tmp_path_factory.mktemp("server"), model={"name": "instant"}) as server:
        yield server


@pytest.fixture(scope="module")
def done(server: LiveServer) -> str:
    """A task that is completed."""
    task_id = server.submit(focal_length=500)
    assert server.wait(task_id)["status"] == "completed"
    return task_id
