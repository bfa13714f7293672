from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.models.inflate import crockery
from tests.models.photos import textured
from wheatstone.arrays import U8, Mask
from wheatstone.models.inflate.features import find_features
from wheatstone.models.inflate.heights import raise_heights
from wheatstone.models.inflate.silhouette import PLAN_PX, find_silhouette

BLOB = np.asarray(cv2.ellipse(crockery.empty(), (256, 256), (190, 230), 0, 0, 360, 255, -1)) > 0
"""As large as a ball, but none."""
FUR = textured(PLAN_PX, PLAN_PX, (160, 120, 80), 14)
STRIPES = np.where((np.indices((PLAN_PX, PLAN_PX))[0] // 32 % 2 == 0)[..., None], FUR, 255 - FUR).astype(np.uint8)


def with_face(rgb: U8) -> U8:
    drawn = rgb.copy()
    for x in (210, 300):
        cv2.circle(drawn, (x, 210), 17, (250, 250, 250), -1)
        cv2.circle(drawn, (x, 210), 9, (20, 60, 160), -1)
    cv2.ellipse(drawn, (255, 290), (50, 26), 0, 0, 180, (170, 20, 30), -1)
    return np.asarray(drawn, np.uint8)


def features(rgb: U8, inside: Mask = BLOB) -> Mask:
    silhouette = find_silhouette(inside.astype(np.float32), "it.png")
    return find_features(silhouette, raise_heights(silhouette, rgb), rgb)


def test_a_face_is_a_feature() -> None:
    found = features(with_face(FUR))
    for row, column in ((210, 210), (210, 300), (300, 255)):
        assert found[row, column]
    assert found.mean() < 0.3 * BLOB.mean()


def test_a_label_on_a_bottle_is_a_feature() -> None:
    rgb = crockery.plan((30, 90, 50))
    rgb[300:420, 200:312] = (240, 235, 220)
    rgb[340:360, 220:290] = (20, 20, 20)
    found = features(rgb, crockery.bottle())
    assert found[310:410, 210:300].mean() > 0.95
    assert not found[450].any()


@pytest.mark.parametrize("rgb", [FUR, STRIPES, crockery.plan()], ids=["fur", "stripes", "plain"])
def test_what_is_everywhere_is_no_feature(rgb: U8) -> None:
    assert features(rgb).mean() < 0.02


def test_an_opening_is_a_feature() -> None:
    rgb, inside = crockery.cup()
    assert features(rgb, inside)[100, 256]
