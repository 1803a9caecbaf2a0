"""Reservation summaries: how well each reservation was used, day by day."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from tap_azure_ea.api.pages import Page
from tap_azure_ea.datasets.cost_management import (
    CONSUMPTION,
    CONSUMPTION_VERSION,
    MonthlyStream,
    period_rows,
)
from tap_azure_ea.fields import date, json_object, number, text
from tap_azure_ea.periods import BillingPeriod
from tap_azure_ea.records import RecordReader


class ReservationSummaries(MonthlyStream):
    """Hours of each reservation that were used, and its utilization, day by day.

    https://learn.microsoft.com/rest/api/consumption/reservations-summaries
    """

    name = "reservation_summaries"
    day_field = "usage_date"
    fields = period_rows(
        text("id", "Azure's id of the summary."),
        text("name", "Azure's name of the summary."),
        text("type", "Type of the resource, Microsoft.Consumption/reservationSummaries."),
        json_object("tags", "Tags of the summary."),
        text("reservation_order_id", "Id of the reservation order."),
        text("reservation_id", "Id of the reservation."),
        text("sku_name", "Size of the reserved instances, such as Standard_D4s_v5."),
        text("kind", "Kind of the reservation."),
        date("usage_date", "Day of the usage."),
        number("reserved_hours", "Hours reserved on the day."),
        number("used_hours", "Hours used of them."),
        number("min_utilization_percentage", "Lowest hourly utilization of the day."),
        number("avg_utilization_percentage", "Average utilization of the day."),
        number("max_utilization_percentage", "Highest hourly utilization of the day."),
        number("purchased_quantity", "Instances purchased."),
        number("remaining_quantity", "Instances not used."),
        number("total_reserved_quantity", "Instances reserved."),
        number("used_quantity", "Instances used."),
        number("utilized_percentage", "Share of the instances that was used."),
    )

    def pages(self, period: BillingPeriod, reader: RecordReader, etag: str | None) -> Iterator[Page]:  # noqa: ARG002
        """Yield the summaries of the days, in as many ranges as their size needs."""

        def path(first_day: str, last_day: str) -> str:
            asked = f"properties/UsageDate ge {first_day} AND properties/UsageDate le {last_day}"
            query = f"api-version={CONSUMPTION_VERSION}&grain=daily&$filter={quote(asked)}"
            return f"{self.account}/{CONSUMPTION}/reservationSummaries?{query}"

        return self.api.pages_of_days(path, period.first_day, period.last_day, etag)
