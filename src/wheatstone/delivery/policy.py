"""When a delivery is tried again, and when it is given up."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

_MINUTE_S, _HOUR_S = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait after each failure; after the last one nothing more is tried.

    Attributes:
        delays_s: seconds before the second attempt, the third, and so on.
        jitter: up to which part of itself a wait becomes longer, by chance, so that not all come back at once.
        max_retry_after_s: how long a receiver may ask to be left alone, in seconds.
        chance: gives numbers between 0 and 1.
    """

    delays_s: tuple[float, ...] = (
        5,
        30,
        2 * _MINUTE_S,
        10 * _MINUTE_S,
        _HOUR_S,
        5 * _HOUR_S,
        10 * _HOUR_S,
    )
    jitter: float = 0.2
    max_retry_after_s: float = 24 * _HOUR_S
    chance: Callable[[], float] = random.random

    def delay_s(self, attempts: int, retry_after_s: float = 0) -> float | None:
        """Seconds until the next attempt after so many failed ones; None if there is to be none."""
        if attempts > len(self.delays_s):
            return None
        own_s = self.delays_s[attempts - 1] * (1 + self.jitter * self.chance())
        return max(own_s, min(retry_after_s, self.max_retry_after_s))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt did not get through.

    Attributes:
        error: in words.
        is_final: whether another one is of no use.
        retry_after_s: how long the receiver wants to be left alone, in seconds.
    """

    error: str
    is_final: bool = False
    retry_after_s: float = 0


def failure_of(status: int, retry_after: str | None, now: datetime) -> Failure | None:
    """What an HTTP status says of an attempt: None for 2xx, it got through.

    All others are tried again, as a receiver that is being repaired or moved answers anything, 401 and 404 too;
    only 410 says that nobody is there any more. A redirect is a failure: where it leads nobody registered.
    """
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    is_final = status == HTTPStatus.GONE
    return Failure(f"The receiver answered {status}.", is_final, _seconds(retry_after or "", now))


def _seconds(retry_after: str, now: datetime) -> float:
    """A `Retry-After`, a number or a date, in seconds; 0 if it is neither, or past."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        moment = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return 0
    return max((moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds(), 0)
