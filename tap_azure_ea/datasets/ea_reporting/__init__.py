"""The datasets of the EA Reporting API, and what they share: billing periods, freshness and snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import quote

from tap_azure_ea.api.ea_reporting import EAReportingAPI, listing
from tap_azure_ea.api.errors import NoDataError
from tap_azure_ea.api.pages import Page
from tap_azure_ea.fields import Field
from tap_azure_ea.periods import BILLING_PERIOD_ID, ENROLLMENT_NUMBER, BillingPeriod
from tap_azure_ea.reading import Part
from tap_azure_ea.records import EXTRA, RecordReader, Row
from tap_azure_ea.snapshot import DELETED_AT, ETAG, ROW_NUMBER
from tap_azure_ea.stream import SnapshotStream

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

    from tap_azure_ea.datasets.ea_reporting.billing_periods import BillingPeriods


def period_record(*fields: Field) -> tuple[Field, ...]:
    """Return the fields of a dataset that has one record for each billing period."""
    return (ENROLLMENT_NUMBER, BILLING_PERIOD_ID, *fields, ETAG, DELETED_AT, EXTRA)


def period_rows(*fields: Field) -> tuple[Field, ...]:
    """Return the fields of a dataset that has any number of rows, without a key of their own, for each period."""
    return period_record(ROW_NUMBER, *fields)


class EAReportingStream(SnapshotStream[EAReportingAPI]):
    """A dataset that the EA Reporting API publishes for each billing period.

    ``path`` asks for a whole period and ``custom_date_path`` for the days of one, where the API can do that; then
    ``day_field`` names the column that tells a row's day. The two report paths submit the same as reports in CSV.
    """

    path: ClassVar[str]
    custom_date_path: ClassVar[str | None] = None
    report_path: ClassVar[str | None] = None
    custom_date_report_path: ClassVar[str | None] = None
    day_field: ClassVar[str | None] = None
    primary_keys: tuple[str, ...] = (ENROLLMENT_NUMBER.name, BILLING_PERIOD_ID.name, ROW_NUMBER.name)

    @staticmethod
    def envelope(body: Any) -> tuple[list[Row], str | None]:
        """Open an answer: its rows, and the link to the next page."""
        return listing(body)

    @cached_property
    def periods(self) -> dict[str, BillingPeriod]:
        """The billing periods that have this dataset, or had it when they were read, newest first, by their id."""
        known = [bookmark["context"] for bookmark in self.bookmarks(self.name) if bookmark.get("row_count")]
        had = [period for period in self.unlisted.values() if self.context_of(period.billing_period_id) in known]
        periods = {period.billing_period_id: period for period in [*self.helper.periods_with(self.name), *had]}
        return dict(sorted(periods.items(), reverse=True))

    @cached_property
    def unlisted(self) -> dict[str, BillingPeriod]:
        """The billing periods that the helper has no link for, by their id."""
        return {period.billing_period_id: period for period in self.helper.periods_without(self.name)}

    @property
    def helper(self) -> BillingPeriods:
        """Who lists the billing periods."""
        return cast("BillingPeriods", self._tap.streams["billing_periods"])

    @cached_property
    def partitions(self) -> list[dict[str, str]] | None:
        """A context for each billing period."""
        return [self.context_of(period_id) for period_id in self.periods]

    def context_of(self, billing_period_id: str) -> dict[str, str]:
        """Return the context of a billing period."""
        return {ENROLLMENT_NUMBER.name: self.api.enrollment_number, BILLING_PERIOD_ID.name: billing_period_id}

    def without_rows(self) -> list[dict[str, str]]:
        """Return the periods that the helper has no link for."""
        return [self.context_of(period_id) for period_id in self.unlisted]

    def parts(self, context: Context) -> Iterator[Part]:
        """Yield what a partition stands for: by default a billing period, as far as it is asked for."""
        period = self.periods[context[BILLING_PERIOD_ID.name]]
        cut = bool(self.custom_date_path) and not period.whole
        path = (cut and self.custom_date_path) or self.path
        report_path = self.custom_date_report_path if cut else self.report_path
        fill = partial(
            self.fill,
            billing_period_id=period.billing_period_id,
            first_day=period.first_day,
            last_day=period.last_day,
        )
        part = self.part(
            context,
            f"Period {period.billing_period_id}",
            fill(path),
            fill(report_path) if report_path and self.config.get("usage_format") == "csv" else None,
        )
        days = None
        if self.day_field and "{first_day}" in path:
            days = self.day_field, period.first_day, period.last_day
        ask = self._refuse if period.billing_period_id in self.unlisted else part.ask
        yield replace(part, days=days, whole=not cut, ask=ask)

    def _refuse(self, _reader: RecordReader, _etag: str | None) -> Iterator[Page] | None:
        raise NoDataError(f"Azure lists no {self.name} for it any more.")

    def part(
        self,
        context: Context,
        title: str,
        path: str,
        report_path: str | None = None,
    ) -> Part:
        """Return the one part of a partition: its name in the log, and its requests."""

        def ask(reader: RecordReader, etag: str | None) -> Iterator[Page] | None:
            if report_path:
                return self.api.report_pages(path, report_path, reader.recognizes, etag)
            return self.api.pages(path, self.envelope, etag)

        bookmark = self.get_context_state(context)
        return Part(f"{title} ({self.place(context)})", report_path or path, context, bookmark, ask)

    def fill(self, template: str, **values: str) -> str:
        """Fill in a path."""
        values["enrollment_number"] = self.api.enrollment_number
        return template.format(**{name: quote(value, safe="") for name, value in values.items()})
