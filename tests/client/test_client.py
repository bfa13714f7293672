from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.client.scripted import job, says, scripted
from wheatstone.client import AsyncClient, Client, Options
from wheatstone.client.outcomes import FINAL
from wheatstone.client.transports import run
from wheatstone.storage import Status
from wheatstone.wire import JobOptions

LIGHT = """
import sys
import wheatstone.client
heavy = {"numpy", "numba", "cv2", "scipy", "PIL", "dbos", "sqlalchemy", "fastapi", "rich", "cyclopts"}
print(sorted(heavy & sys.modules.keys()))
"""


def methods(kind: type) -> dict[str, Callable[..., Any]]:
    return {name: member for name, member in vars(kind).items() if callable(member) and not name.startswith("_")}


def test_importing_the_client_is_light() -> None:
    printed = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True).stdout
    assert printed == "[]\n"


def test_both_clients_have_the_same_methods() -> None:
    assert list(methods(Client)) == list(methods(AsyncClient))


@pytest.mark.parametrize("name", [*methods(Client), "__doc__", "__init__"])
def test_both_clients_have_the_same_documentation_and_parameters(name: str) -> None:
    ours, theirs = getattr(Client, name), getattr(AsyncClient, name)
    if name == "__doc__":
        assert ours == theirs
    elif name == "__init__":
        assert inspect.signature(theirs).parameters.keys() - inspect.signature(ours).parameters == {"transport"}
    else:
        assert ours.__doc__ == theirs.__doc__
        assert inspect.signature(ours).parameters == inspect.signature(theirs).parameters


def test_the_client_knows_all_options_and_statuses() -> None:
    assert Options.__annotations__.keys() == JobOptions.model_fields.keys()
    assert {status for status in Status if status.is_final} == FINAL


def test_a_blocking_client_works_within_an_event_loop() -> None:
    async def program(url: str) -> list[str]:
        with Client(url) as client:
            return [known.id for known in client.jobs()]

    with scripted(says({"jobs": [job()], "next": None})) as s:
        assert asyncio.run(program(s.url)) == ["j"]


def test_an_upload_does_not_stop_the_event_loop() -> None:
    async def program(url: str) -> tuple[str, int]:
        async with AsyncClient(url) as client:
            turns = 0
            upload = asyncio.create_task(client.submit(b"pixels"))
            while not upload.done():
                turns += 1
                await asyncio.sleep(0)
            return (await upload).id, turns

    with scripted(says(job("queued"), 202)) as s:
        job_id, turns = asyncio.run(program(s.url))
    assert job_id == "j"
    assert turns > 10


def test_a_coroutine_that_needs_a_loop_is_refused() -> None:
    with pytest.raises(RuntimeError, match="event loop"):
        run(asyncio.sleep(1))
