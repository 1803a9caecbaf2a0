"""Marketplaces: what other publishers charged."""

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
from tap_azure_ea.fields import flag, json_object, number, text, timestamp
from tap_azure_ea.periods import BillingPeriod
from tap_azure_ea.records import RecordReader


class Marketplaces(MonthlyStream):
    """Usage-based, recurring and one-time marketplace charges of the enrollment.

    https://learn.microsoft.com/rest/api/consumption/marketplaces
    """

    name = "marketplaces"
    day_field = "usage_start"
    amounts = ("pretax_cost",)
    currency_field = "currency"
    has_charges = True
    changing = ("is_estimated",)
    fields = period_rows(
        text("id", "Azure's id of the charge; not its key."),
        text("name", "Azure's name of the charge."),
        text("type", "Type of the resource, as Azure names it here."),
        json_object("tags", "Tags of the resource."),
        # Azure's word for the period is a whole path, so it is not what billing_period_id is checked against.
        text("billing_period", "Azure's id of the billing period.", aliases=("billingPeriodId",)),
        text("account_name", "Name of the account."),
        text("additional_info", "Offer-specific details of the usage."),
        text("additional_properties", "Further details of the usage."),
        number("consumed_quantity", "Quantity, in unit_of_measure."),
        text("consumed_service", "Resource provider that was used."),
        text("cost_center", "Cost center of the subscription."),
        text("currency", "Currency of the charge, ISO 4217.", trim=True),
        text("department_name", "Name of the department."),
        text("instance_id", "Id of the resource."),
        text("instance_name", "Name of the resource."),
        flag("is_estimated", "Whether the charge is still an estimate."),
        flag("is_recurring_charge", "Whether it is charged each month."),
        text("meter_id", "Id of the meter."),
        text("offer_name", "Name of the offer."),
        text("order_number", "Number of the order."),
        text("plan_name", "Plan of the offer."),
        number("pretax_cost", "The charge before taxes, in currency."),
        text("publisher_name", "Publisher of the offer."),
        text("resource_group", "Resource group of the resource."),
        number("resource_rate", "Price of a unit."),
        text("subscription_guid", "Id of the subscription."),
        text("subscription_name", "Name of the subscription."),
        text("unit_of_measure", "Unit of the quantity."),
        timestamp("usage_start", "When the usage began."),
        timestamp("usage_end", "When the usage ended."),
    )

    def pages(self, period: BillingPeriod, reader: RecordReader, etag: str | None) -> Iterator[Page]:  # noqa: ARG002
        """Yield the charges that were used within the days."""
        asked = f"properties/usageStart ge '{period.first_day}' and properties/usageEnd le '{period.last_day}'"
        query = f"api-version={CONSUMPTION_VERSION}&$filter={quote(asked)}"
        return self.api.pages(f"{self.account}/{CONSUMPTION}/marketplaces?{query}", etag=etag)
