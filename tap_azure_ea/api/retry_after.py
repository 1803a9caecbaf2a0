"""How long Azure asks to wait: the header that HTTP has for it, and those that Azure adds for each of its limits."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import pendulum
from requests.structures import CaseInsensitiveDict

LONGEST_WAIT = 3600


def until_asked_again(headers: Mapping[str, str], interval: float) -> float:
    """Return how long to wait before asking again: as long as Azure asks, an hour at most, or else the interval."""
    wait = retry_after(headers)
    return interval if wait is None else min(wait, LONGEST_WAIT)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the longest wait in seconds that any ``...retry-after`` header asks for; None where there is none.

    Dates count from the answer's own ``Date``, so that the clock of this machine does not matter.
    """
    named = CaseInsensitiveDict(headers)
    waits = (
        _seconds(value, named.get("Date")) for name, value in headers.items() if name.lower().endswith("retry-after")
    )
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds(value: str, now: str | None) -> float | None:
    try:
        return max(float(int(value)), 0.0)
    except ValueError:
        pass
    try:
        start = parsedate_to_datetime(now) if now else pendulum.now("UTC")
        return max((parsedate_to_datetime(value) - start).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
