"""Reservation details: which resources used a reservation, day by day."""

from __future__ import annotations

from collections.abc import Iterator

from tap_azure_ea.api.pages import Page
from tap_azure_ea.datasets.cost_management import (
    COST_MANAGEMENT,
    COST_MANAGEMENT_VERSION,
    MonthlyStream,
    period_rows,
)
from tap_azure_ea.fields import date, number, text
from tap_azure_ea.periods import BillingPeriod
from tap_azure_ea.records import RecordReader


class ReservationDetails(MonthlyStream):
    """Hours of a reservation that each resource used, day by day.

    https://learn.microsoft.com/rest/api/cost-management/generate-reservation-details-report
    """

    name = "reservation_details"
    day_field = "usage_date"
    fields = period_rows(
        text("reservation_order_id", "Id of the reservation order."),
        text("reservation_id", "Id of the reservation."),
        text("sku_name", "Size of the reserved instances, such as Standard_D4s_v5."),
        text("kind", "Kind of the reservation."),
        text("instance_id", "Id of the resource.", aliases=("instanceName",)),
        text("instance_flexibility_group", "Group of sizes that the reservation applies to."),
        number("instance_flexibility_ratio", "Ratio of the resource's size within its group."),
        date("usage_date", "Day of the usage."),
        number("reserved_hours", "Hours reserved on the day."),
        number("used_hours", "Hours that the resource used."),
        number("total_reserved_quantity", "Instances reserved."),
    )

    def pages(self, period: BillingPeriod, reader: RecordReader, etag: str | None) -> Iterator[Page]:
        """Yield the pages of a report."""
        days = f"startDate={period.first_day}&endDate={period.last_day}"
        path = f"{self.account}/{COST_MANAGEMENT}/generateReservationDetailsReport"
        return self.api.report_pages(f"{path}?{days}&api-version={COST_MANAGEMENT_VERSION}", reader.recognizes, etag)
