"""Reserved instance charges: what was bought, cancelled and refunded."""

from __future__ import annotations

from tap_azure_ea.datasets.ea_reporting import EAReportingStream, period_rows
from tap_azure_ea.fields import number, text, timestamp


class ReservedInstanceCharges(EAReportingStream):
    """Purchases, cancellations and refunds of reserved instances.

    https://learn.microsoft.com/rest/api/billing/enterprise/billing-enterprise-api-reserved-instance-charges
    """

    name = "reserved_instance_charges"
    path = "/v4/enrollments/{enrollment_number}/reservationcharges?startDate={first_day}&endDate={last_day}"
    amounts = ("amount",)
    currency_field = "currency"
    fields = period_rows(
        text("purchasing_enrollment", "Enrollment that bought the reservation."),
        text("arm_sku_name", "Size of the reserved instances, such as Standard_D4s_v5."),
        text("term", "Term of the reservation, P1Y or P3Y."),
        text("region", "Region of the reserved instances."),
        text("purchasing_subscription_guid", "Id of the subscription that bought the reservation."),
        text("purchasing_subscription_name", "Name of the subscription that bought the reservation."),
        text("account_name", "Name of the account."),
        text("account_owner_email", "Address of the account's owner; personal data."),
        text("department_name", "Name of the department."),
        text("cost_center", "Cost center of the subscription."),
        text("current_enrollment", "Enrollment that the reservation belongs to now."),
        text("billing_frequency", "OneTime, or Recurring for monthly payments."),
        timestamp("event_date", "When it happened."),
        text("reservation_order_id", "Id of the reservation order."),
        text("description", "What was reserved."),
        text("event_type", "Purchase, Cancel or Refund."),
        number("quantity", "Number of reserved instances."),
        number("amount", "Charge, in currency; negative for a refund."),
        text("currency", "Currency of the amount, ISO 4217.", trim=True),
        text("reservation_order_name", "Name of the reservation order."),
    )
