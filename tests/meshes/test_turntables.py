from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.meshes.shapes import SIDES, box
from wheatstone.errors import BadOptionError
from wheatstone.meshes.turntables import Studio, contact_sheet, write_turntable

STUDIO = Studio(box(), 48, 32, elevation_deg=0, shading=0)


def test_a_sheet_shows_views_side_by_side() -> None:
    sheet = contact_sheet(STUDIO, [0, 90])
    assert sheet.shape == (32, 96, 3)
    assert sheet[16, 24].tolist() == SIDES[4].tolist()
    assert sheet[16, 72].tolist() == SIDES[0].tolist()


def test_a_sheet_without_views_is_refused() -> None:
    with pytest.raises(BadOptionError, match="at least one"):
        contact_sheet(STUDIO, [])


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_turntable_goes_once_around(suffix: str, tmp_path: Path) -> None:
    shares: list[float] = []
    path = write_turntable(STUDIO, tmp_path / f"turn{suffix}", seconds=1, fps=4, progress=shares.append)
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert shares == [0.25, 0.5, 0.75, 1]
    for frame, side in zip(frames, [4, 0, 5, 1], strict=True):
        assert np.abs(frame[16, 24].astype(int) - SIDES[side]).max() < 25


def test_the_same_turntable_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_turntable(STUDIO, tmp_path / name, seconds=0.5, fps=8) for name in ("a.mp4", "b.mp4"))
    assert first.read_bytes() == second.read_bytes()


def test_odd_sides_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOptionError, match="even"):
        write_turntable(Studio(box(), 47, 32), tmp_path / "a.mp4")
