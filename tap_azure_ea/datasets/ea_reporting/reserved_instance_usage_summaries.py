"""Reserved instance utilization: how much of each reservation was used."""

from __future__ import annotations

from tap_azure_ea.datasets.ea_reporting import EAReportingStream, period_rows
from tap_azure_ea.fields import date, number, text


class ReservedInstanceUsageSummaries(EAReportingStream):
    """Hours of each reservation that were used, and its utilization, day by day.

    https://learn.microsoft.com/rest/api/billing/enterprise/billing-enterprise-api-reserved-instance-usage
    """

    name = "reserved_instance_usage_summaries"
    path = (
        "/v2/enrollments/{enrollment_number}/reservationsummaries?grain=daily&startdate={first_day}&enddate={last_day}"
    )
    day_field = "usage_date"
    fields = period_rows(
        text("reservation_order_id", "Id of the reservation order."),
        text("reservation_id", "Id of the reservation."),
        text("sku_name", "Size of the reserved instances."),
        number("reserved_hours", "Hours that were reserved."),
        date("usage_date", "Day of the usage."),
        number("used_hours", "Hours that were used."),
        number("min_utilization_percentage", "Lowest utilization of any hour of the day."),
        number("avg_utilization_percentage", "Average utilization of the day."),
        number("max_utilization_percentage", "Highest utilization of any hour of the day."),
    )
