from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.models.photos import disc, photo, textured
from wheatstone.errors import CheckpointUnavailableError
from wheatstone.models.matting import MatteSource, estimate_matte
from wheatstone.models.matting.u2net import saliency

pytestmark = pytest.mark.slow  # may fetch the checkpoint


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


def test_a_horse_is_told_from_its_background(u2netp: Path) -> None:
    silhouette = photo("horse.png")
    probability, certainty = saliency(silhouette, u2netp)
    assert probability.shape == silhouette.shape[:2]
    assert overlap(probability > 0.5, silhouette[..., 0] < 128) > 0.9
    assert certainty > 0.9


def test_an_object_before_a_busy_background_is_found(u2netp: Path) -> None:
    height, width = 240, 320
    ball = disc(height, width, 70)
    busy = np.where(ball[..., None], np.array([220, 50, 40], np.uint8), textured(height, width, (90, 120, 90), 25))
    matte = estimate_matte(busy, None, u2netp)
    assert matte.source is MatteSource.U2NET
    assert overlap(matte.alpha > 0.5, ball) > 0.95


def test_the_astronaut_is_found_and_the_rocket_behind_her_is_not(u2netp: Path) -> None:
    matte = estimate_matte(photo("astronaut.png", 256), None, u2netp)
    assert matte.alpha[50:90, 100:125].min() > 0.95
    assert matte.alpha[200:, 60:160].mean() > 0.95
    assert matte.alpha[20:130, 175:230].max() < 0.05
    assert matte.confidence > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 500), (16, 16)])
def test_tiny_and_thin_pictures_survive(shape: tuple[int, int], u2netp: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    probability, _ = saliency(noise, u2netp)
    assert probability.shape == shape
    assert probability.min() >= 0
    assert probability.max() <= 1


def test_a_black_picture_survives(u2netp: Path) -> None:
    probability, _ = saliency(np.zeros((40, 60, 3), np.uint8), u2netp)
    assert np.isfinite(probability).all()


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    damaged = tmp_path / "u2netp.onnx"
    damaged.write_bytes(b"\x08" * 1000)
    with pytest.raises(CheckpointUnavailableError, match="u2netp"):
        saliency(np.zeros((8, 8, 3), np.uint8), damaged)
