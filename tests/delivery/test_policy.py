from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from wheatstone.delivery.policy import RetryPolicy, failure_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_each_wait_is_longer_than_the_one_before_and_they_end() -> None:
    policy = RetryPolicy(chance=lambda: 0.5)
    waits = [policy.delay_s(attempts) for attempts in range(1, 9)]
    assert waits.pop() is None
    known = [wait for wait in waits if wait is not None]
    assert known == sorted(known)
    assert len(known) == 7
    assert sum(known) > timedelta(hours=16).total_seconds()


def test_chance_makes_a_wait_longer_and_never_shorter() -> None:
    never, always = RetryPolicy(chance=lambda: 0.0), RetryPolicy(chance=lambda: 1.0)
    assert never.delay_s(1) == 5
    assert always.delay_s(1) == 6


def test_a_receiver_may_ask_for_a_longer_wait_within_bounds_and_for_no_shorter_one() -> None:
    policy = RetryPolicy(jitter=0)
    assert policy.delay_s(1, retry_after_s=90) == 90
    assert policy.delay_s(1, retry_after_s=1) == 5
    assert policy.delay_s(1, retry_after_s=1e9) == timedelta(days=1).total_seconds()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_is_no_failure(status: int) -> None:
    assert failure_of(status, None, NOW) is None


@pytest.mark.parametrize("status", [100, 301, 302, 400, 401, 404, 408, 409, 425, 429, 500, 503])
def test_all_other_answers_are_tried_again(status: int) -> None:
    failure = failure_of(status, None, NOW)
    assert failure is not None
    assert not failure.is_final


def test_a_receiver_that_is_gone_is_not_tried_again() -> None:
    failure = failure_of(410, None, NOW)
    assert failure is not None
    assert failure.is_final


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("9" * 400, 999_999_999),
        (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30),
        (format_datetime(NOW - timedelta(seconds=30), usegmt=True), 0),
        ("Thu, 01 Jan 2026 00:00:30 -0000", 30),
        ("Thu, 01 Jan 0001 00:00:30 +2300", 0),
        ("Thu, 01 Jan 99999999999999 00:00:30 GMT", 0),
        ("-5", 0),
        ("soon", 0),
        ("²", 0),
        ("", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float) -> None:
    failure = failure_of(503, header, NOW)
    assert failure is not None
    assert failure.retry_after_s == seconds
