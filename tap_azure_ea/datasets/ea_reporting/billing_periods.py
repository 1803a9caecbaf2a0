"""The helper that lists the billing periods, and with them what the other datasets are asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import pendulum

from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.datasets.ea_reporting import EAReportingStream
from tap_azure_ea.fields import date, day, text
from tap_azure_ea.periods import BILLING_PERIOD_ID, ENROLLMENT_NUMBER, BillingPeriod
from tap_azure_ea.records import EXTRA, Record, RecordReader, Records

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context


class BillingPeriods(EAReportingStream):
    """The enrollment's billing periods, and which datasets each of them has.

    https://learn.microsoft.com/rest/api/billing/enterprise/billing-enterprise-api-billing-periods
    """

    name = "billing_periods"
    path = "/v2/enrollments/{enrollment_number}/billingperiods"
    primary_keys = (ENROLLMENT_NUMBER.name, BILLING_PERIOD_ID.name)
    fields = (
        ENROLLMENT_NUMBER,
        BILLING_PERIOD_ID,
        date("billing_start", "First day of the period."),
        date("billing_end", "Last day of the period."),
        text("balance_summary", "Link to the period's balance; null if it has none."),
        text("usage_details", "Link to the period's usage; null if it has none."),
        text("marketplace_charges", "Link to the period's marketplace charges; null if it has none."),
        text("price_sheet", "Link to the period's price sheet; null if it has none."),
        EXTRA,
    )
    partitions = None
    incremental = False

    @cached_property
    def _listed(self) -> list[Record]:
        """All periods, newest first, asked for once a run, with all columns."""
        columns = [field.name for field in self.fields]
        reader = RecordReader(self.fields, columns, {ENROLLMENT_NUMBER.name: self.api.enrollment_number})
        path = self.fill(self.path)
        records = [reader.read(row) for page in self.api.pages(path, self.envelope) or () for row in page.rows]
        periods = {record[BILLING_PERIOD_ID.name]: record for record in records}
        for period_id, record in periods.items():
            if not re.fullmatch(r"\d{4}(0[1-9]|1[0-2])", period_id or ""):
                msg = f"{path} lists a billing period whose id is not yyyyMM: {record}"
                raise AzureError(msg)
        return [periods[period_id] for period_id in sorted(periods, reverse=True)]

    def read(self, context: Context | None) -> Iterator[Records]:  # noqa: ARG002 - there is but one
        """Yield every period: the list is short, and the dataset of its own."""
        if count := len(self._listed):
            yield Records.of([{name: period[name] for name in self.columns} for period in self._listed])
            self.progress.rows = self.progress.outcomes["listed"] = count
        self.flush()

    def periods_with(self, dataset: str) -> list[BillingPeriod]:
        """Return the periods between ``start_date`` and ``end_date`` that link to the dataset, newest first.

        A dataset that the helper has no link for is taken to be in every period.
        """
        return self._asked(record for record in self._listed if record.get(dataset, "no link"))

    def periods_without(self, dataset: str) -> list[BillingPeriod]:
        """Return the others between ``start_date`` and ``end_date``, newest first."""
        return self._asked(record for record in self._listed if not record.get(dataset, "no link"))

    def _asked(self, records: Iterable[Record]) -> list[BillingPeriod]:
        return [period for period in map(self._chosen, records) if period.first_day <= period.last_day]

    def _chosen(self, record: Record) -> BillingPeriod:
        """Cut the period to the days asked for; nothing is cut off where days to come are all that is left out."""
        period_id = record[BILLING_PERIOD_ID.name]
        month = pendulum.from_format(period_id, "YYYYMM")
        first_day = record["billing_start"] or str(month.date())
        last_day = record["billing_end"] or str(month.end_of("month").date())
        start = day(self.config.get("start_date") or first_day)
        end = day(self.config.get("end_date") or last_day)
        if end >= str(pendulum.now("UTC").date()):
            end = last_day
        asked = (max(start, first_day), min(end, last_day))
        return BillingPeriod(period_id, *asked, whole=asked == (first_day, last_day))
