"""How far back reports go, and how many days each of them covers."""

from __future__ import annotations

import re
from datetime import date, timedelta

from tap_azure_ea.sandbox.bill import Bill

MONTHS_BACK = 13
_PERIOD = re.compile(r"[12]\d{3}(0[1-9]|1[0-2])")


def days_of(bill: Bill, period: str) -> tuple[date, date]:
    """Return the first and the last day of a period; raise ``ValueError`` if it is not one."""
    if not _PERIOD.fullmatch(period):
        raise ValueError(f"The billing period '{period}' is invalid.")
    return bill.days(period)


def within_reach(bill: Bill, first_day: date, last_day: date) -> tuple[date, date]:
    """Return these days; raise ``ValueError`` if they are more than a month or more than 13 months ago."""
    if not first_day <= last_day:
        raise ValueError("The end date must not be before the start date.")
    if (last_day + timedelta(1)) > _month_after(first_day):
        raise ValueError("The date range must not be longer than one month.")
    if first_day < earliest_day(bill):
        raise ValueError(f"Start date must be after {earliest_day(bill) - timedelta(1)}.")
    return first_day, last_day


def earliest_day(bill: Bill) -> date:
    """Return the first day of the month that is 13 months ago."""
    month = bill.today.year * 12 + bill.today.month - 1 - MONTHS_BACK
    return date(month // 12, month % 12 + 1, 1)


def _month_after(day: date) -> date:
    """Return the same day of the next month, or the first one after it if that month is shorter."""
    begun = (day.replace(day=28) + timedelta(4)).replace(day=1)
    try:
        return begun.replace(day=day.day)
    except ValueError:
        return (begun.replace(day=28) + timedelta(4)).replace(day=1)
