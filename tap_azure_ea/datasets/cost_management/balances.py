"""Balances: what was bought in advance, what was used of it, and what was billed beyond it."""

from __future__ import annotations

from collections.abc import Iterator

from tap_azure_ea.api.errors import NoDataError, NotFoundError
from tap_azure_ea.api.pages import Page
from tap_azure_ea.api.resource_manager import one_row
from tap_azure_ea.datasets.audit import BALANCE_AMOUNTS
from tap_azure_ea.datasets.cost_management import (
    CONSUMPTION,
    CONSUMPTION_VERSION,
    MonthlyStream,
    period_record,
)
from tap_azure_ea.fields import NAMED_VALUES, flag, json_array, number, text
from tap_azure_ea.periods import BILLING_PERIOD_ID, ENROLLMENT_NUMBER, BillingPeriod
from tap_azure_ea.records import RecordReader


class Balances(MonthlyStream):
    """Balance, purchases, usage and overage of a month, in the enrollment's currency.

    https://learn.microsoft.com/rest/api/consumption/balances
    """

    name = "balances"
    primary_keys = (ENROLLMENT_NUMBER.name, BILLING_PERIOD_ID.name)
    amounts = BALANCE_AMOUNTS
    currency_field = "currency"
    fields = period_record(
        text("id", "Azure's id of the balance."),
        text("name", "Azure's name of the balance."),
        text("type", "Type of the resource, Microsoft.Consumption/balances."),
        text("currency", "Currency of all amounts, ISO 4217.", trim=True),
        number("beginning_balance", "Balance at the start of the month."),
        number("ending_balance", "Balance at the end of the month; of an open month, as of the last update."),
        number("new_purchases", "Purchases added to the balance in the month."),
        number("adjustments", "Adjustments of the balance in the month."),
        number("utilized", "What usage took from the balance."),
        number("service_overage", "Azure services used beyond the balance."),
        number("charges_billed_separately", "Charges that are never taken from the balance."),
        number("total_overage", "Service overage and charges billed separately."),
        number("total_usage", "What usage took from the balance, and total overage."),
        number("azure_marketplace_service_charges", "Marketplace charges of the month, billed apart."),
        number("overage_refund", "What was refunded of the overage."),
        text("billing_frequency", "Month, Quarter or Year."),
        flag("price_hidden", "Whether prices are hidden from account owners."),
        json_array("new_purchases_details", "The purchases, each with name and value.", items=NAMED_VALUES),
        json_array("adjustment_details", "The adjustments, each with name and value.", items=NAMED_VALUES),
    )

    def is_whole(self, period: BillingPeriod) -> bool:  # noqa: ARG002 - whatever days of it are asked for
        """Say yes: there is but one balance of a month."""
        return True

    def pages(self, period: BillingPeriod, reader: RecordReader, etag: str | None) -> Iterator[Page]:  # noqa: ARG002
        """Yield the one row of a month; one that is not found has none, unless it is the API that is not."""
        path = f"{self.account}/billingPeriods/{period.billing_period_id}/{CONSUMPTION}/balances"
        try:
            return self.api.pages(f"{path}?api-version={CONSUMPTION_VERSION}", one_row, etag=etag)
        except NotFoundError as error:
            if "InvalidResourceType" in str(error):
                raise
            raise NoDataError(*error.args) from None
