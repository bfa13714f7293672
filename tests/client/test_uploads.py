from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from wheatstone.client.uploads import Upload
from wheatstone.errors import BadPictureError


def sent(upload: Upload) -> bytes:
    return httpx2.Request("POST", "http://host", files=upload.files).read()


def test_a_file_that_grows_is_sent_as_it_was(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"pixels")
    with Upload([photo], {}) as upload:
        photo.write_bytes(b"pixels and more")
        assert b"\r\n\r\npixels\r\n--" in sent(upload)


def test_a_file_that_shrinks_or_goes_is_told(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"pixels")
    with Upload([photo], {}) as upload:
        photo.write_bytes(b"pix")
        with pytest.raises(BadPictureError, match="shorter"):
            sent(upload)
    photo.write_bytes(b"pixels")
    with Upload([photo], {}) as upload:
        photo.unlink()
        with pytest.raises(BadPictureError, match="No such file"):
            sent(upload)


def test_an_empty_file_is_sent(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with Upload([tmp_path / "a.jpg"], {}) as upload:
        assert b"\r\n\r\n\r\n--" in sent(upload)
