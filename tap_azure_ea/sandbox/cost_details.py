"""The cost details of the sandbox enrollment: every charge of its bill, as paid or amortized, and as files in CSV."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import chain, islice

from tap_azure_ea.sandbox import benefits, cost_rows
from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.cost_rows import COLUMNS
from tap_azure_ea.sandbox.messages import BOM, table
from tap_azure_ea.sandbox.rows import Row

ACTUAL, AMORTIZED = "ActualCost", "AmortizedCost"
BLOB_ROWS = 100_000


def rows(bill: Bill, metric: str, first_day: date, last_day: date) -> Iterator[Row]:
    """Return the charges of these days, with amounts as decimals and everything else as text.

    Without the charges for reservations and for the savings plan, and without what rounding took, a period's charges
    from Azure add up to the ``totalUsage`` of its balance and those from the marketplace to its
    ``azureMarketplaceServiceCharges``. What is amortized adds up, for each benefit that is paid by the month or by the
    day, to what was paid for it in that month, and else over its term.
    """
    for period in bill.periods_within(first_day, last_day):
        first, last = bill.days(period)
        shared = cost_rows.month(bill, period)
        for row in _charges(bill, metric, max(first, first_day), min(last, last_day)):
            yield {**shared, **row}
        if last <= last_day and last < bill.today:
            yield {**shared, **cost_rows.rounding(bill, period)}


def blobs(found: Iterator[Row]) -> Iterator[bytes]:
    """Return these rows as files, ``BLOB_ROWS`` in each."""
    for first in found:
        yield BOM + table(COLUMNS, chain([first], islice(found, BLOB_ROWS - 1)))


def _charges(bill: Bill, metric: str, first_day: date, last_day: date) -> Iterator[Row]:
    """Return the charges of days of one period."""
    yield from map(cost_rows.usage, bill.usage_within(first_day, last_day))
    for period in bill.periods_within(first_day, last_day):
        for row in bill.marketplace(period):
            if str(first_day) <= row["usageStartDate"][:10] <= str(last_day):
                yield cost_rows.marketplace(row)
    if metric == ACTUAL:
        yield from _paid(bill, first_day, last_day)
    for use in benefits.uses(bill, first_day, last_day):
        if metric == AMORTIZED:
            yield cost_rows.covered(use, use.cost)
        elif use.instance:
            yield cost_rows.covered(use, cost_rows.ZERO)


def _paid(bill: Bill, first_day: date, last_day: date) -> Iterator[Row]:
    for benefit, row in benefits.charges(bill, first_day, last_day):
        yield cost_rows.charge(benefit, row)
    yield from map(cost_rows.commitment, benefits.commitments(bill, first_day, last_day))
