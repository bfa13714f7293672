from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.pictures.files import encoded, exif, gradient
from wheatstone.errors import BadOptionError, BadPictureError, PictureTooLargeError
from wheatstone.pictures import FocalSource, Picture, read_picture
from wheatstone.settings import PictureLimits


def test_a_picture_is_read_from_a_file_or_from_bytes(tmp_path: Path) -> None:
    data = encoded(gradient(), "PNG", exif=exif(f35=26))
    path = tmp_path / "photo.jpg"  # the name does not decide
    path.write_bytes(data)
    from_file, from_bytes = read_picture(path), read_picture(data)
    assert from_file.name == "photo.jpg"
    assert (from_file.rgb == gradient()).all()
    assert (from_file.rgb == from_bytes.rgb).all()
    assert from_file.f_px == from_bytes.f_px
    assert from_file.focal_source is FocalSource.EXIF_35MM


def test_messages_name_the_picture(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadPictureError, match=r"^notes\.txt is not"):
        read_picture(tmp_path / "notes.txt")
    with pytest.raises(BadPictureError, match=r"^upload 7 is not"):
        read_picture(b"hello", name="upload 7")


def test_a_given_focal_length_wins() -> None:
    picture = read_picture(encoded(gradient(), "JPEG", exif=exif(f35=26)), f_px=123.5)
    assert (picture.f_px, picture.focal_source) == (123.5, FocalSource.GIVEN)


@pytest.mark.parametrize("f_px", [0.0, -1.0, 1e-320, 1e300, float("nan"), float("inf")])
def test_a_given_focal_length_must_be_usable(f_px: float) -> None:
    with pytest.raises(BadOptionError, match="1 to 1,000,000 pixels"):
        read_picture(encoded(gradient(), "JPEG"), f_px=f_px)


def test_the_limits_of_the_settings_hold_by_default() -> None:
    with pytest.raises(PictureTooLargeError, match=r"at most 100\.0 MB"):
        read_picture(bytes(100_000_001))


def test_a_file_over_the_limit_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(gradient(), "PNG"))
    monkeypatch.delattr(Path, "read_bytes")
    with pytest.raises(PictureTooLargeError, match=r"photo\.png has"):
        read_picture(path, limits=PictureLimits(max_bytes=100))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPictureError, match=r"nowhere\.jpg cannot be read"):
        read_picture(tmp_path / "nowhere.jpg")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPictureError, match="is not a file"):
        read_picture(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are for POSIX")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(BadPictureError, match="is not a file"):
        read_picture(tmp_path / "pipe.jpg")


def test_a_path_that_cannot_be_is_refused() -> None:
    with pytest.raises(BadPictureError, match="cannot be read"):
        read_picture(Path("photo\0.jpg"))


def picture(rgb: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], alpha: object = None) -> Picture:
    return Picture("it", rgb, None if alpha is None else np.asarray(alpha, np.uint8), 100.0, FocalSource.GIVEN)


@pytest.mark.parametrize("long_side_px", [96, 97, 10_000])
def test_a_picture_is_never_enlarged(long_side_px: int) -> None:
    small = picture(gradient())
    assert small.resized(long_side_px) is small


def test_resizing_keeps_the_view() -> None:
    smaller = picture(gradient(96, 64)).resized(48)
    assert smaller.rgb.shape == (32, 48, 3)
    assert smaller.f_px == pytest.approx(50)
    halves = gradient(96, 64).reshape(32, 2, 48, 2, 3).mean(axis=(1, 3))
    assert np.abs(smaller.rgb - halves).mean() < 2


def test_resizing_does_not_alias() -> None:
    stripes = np.zeros((90, 90, 3), np.uint8)
    stripes[:, ::2] = 255
    inner = picture(stripes).resized(40).rgb[:, 2:-2]
    assert np.abs(inner.astype(int) - 127).max() < 40


def test_a_sliver_keeps_at_least_one_pixel() -> None:
    assert picture(np.zeros((1, 1000, 3), np.uint8)).resized(10).rgb.shape == (1, 10, 3)


def test_colours_do_not_bleed_out_of_transparent_parts() -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:, :31] = (0, 255, 0)
    rgb[:, 31:] = (200, 100, 50)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, 31:] = 255
    smaller = picture(rgb, alpha).resized(16)
    assert smaller.alpha is not None
    assert set(np.unique(smaller.alpha[:, [0, -1]])) == {0, 255}
    visible = smaller.rgb[smaller.alpha > 8].astype(int)
    assert np.abs(visible - [200, 100, 50]).max() <= 6


@pytest.mark.parametrize("long_side_px", [0, -5])
def test_a_picture_cannot_shrink_to_nothing(long_side_px: int) -> None:
    with pytest.raises(BadOptionError, match="cannot be resized"):
        picture(gradient()).resized(long_side_px)
