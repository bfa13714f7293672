from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wheatstone.client.events import EventParser, ServerEvent
from wheatstone.errors import BadAnswerError

STREAM = (
    b": hello\n\n"
    b"event: status\nid: 1\ndata: {}\n\n"
    b"event: progress\r\ndata: a\r\ndata:b\r\n\r\n"
    b":\r\r"
    b"data: \xc3\xbc\rid: 7\r\r"
    b"id: 8\n\n"
    b"event: status\nid: 9\ndata: cut off\n"
)
EVENTS = [
    ServerEvent("status", "{}", "1"),
    ServerEvent("progress", "a\nb", None),
    ServerEvent("message", "ü", "7"),
]


@given(st.lists(st.integers(0, len(STREAM))))
def test_events_are_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    parser = EventParser()
    events = [event for start, stop in pairwise(places) for event in parser.feed(STREAM[start:stop])]
    assert events == EVENTS


@given(st.lists(st.binary(max_size=40)))
def test_no_bytes_break_the_parser(chunks: list[bytes]) -> None:
    parser = EventParser()
    whole = EventParser().feed(b"".join(chunks))
    assert [event for chunk in chunks for event in parser.feed(chunk)] == whole


def test_a_line_without_end_is_refused() -> None:
    parser = EventParser()
    assert parser.feed(b"x" * 1_000_000) == []
    with pytest.raises(BadAnswerError, match="bytes"):
        parser.feed(b"x" * 100_000)
