"""When a request that failed is made again, and when it is given up."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_STATUSES = frozenset({429, 502, 503, 504})
_IN_FLIGHT = "idempotency-in-flight"


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is made, and how long it waits between.

    Attributes:
        attempts: how often at most.
        first_s: the wait after the first failure, in seconds; it doubles with each further one.
        longest_s: no wait is longer; a server that asks for more is believed, and the request given up.
    """

    attempts: int = 5
    first_s: float = 0.5
    longest_s: float = 30.0

    def pause_s(self, attempt: int, asked_s: float | None = None) -> float | None:
        """How long to wait after attempt number `attempt` failed, in seconds; None: give up.

        Args:
            attempt: 1 for the first.
            asked_s: the least that the server asked for.
        """
        if attempt >= self.attempts or (asked_s or 0) > self.longest_s:
            return None
        # A random part, so that many clients of a server that was away do not come back at the same moment.
        backoff_s = min(self.longest_s, self.first_s * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1)  # noqa: S311
        return max(backoff_s, asked_s or 0)


def is_worth_retrying(status: int, code: str | None, asked_s: float | None) -> bool:
    """Whether the same request may be answered better later.

    Args:
        status: the answer's HTTP status.
        code: of the problem; None where not Wheatstone but something in between answered.
        asked_s: what its Retry-After says. Wheatstone sends it where trying again helps, and only there.
    """
    if code is None:
        return status in _STATUSES
    return code == _IN_FLIGHT or (status in _STATUSES and asked_s is not None)


def retry_after_s(value: str | None) -> float | None:
    """What a Retry-After header asks for, in seconds; it names seconds or a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
