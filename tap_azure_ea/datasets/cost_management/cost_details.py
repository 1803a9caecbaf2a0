"""Cost details: every charge of a month, as it was charged, or spread over what it was paid for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from singer_sdk import Tap

from tap_azure_ea.api.pages import Page
from tap_azure_ea.api.resource_manager import ResourceManagerAPI
from tap_azure_ea.datasets.cost_management import (
    COST_MANAGEMENT,
    COST_MANAGEMENT_VERSION,
    MonthlyStream,
    period_rows,
)
from tap_azure_ea.fields import date, flag, json_object, number, text
from tap_azure_ea.periods import BILLING_PERIOD_ID, ENROLLMENT_NUMBER, BillingPeriod
from tap_azure_ea.records import RecordReader
from tap_azure_ea.snapshot import ROW_NUMBER

SCOPE = text("scope", "What the costs are of, as Azure Resource Manager names it.")
# Of a billing profile and of a subscription, a month is asked for by its days.
BY_BILLING_PERIOD = re.compile(
    r"/providers/Microsoft\.Billing/billingAccounts/[^/]+(/(departments|enrollmentAccounts)/[^/]+)?", re.IGNORECASE
)


def as_path(scope: str) -> str:
    """Return a scope as it stands in a path, however it is set."""
    return "/" + scope.strip().strip("/")


class CostDetailsStream(MonthlyStream):
    """A report of cost details at the enrollment, or at the ``scope`` that is set instead."""

    needs_one_of = ("enrollment_number", "scope")
    metric: ClassVar[str]
    amounts = ("cost_in_billing_currency",)
    divided_by = ("publisher_type", "charge_type", "pricing_model")
    currency_field = "billing_currency_code"
    has_charges = True
    fields = period_rows(
        SCOPE,
        text("invoice_section_name", "Department or invoice section.", aliases=("invoiceSection", "departmentName")),
        text("account_name", "Name of the account."),
        text("account_owner_id", "Address of the account's owner; personal data."),
        text("subscription_id", "Id of the subscription.", aliases=("subscriptionGuid", "subscription_id")),
        text("subscription_name", "Name of the subscription."),
        text("resource_group", "Resource group of the resource."),
        text("resource_location", "Location of the resource."),
        date("date", "Day of the usage or purchase.", aliases=("usageDateTime", "usageDate")),
        text("product_name", "Product that was charged for.", aliases=("product",)),
        text("meter_category", "Category of the meter, such as Virtual Machines."),
        text("meter_sub_category", "Subcategory of the meter."),
        text("meter_id", "Id of the meter."),
        text("meter_name", "Name of the meter."),
        text("meter_region", "Region of the meter, where its price depends on one."),
        text("unit_of_measure", "Unit of the quantity."),
        number("quantity", "Quantity, in unit_of_measure; rounded by Azure.", aliases=("usageQuantity",)),
        number("effective_price", "Price of a unit after discounts.", aliases=("resourceRate",)),
        number("cost_in_billing_currency", "The charge, exactly, before taxes.", aliases=("cost", "preTaxCost")),
        text("cost_center", "Cost center of the subscription."),
        text("consumed_service", "Resource provider that was used, such as Microsoft.Compute."),
        text("resource_id", "Id of the resource.", aliases=("instanceId",)),
        json_object("tags", "Tags of the resource."),
        text("offer_id", "Offer of the subscription, such as MS-AZR-0017P."),
        json_object("additional_info", "Service-specific details of the usage."),
        text("service_info1", "Service metadata."),
        text("service_info2", "Further service metadata."),
        text("resource_name", "Name of the resource."),
        text("reservation_id", "Id of the reservation; of a purchase, that of the reservation order."),
        text("reservation_name", "Name of the reservation."),
        number("unit_price", "Price of a unit by the enrollment's price sheet."),
        text("product_order_id", "Id of the order of what was purchased."),
        text("product_order_name", "Name of the order of what was purchased."),
        text("term", "Term of what was purchased, in months."),
        text("publisher_type", "Azure, Microsoft or Marketplace."),
        text("publisher_name", "Publisher of a marketplace offer."),
        text("charge_type", "Usage, Purchase, Refund, UnusedReservation, UnusedSavingsPlan or RoundingAdjustment."),
        text("frequency", "OneTime, Recurring or UsageBased."),
        text("pricing_model", "OnDemand, Reservation, SavingsPlan or Spot."),
        text("availability_zone", "Availability zone of the resource."),
        text("billing_account_id", "Id of the billing account: the enrollment."),
        text("billing_account_name", "Name of the billing account."),
        text("billing_currency_code", "Currency of the costs, ISO 4217.", aliases=("billingCurrency",)),
        date("billing_period_start_date", "First day of the billing period."),
        date("billing_period_end_date", "Last day of the billing period."),
        text("billing_profile_id", "Id of the billing profile: the enrollment."),
        text("billing_profile_name", "Name of the billing profile."),
        text("invoice_section_id", "Id of the department or invoice section."),
        flag("is_azure_credit_eligible", "Whether the charge may be paid from the Azure prepayment."),
        text("part_number", "Part number of the meter in the price sheet."),
        number("pay_g_price", "List price of a unit; 0 for reservations and marketplace offers."),
        text("plan_name", "Plan of a marketplace offer."),
        text("service_family", "Family of the service, such as Compute."),
        text("cost_allocation_rule_name", "Rule that moved the cost here."),
        text("benefit_id", "Id of the reservation or savings plan."),
        text("benefit_name", "Name of the reservation or savings plan."),
        text("account_id", "Id of the account."),
        text("resource_location_normalized", "Location of the resource, in Azure's canonical spelling."),
    )

    def __init__(self, tap: Tap, connect: Callable[[], ResourceManagerAPI]) -> None:
        if tap.config.get("scope"):
            # Two scopes of one enrollment may share a table without replacing each other's rows.
            self.primary_keys = (SCOPE.name, BILLING_PERIOD_ID.name, ROW_NUMBER.name)
        super().__init__(tap, connect)

    @property
    def scope(self) -> str:
        """The scope that is set, or the enrollment, as it stands in a path."""
        return as_path(self.config["scope"]) if self.config.get("scope") else self.account

    @property
    def asked_of(self) -> dict[str, str]:
        """The scope that is set, or the enrollment."""
        return {SCOPE.name: self.scope} if self.config.get("scope") else super().asked_of

    @property
    def given(self) -> dict[str, str]:
        """The scope too, and the enrollment, whichever is asked."""
        return {**super().given, SCOPE.name: self.scope, ENROLLMENT_NUMBER.name: self.api.enrollment_number}

    def pages(self, period: BillingPeriod, reader: RecordReader, etag: str | None) -> Iterator[Page]:
        """Yield the pages of a report; a billing period is asked for by name where the scope has billing periods."""
        asked: dict[str, Any] = {"timePeriod": {"start": period.first_day, "end": period.last_day}}
        if period.whole and BY_BILLING_PERIOD.fullmatch(self.scope):
            asked = {"billingPeriod": period.billing_period_id}
        report = f"{self.scope}/{COST_MANAGEMENT}/generateCostDetailsReport?api-version={COST_MANAGEMENT_VERSION}"
        return self.api.report_pages(report, reader.recognizes, etag, {"metric": self.metric, **asked})


class ActualCostDetails(CostDetailsStream):
    """Every charge when it was charged: usage, purchases and refunds, at full amount.

    https://learn.microsoft.com/rest/api/cost-management/generate-cost-details-report
    """

    name = "actual_cost_details"
    metric = "ActualCost"


class AmortizedCostDetails(CostDetailsStream):
    """Every charge where it was used: reservations and savings plans spread over their terms, and what was not used.

    https://learn.microsoft.com/rest/api/cost-management/generate-cost-details-report
    """

    name = "amortized_cost_details"
    metric = "AmortizedCost"
