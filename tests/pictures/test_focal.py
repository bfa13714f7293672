from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from tests.pictures.files import encoded, exif
from wheatstone.pictures import FocalSource, read_picture
from wheatstone.pictures.focal import focal_length

F35 = int(ExifTags.Base.FocalLengthIn35mmFilm)
FOCAL = int(ExifTags.Base.FocalLength)
FULL_FRAME = (36, 24)
"""A picture of this size has as many pixels of focal length as millimetres."""

CASES = json.loads((Path(__file__).parents[1] / "data" / "sharp" / "exif_cases.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_focal_lengths_are_those_of_sharp(case: dict[str, Any]) -> None:
    tags = exif(orientation=case["Orientation"], f35=case["FocalLengthIn35mmFilm"], focal=case["FocalLength"])
    picture = read_picture(encoded(Image.new(case["mode"], tuple(case["size"])), case["format"], exif=tags))
    assert picture.f_px == pytest.approx(case["f_px"], rel=1e-12)


def test_the_main_directory_wins_over_the_exif_directory() -> None:
    tags = Image.Exif()
    tags.get_ifd(ExifTags.IFD.Exif)[F35] = 26
    tags[F35] = 50
    picture = read_picture(encoded(np.zeros((24, 36, 3), np.uint8), "JPEG", exif=tags.tobytes()))
    assert picture.f_px == pytest.approx(50)


@pytest.mark.parametrize(
    ("tags", "f_px", "source"),
    [
        ({}, 30, FocalSource.DEFAULT),
        ({F35: 26}, 26, FocalSource.EXIF_35MM),
        ({F35: 26, FOCAL: 4.25}, 26, FocalSource.EXIF_35MM),
        ({F35: 0, FOCAL: 50}, 50, FocalSource.EXIF),
        ({FOCAL: Fraction(17, 4)}, 4.25 * 8.4, FocalSource.EXIF),
        ({FOCAL: 9.99}, 9.99 * 8.4, FocalSource.EXIF),
        ({FOCAL: 10}, 10, FocalSource.EXIF),
        ({FOCAL: 0}, 30, FocalSource.DEFAULT),
        ({F35: 65535}, 30, FocalSource.DEFAULT),
        ({F35: 65535, FOCAL: 35}, 35, FocalSource.EXIF),
    ],
)
def test_the_rules(tags: dict[int, object], f_px: float, source: FocalSource) -> None:
    result_px, result_source = focal_length(tags, *FULL_FRAME)
    assert result_px == pytest.approx(f_px)
    assert result_source is source


@pytest.mark.parametrize(
    "value",
    [
        IFDRational(1, 0),
        IFDRational(0, 0),
        IFDRational(-26, 1),
        math.nan,
        math.inf,
        -math.inf,
        10**400,
        "26",
        b"26",
        (26, 1),
        (),
        None,
        26j,
    ],
    ids=repr,
)
def test_a_nonsense_value_counts_as_absent(value: object) -> None:
    f_px, source = focal_length({F35: value, FOCAL: value}, *FULL_FRAME)
    assert f_px == pytest.approx(30)
    assert source is FocalSource.DEFAULT


@given(
    st.dictionaries(
        st.sampled_from([F35, FOCAL]),
        st.one_of(st.integers(), st.floats(), st.fractions(), st.text(), st.tuples(st.integers()), st.none()),
    ),
    st.integers(1, 65535),
    st.integers(1, 65535),
)
def test_the_focal_length_is_always_usable(tags: dict[int, object], width: int, height: int) -> None:
    f_px, _ = focal_length(tags, width, height)
    assert 0.01 < f_px < math.inf


def test_the_focal_length_belongs_to_the_upright_picture() -> None:
    picture = read_picture(encoded(np.zeros((24, 36, 3), np.uint8), "JPEG", exif=exif(orientation=6, f35=28)))
    assert picture.rgb.shape == (36, 24, 3)
    assert picture.f_px == pytest.approx(28)
