from __future__ import annotations

import pytest

from tests.client.conftest import Connect
from tests.client.scripted import Answer, batch, head, job, progress, refuses, says, scripted, status, streams
from wheatstone.errors import ServerUnreachableError, StillRunningError, UnknownTaskError
from wheatstone.wire import Batch, ProgressEvent, StatusEvent

EVENTS = "/v1/jobs/j/events?progress=true"


def statuses(events: object) -> list[str]:
    return [event.status for event in events if isinstance(event, StatusEvent)]  # type: ignore[attr-defined]


def test_events_come_until_the_job_has_ended(connect: Connect) -> None:
    with scripted(
        streams(status(1, "queued"), status(2, "converting"), progress(0.5), status(3, "completed"))
    ) as s:
        events = list(connect(s.url).follow("j"))
    assert [type(event).__name__[0] for event in events] == ["S", "S", "P", "S"]
    assert events[-1] == StatusEvent(job_id="j", status="completed")
    assert s.asked == [f"GET {EVENTS}"]


def test_it_ends_with_the_job_even_if_the_stream_does_not(connect: Connect) -> None:
    answer = streams(status(1, "completed"), ends=False, silent_s=60)
    with scripted(answer) as s:
        assert statuses(connect(s.url).follow("j")) == ["completed"]


@pytest.mark.parametrize("fault", ["closed", "reset"])
def test_a_stream_that_breaks_in_the_middle_of_an_event_goes_on_after_the_last_whole_one(
    connect: Connect, fault: str
) -> None:
    cut = status(2, "converting")[:-9]
    with scripted(
        streams(status(1, "queued"), cut, ends=False, resets=fault == "reset"),
        streams(status(2, "converting"), status(3, "compressing"), ends=False),
        refuses(503, "starting", Retry_After=0),
        streams(status(4, "completed")),
    ) as s:
        told = statuses(connect(s.url).follow("j"))
    assert told == ["queued", "converting", "compressing", "completed"]
    assert [request.headers.get("last-event-id") for request in s.requests] == [None, "1", "3", "3"]


def test_a_stream_that_ends_too_early_is_opened_again(connect: Connect) -> None:
    with scripted(streams(status(1, "queued")), says(job("converting")), streams(status(2, "failed"))) as s:
        assert statuses(connect(s.url).follow("j")) == ["queued", "failed"]
    assert s.asked == [f"GET {EVENTS}", "GET /v1/jobs/j", f"GET {EVENTS}"]


def test_a_stream_that_keeps_the_end_for_itself_is_made_up_for(connect: Connect) -> None:
    with scripted(streams(status(1, "queued")), says(job("completed"))) as s:
        assert statuses(connect(s.url).follow("j")) == ["queued", "completed"]


NO_STREAMS = [
    Answer(head(200, Content_Type="text/html", Content_Length=2) + b"hi"),
    Answer(head(406, Content_Length=0)),
]


@pytest.mark.parametrize("answer", NO_STREAMS, ids=["a page", "refused"])
def test_without_streams_the_job_is_asked_for_again_and_again(connect: Connect, answer: Answer) -> None:
    with scripted(
        answer, says(job("queued", stage=None)), says(job("converting")), says(job("converting")), says(job())
    ) as s:
        events = list(connect(s.url).follow("j"))
    assert statuses(events) == ["queued", "converting", "completed"]
    assert ProgressEvent(job_id="j", stage="work", fraction=0.5) in events
    assert len(events) == 4
    assert s.asked[1:] == ["GET /v1/jobs/j"] * 4


def test_streams_that_bring_nothing_are_given_up(connect: Connect) -> None:
    with scripted(*[streams(ends=False)] * 3, says(job("converting")), says(job())) as s:
        assert statuses(connect(s.url).follow("j")) == ["converting", "completed"]


def test_an_unknown_job_is_told_at_once(connect: Connect) -> None:
    with scripted(refuses(404, "unknown-task", "No job j.")) as s:
        with pytest.raises(UnknownTaskError, match=r"No job j\."):
            list(connect(s.url).follow("j"))
        assert len(s.requests) == 1


def test_a_server_that_stays_away_is_told(connect: Connect) -> None:
    with scripted(streams(status(1, "queued"), ends=False)) as s, pytest.raises(ServerUnreachableError):
        list(connect(s.url).follow("j"))


def test_waiting_has_an_end(connect: Connect) -> None:
    silent = streams(status(1, "queued"), ends=False, silent_s=60)
    with scripted(*[silent] * 9) as s:
        with pytest.raises(StillRunningError, match=r"0\.3 s"):
            connect(s.url).wait("j", timeout_s=0.3)
        assert set(s.asked) <= {f"GET {EVENTS}"}  # more than once, or never, where 0.3 s are short


def test_pings_do_not_keep_a_wait_going(connect: Connect) -> None:
    ping = b"8\r\n: ping\n\n\r\n"
    pings = streams(status(1, "queued"), ends=False, silent_s=0.1, drips=(ping,) * 600)
    with scripted(*[pings] * 9) as s:
        with pytest.raises(StillRunningError):
            connect(s.url).wait("j", timeout_s=1)
        assert {request.headers.get("last-event-id") for request in s.requests[1:]} == {"1"}


def test_streams_that_only_ping_are_not_given_up(connect: Connect) -> None:
    with scripted(*[streams(b": ping\n\n", ends=False)] * 5, streams(status(1, "completed"))) as s:
        assert statuses(connect(s.url).follow("j")) == ["completed"]


def test_the_events_of_a_batch_end_with_its_last_job(connect: Connect) -> None:
    known = Batch.model_validate(batch(job("queued"), job("queued", "k")))
    events = [status(1, "completed"), status(2, "failed", "k")]
    with scripted(streams(*events, ends=False, silent_s=60)) as s:
        told = [(event.job_id, event.status) for event in connect(s.url).follow_batch(known)]
    assert told == [("j", "completed"), ("k", "failed")]
    assert s.asked == ["GET /v1/batches/b/events?progress=true"]


def test_a_batch_without_jobs_has_ended(connect: Connect) -> None:
    known = Batch.model_validate(batch(rejected=("a.txt",)))
    with scripted() as s:
        assert list(connect(s.url).follow_batch(known)) == []


def test_a_caller_may_stop_listening(connect: Connect) -> None:
    with scripted(
        streams(status(1, "queued"), status(2, "converting"), ends=False, silent_s=60), says(job())
    ) as s:
        client = connect(s.url)
        for event in client.follow("j"):
            assert event.status == "queued"
            break
        assert client.job("j").done
