from __future__ import annotations

import re

import pytest

from wheatstone import errors
from wheatstone.errors import WheatstoneError, reason

ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, WheatstoneError)]


@pytest.mark.parametrize("error", ALL)
def test_every_error_says_what_it_is(error: type[WheatstoneError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)
    assert error.title
    assert 400 <= error.status < 600
    assert error.__doc__


def test_no_two_errors_share_a_code_or_a_title() -> None:
    assert len({error.code for error in ALL}) == len({error.title for error in ALL}) == len(ALL)


def test_every_error_can_be_caught_as_one() -> None:
    with pytest.raises(WheatstoneError, match="what was wrong"):
        raise errors.BadPictureError("what was wrong")


@pytest.mark.parametrize("error", ALL)
def test_an_error_is_found_by_its_code(error: type[WheatstoneError]) -> None:
    found = errors.error_of(error.code, "what was wrong")
    assert (type(found), str(found), found.code) == (error, "what was wrong", error.code)


def test_an_unknown_code_keeps_what_was_told() -> None:
    found = errors.error_of("new", "what was wrong", title="New", status=418)
    assert (type(found), found.code, found.title, found.status) == (WheatstoneError, "new", "New", 418)
    assert WheatstoneError.code == "internal"


@pytest.mark.parametrize(
    ("text", "told"),
    [("no  such\nchunk.", "no such chunk"), ("", "ValueError"), ("\x1b[2J", "?[2J"), ("long" * 999, "long" * 50)],
)
def test_a_reason_is_one_short_printable_line(text: str, told: str) -> None:
    assert reason(ValueError(text)) == told
