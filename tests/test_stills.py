from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wheatstone.errors import BadOptionError, OutputExistsError
from wheatstone.stills import write_still

PICTURE = np.stack(np.meshgrid(np.arange(64) * 3, np.arange(43) * 4), axis=2).astype(np.uint8)
PICTURE = np.concatenate([PICTURE, PICTURE[..., :1]], axis=2)


def test_a_picture_is_written_as_webp(tmp_path: Path) -> None:
    path = write_still(PICTURE, tmp_path / "new" / "picture.webp")
    with Image.open(path) as file:
        assert (file.format, file.mode, file.size) == ("WEBP", "RGB", (64, 43))
        assert np.abs(np.asarray(file).astype(int) - PICTURE).mean() < 12


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_still(PICTURE, tmp_path / "1.webp").read_bytes()
    assert write_still(PICTURE, tmp_path / "2.webp").read_bytes() == first


def test_a_picture_that_exists_is_kept_unless_overwriting(tmp_path: Path) -> None:
    path = write_still(PICTURE, tmp_path / "picture.webp")
    before = path.read_bytes()
    with pytest.raises(OutputExistsError):
        write_still(PICTURE[::-1], path, overwrite=False)
    assert path.read_bytes() == before


def test_a_picture_too_long_for_webp_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOptionError, match="16383"):
        write_still(np.zeros((1, 16384, 3), np.uint8), tmp_path / "long.webp")
    assert list(tmp_path.iterdir()) == []
