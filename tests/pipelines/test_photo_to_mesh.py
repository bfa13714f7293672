from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import wheatstone
from tests.pictures.files import encoded
from wheatstone.errors import BadPictureError, CancelledError
from wheatstone.models.roles import OBJECT, PIXELS, XYZ, Part
from wheatstone.pictures import Photo
from wheatstone.pipelines.photo_to_mesh import mesh_parts
from wheatstone.stages import Stages

NAMES = [PIXELS, XYZ, OBJECT]


class Reconstructing:
    """An executor that gives a first part, waits until it is told to go on, or to end, and gives the others."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.ended: list[str] = []

    def reconstruct_mesh(
        self, model: str, photo: Photo, stages: Stages, deliver: Callable[[Part], None], *, rank: float = 0.0
    ) -> None:
        if photo.source == b"no photo":
            raise BadPictureError("It is none.")
        try:
            deliver(Part(NAMES[0], model.encode()))
            with stages.cancellation.telling(self.may_go_on.set):
                assert self.may_go_on.wait(60)
            stages.cancellation.check()
            for name in NAMES[1:]:
                deliver(Part(name, b""))
        except CancelledError:
            self.ended.append("cancelled")
            raise
        self.ended.append("done")


def test_each_part_comes_the_moment_it_exists() -> None:
    executor = Reconstructing()

    async def program() -> list[str]:
        names = []
        async for part in mesh_parts(b"photo", executor, model="some"):  # type: ignore[arg-type]
            names.append(part.name)
            assert part.data == b"some" or executor.may_go_on.is_set()
            executor.may_go_on.set()
        return names

    assert asyncio.run(program()) == NAMES
    assert executor.ended == ["done"]


def test_who_turns_away_ends_the_work() -> None:
    executor = Reconstructing()

    async def program() -> None:
        async with aclosing(mesh_parts(b"photo", executor)) as parts:  # type: ignore[arg-type]
            async for _ in parts:
                break
        assert executor.ended == ["cancelled"]

    asyncio.run(program())


def test_who_is_cancelled_while_waiting_ends_the_work() -> None:
    executor = Reconstructing()

    async def program() -> None:
        async def ask() -> None:
            async for _ in mesh_parts(b"photo", executor):  # type: ignore[arg-type]
                asked.set()

        asked = asyncio.Event()
        asking = asyncio.create_task(ask())
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert executor.ended == ["cancelled"]

    asyncio.run(program())


def test_what_cannot_be_done_is_raised() -> None:
    async def program() -> None:
        async for _ in mesh_parts(b"no photo", Reconstructing()):  # type: ignore[arg-type]
            pytest.fail("there is nothing")

    with pytest.raises(BadPictureError, match=r"It is none\."):
        asyncio.run(program())


def test_the_library_tells_the_same_parts_both_ways(tmp_path: Path) -> None:
    pixels = np.zeros((96, 96, 4), np.uint8)
    rows, columns = np.mgrid[:96, :96]
    pixels[(rows - 48) ** 2 + (columns - 48) ** 2 < 40**2] = (200, 90, 40, 255)
    photo = tmp_path / "ball.png"
    photo.write_bytes(encoded(Image.fromarray(pixels), "PNG"))

    async def program() -> list[Part]:
        return [part async for part in wheatstone.mesh_parts(photo, model="inflate")]

    told: list[Part] = []
    mesh = wheatstone.mesh(photo, model="inflate", on_part=told.append)
    assert [part.name for part in told if part.name in NAMES] == NAMES
    assert asyncio.run(program()) == told
    assert mesh.is_watertight
