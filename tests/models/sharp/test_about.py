from __future__ import annotations

import pytest

from wheatstone.models.sharp.about import input_side_px, label, native_side_px


@pytest.mark.parametrize(
    ("size", "side_px"), [((1536, 1536), 1536), ((1200, 800), 1216), ((800, 1200), 1216), ((1, 1), 64)]
)
def test_an_input_size_snaps_to_a_square_of_multiples_of_64(size: tuple[int, int], side_px: int) -> None:
    assert input_side_px(*size) == side_px


def test_what_is_snapped_is_said(caplog: pytest.LogCaptureFixture) -> None:
    input_side_px(1200, 800)
    assert "1200x800 becomes 1216x1216" in caplog.text
    caplog.clear()
    input_side_px(1536, 1536)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("wanted_px", "side_px"), [(64, 512), (768, 1024), (1216, 1024), (1280, 1536), (4096, 1536)]
)
def test_the_network_works_at_the_nearest_native_side_of_two_the_larger(wanted_px: int, side_px: int) -> None:
    assert native_side_px(wanted_px) == side_px


def test_what_is_smaller_than_trained_is_labelled_a_draft() -> None:
    assert "draft" not in label(1536)
    assert "draft of 512 px" in label(512)
