"""Billing periods: those that are asked for, and whether Azure may still restate them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pendulum

from tap_azure_ea.fields import text

ENROLLMENT_NUMBER = text("enrollment_number", "Number of the EA enrollment.")
BILLING_PERIOD_ID = text("billing_period_id", "Billing period, yyyyMM.")


@dataclass(frozen=True)
class BillingPeriod:
    """A period as far as ``start_date`` and ``end_date`` ask for it; both days are included."""

    billing_period_id: str
    first_day: str
    last_day: str
    whole: bool


def scope_of(context: Mapping[str, str]) -> str:
    """Return what a period is of, the enrollment as a rule; what has kept a STATE may have changed the order."""
    return next(value for name, value in context.items() if name != BILLING_PERIOD_ID.name)


def key_of(context: Mapping[str, str]) -> tuple[str, str]:
    """Return what a period is of, and the period."""
    return scope_of(context), context[BILLING_PERIOD_ID.name]


def is_over(billing_period_id: str) -> bool:
    """Whether its last day has passed, UTC."""
    return billing_period_id < months_ago(0)[:7].replace("-", "")


def months(start: str, end: str) -> Iterator[BillingPeriod]:
    """Yield the months from one day to another, newest first; only days to come are no cut of the last one."""
    today = str(pendulum.now("UTC").date())
    month = pendulum.from_format(min(end, today), "YYYY-MM-DD").start_of("month")
    while (last_day := str(month.end_of("month").date())) >= start:
        first_day = str(month.date())
        asked = max(start, first_day), last_day if end >= today else min(end, last_day)
        yield BillingPeriod(month.format("YYYYMM"), *asked, whole=asked == (first_day, last_day))
        month = month.subtract(months=1)


def months_ago(count: int) -> str:
    """Return the first day of the month so many before this one."""
    return str(pendulum.now("UTC").start_of("month").subtract(months=count).date())
