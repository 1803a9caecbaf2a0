"""The datasets of Cost Management, Consumption and Billing, and what they share: months that Azure restates."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from tap_azure_ea.api.errors import ForbiddenError, NoDataError, RefusedError
from tap_azure_ea.api.pages import Page
from tap_azure_ea.api.resource_manager import ResourceManagerAPI
from tap_azure_ea.fields import Field, day
from tap_azure_ea.periods import BILLING_PERIOD_ID, ENROLLMENT_NUMBER, BillingPeriod, months, months_ago
from tap_azure_ea.reading import Part
from tap_azure_ea.records import EXTRA, RecordReader
from tap_azure_ea.snapshot import DELETED_AT, ROW_NUMBER, SETTLED, SNAPSHOT_AT, now
from tap_azure_ea.stream import SnapshotStream

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

CONSUMPTION = "providers/Microsoft.Consumption"
CONSUMPTION_VERSION = "2024-08-01"
COST_MANAGEMENT = "providers/Microsoft.CostManagement"
COST_MANAGEMENT_VERSION = "2025-03-01"

REACH = 12
EXPORTS = (
    "Azure reports the current month and the 12 before it. What is older it writes to files: create an Export in Cost "
    "Management, https://learn.microsoft.com/azure/cost-management-billing/costs/tutorial-improved-exports."
)


def period_record(*fields: Field) -> tuple[Field, ...]:
    """Return the fields of a dataset that has one record for each billing period."""
    return (ENROLLMENT_NUMBER, BILLING_PERIOD_ID, *fields, SNAPSHOT_AT, DELETED_AT, EXTRA)


def period_rows(*fields: Field) -> tuple[Field, ...]:
    """Return the fields of a dataset that has any number of rows, without a key of their own, for each period."""
    return period_record(ROW_NUMBER, *fields)


class CostManagementStream(SnapshotStream[ResourceManagerAPI]):
    """A dataset of an enrollment, which Azure Resource Manager takes for a billing account."""

    @property
    def account(self) -> str:
        """The enrollment as a billing account."""
        return f"/providers/Microsoft.Billing/billingAccounts/{quote(self.api.enrollment_number, safe='')}"

    @property
    def asked_of(self) -> dict[str, str]:
        """What is asked about, with which each context begins: the enrollment, unless a dataset says otherwise."""
        return {ENROLLMENT_NUMBER.name: self.api.enrollment_number}


class MonthlyStream(CostManagementStream):
    """A dataset that is read by month: again while Azure may restate it, and once after that."""

    day_field: ClassVar[str | None] = None
    primary_keys: tuple[str, ...] = (ENROLLMENT_NUMBER.name, BILLING_PERIOD_ID.name, ROW_NUMBER.name)

    @abstractmethod
    def pages(self, period: BillingPeriod, reader: RecordReader, etag: str | None) -> Iterator[Page]:
        """Yield a period's pages, which bear this ETag."""

    @cached_property
    def periods(self) -> dict[str, BillingPeriod]:
        """The months asked for, newest first, by their id."""
        start = day(self.config.get("start_date") or months_ago(REACH))
        asked = months(start, day(self.config.get("end_date") or "9999-12-31"))
        return {period.billing_period_id: period for period in asked}

    @cached_property
    def partitions(self) -> list[dict[str, str]] | None:
        """A context for each month."""
        return [{**self.asked_of, BILLING_PERIOD_ID.name: period_id} for period_id in self.periods]

    @property
    def given(self) -> dict[str, str]:
        """What the request decides beyond the context: when it was made."""
        return {SNAPSHOT_AT.name: now()}

    def restated(self, period: BillingPeriod) -> bool:
        """Whether Azure may still restate a period: the newest ones."""
        return period.first_day >= months_ago(int(self.config["restate_periods"]) - 1)

    def is_whole(self, period: BillingPeriod) -> bool:
        """Whether what is read is of the whole month."""
        return period.whole

    def parts(self, context: Context) -> Iterator[Part]:
        """Yield the one part of a month."""
        period = self.periods[context[BILLING_PERIOD_ID.name]]
        yield Part(
            f"Period {period.billing_period_id} ({self.place(context)})",
            f"{' '.join(self.asked_of.values())} {period.first_day} {period.last_day}",
            {**context, **self.given},
            self.get_context_state(context),
            partial(self._ask, period),
            (self.day_field, period.first_day, period.last_day) if self.day_field else None,
            self.is_whole(period),
        )

    def _ask(self, period: BillingPeriod, reader: RecordReader, etag: str | None) -> Iterator[Page] | None:
        """Ask for a month, unless it was read when it could no longer be restated: that is its ETag."""
        restated = self.restated(period)
        if etag == SETTLED and not restated:
            return None
        return self._reached(period, reader, None if restated else SETTLED)

    def _reached(self, period: BillingPeriod, reader: RecordReader, etag: str | None) -> Iterator[Page]:
        """Yield a month's pages; what is refused because it is too old is no failure."""
        try:
            yield from self.pages(period, reader, etag)
        except RefusedError as error:
            if isinstance(error, ForbiddenError) or period.first_day >= months_ago(REACH):
                raise
            raise NoDataError(f"{error} {EXPORTS}") from None
