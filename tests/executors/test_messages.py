from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheatstone.executors.messages import Call, Cancel, Failure, Made, Message, Progress, Result, decode, encode

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
MESSAGES = st.one_of(
    st.builds(
        Call, st.integers(), st.text(), st.dictionaries(st.text(), st.one_of(st.text(), NUMBERS, st.none()))
    ),
    st.builds(Cancel, st.integers()),
    st.builds(Progress, st.text(), NUMBERS),
    st.builds(Made, st.text()),
    st.builds(Result, st.dictionaries(st.text(), NUMBERS), st.dictionaries(st.text(), NUMBERS)),
    st.builds(Failure, st.text(), st.text()),
)


@given(MESSAGES)
def test_a_message_crosses_on_one_line(message: Message) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode(line) == message


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"kind": "Call"}', b'{"kind": "eval", "x": 1}', b"\xff"])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="not a message"):
        decode(line)
