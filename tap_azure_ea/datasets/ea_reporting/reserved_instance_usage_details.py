"""Reserved instance usage: which resource used which reservation."""

from __future__ import annotations

from tap_azure_ea.datasets.ea_reporting import EAReportingStream, period_rows
from tap_azure_ea.fields import date, number, text


class ReservedInstanceUsageDetails(EAReportingStream):
    """Hours of a reservation that each resource used, day by day.

    https://learn.microsoft.com/rest/api/billing/enterprise/billing-enterprise-api-reserved-instance-usage
    """

    name = "reserved_instance_usage_details"
    path = "/v2/enrollments/{enrollment_number}/reservationdetails?startDate={first_day}&endDate={last_day}"
    day_field = "usage_date"
    fields = period_rows(
        text("reservation_order_id", "Id of the reservation order."),
        text("reservation_id", "Id of the reservation."),
        date("usage_date", "Day of the usage."),
        text("sku_name", "Size of the reserved instances, which is ServiceType in additional_info of usage_details."),
        text("instance_id", "Resource that used the reservation: its full id."),
        number("total_reserved_quantity", "Number of instances that were reserved."),
        number("reserved_hours", "Hours that were reserved."),
        number("used_hours", "Hours that the resource used."),
    )
