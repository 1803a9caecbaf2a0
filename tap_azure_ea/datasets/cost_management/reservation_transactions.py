"""Reservation transactions: what was bought, cancelled and refunded."""

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
from tap_azure_ea.fields import integer, json_array, number, text, timestamp
from tap_azure_ea.periods import BillingPeriod
from tap_azure_ea.records import RecordReader

ANYTHING = {"type": ["string", "object", "null"]}


class ReservationTransactions(MonthlyStream):
    """Purchases, cancellations and refunds of reservations, by the billing month that they are charged to.

    https://learn.microsoft.com/rest/api/consumption/reservation-transactions
    """

    name = "reservation_transactions"
    amounts = ("amount",)
    currency_field = "currency"
    fields = period_rows(
        text("id", "Azure's id of the transaction; not its key."),
        text("name", "Azure's name of the transaction, a moment."),
        text("type", "Type of the resource, Microsoft.Consumption/reservationTransactions."),
        json_array("tags", "Tags of the transaction.", items=ANYTHING),
        timestamp("event_date", "When it happened; a refund may be later than the month it is charged to."),
        text("reservation_order_id", "Id of the reservation order."),
        text("description", "What was reserved."),
        text("event_type", "Purchase, Cancel or Refund."),
        number("quantity", "Number of reserved instances."),
        number("amount", "Charge, in currency; negative for a refund."),
        text("currency", "Currency of the amounts, ISO 4217.", trim=True),
        text("reservation_order_name", "Name of the reservation order."),
        text("purchasing_enrollment", "Enrollment that bought the reservation."),
        text("purchasing_subscription_guid", "Id of the subscription that bought the reservation."),
        text("purchasing_subscription_name", "Name of the subscription that bought the reservation."),
        text("arm_sku_name", "Size of the reserved instances, such as Standard_D4s_v5."),
        text("term", "Term of the reservation, P1Y or P3Y."),
        text("region", "Region of the reserved instances."),
        text("account_name", "Name of the account."),
        text("account_owner_email", "Address of the account's owner; personal data."),
        text("department_name", "Name of the department."),
        text("cost_center", "Cost center of the subscription."),
        text("current_enrollment", "Enrollment that the reservation belongs to now.", aliases=("currentEnrollmentId",)),
        text("billing_frequency", "OneTime, or recurring for monthly payments."),
        integer("billing_month", "First day of the billing month, yyyyMMdd."),
        number("monetary_commitment", "What was taken from the Azure prepayment."),
        number("overage", "What was billed beyond it."),
    )

    def restated(self, period: BillingPeriod) -> bool:  # noqa: ARG002 - a refund goes to the month of its purchase
        """Say yes, for all months."""
        return True

    def pages(self, period: BillingPeriod, reader: RecordReader, etag: str | None) -> Iterator[Page]:  # noqa: ARG002
        """Yield the transactions of a billing month, which is what Azure answers to any of its days."""
        asked = f"properties/eventDate ge {period.first_day} AND properties/eventDate le {period.last_day}"
        query = f"api-version={CONSUMPTION_VERSION}&$filter={quote(asked)}"
        return self.api.pages(f"{self.account}/{CONSUMPTION}/reservationTransactions?{query}", etag=etag)
