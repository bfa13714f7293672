from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheatstone.arrays import I32
from wheatstone.splats._tiles import TILE_PX, batches, depth_order

ACROSS, DOWN = 5, 4


def random_boxes(n: int) -> I32:
    rng = np.random.default_rng(0)
    low = rng.integers(0, [ACROSS * TILE_PX, DOWN * TILE_PX], (n, 2))
    high = rng.integers(low + 1, [ACROSS * TILE_PX + 1, DOWN * TILE_PX + 1])
    return np.concatenate([low, high], axis=1).astype(np.int32)


@given(st.lists(st.floats(0, width=32, exclude_min=True, allow_infinity=False)))
def test_depths_sort_like_a_stable_sort(depths: list[float]) -> None:
    array = np.array(depths, np.float32)
    assert np.array_equal(depth_order(array), np.argsort(array, kind="stable"))


def test_equal_depths_keep_their_order() -> None:
    assert depth_order(np.array([2, 1, 2, 1, 2], np.float32)).tolist() == [1, 3, 0, 2, 4]


@pytest.mark.parametrize("max_entries", [1, 70, 400, 1 << 24])
def test_each_tile_lists_what_touches_it_in_order(max_entries: int) -> None:
    boxes = random_boxes(100)
    order = np.random.default_rng(1).permutation(100)
    lists = [
        batch.entries[start:stop].tolist()
        for batch in batches(boxes, order, ACROSS, DOWN, max_entries)
        for start, stop in zip(batch.starts[:-1], batch.starts[1:], strict=True)
    ]
    expected = []
    for top in range(0, DOWN * TILE_PX, TILE_PX):
        for left in range(0, ACROSS * TILE_PX, TILE_PX):
            x0, y0, x1, y1 = boxes[order].T
            touched = (x0 < left + TILE_PX) & (x1 > left) & (y0 < top + TILE_PX) & (y1 > top)
            expected.append(order[touched].tolist())
    assert lists == expected


def test_lists_of_gaussians_that_cover_everything_stay_bounded() -> None:
    boxes = np.tile(np.array([0, 0, ACROSS * TILE_PX, DOWN * TILE_PX], np.int32), (300, 1))
    lengths = [len(batch.entries) for batch in batches(boxes, np.arange(300), ACROSS, DOWN, 1000)]
    assert max(lengths) <= 1000
    assert sum(lengths) == 300 * ACROSS * DOWN


def test_a_single_tile_may_exceed_the_bound() -> None:
    boxes = np.tile(np.array([0, 0, 1, 1], np.int32), (50, 1))
    lengths = [len(batch.entries) for batch in batches(boxes, np.arange(50), ACROSS, DOWN, 10)]
    assert max(lengths) == sum(lengths) == 50
