"""Balances: what was bought in advance, what was used of it, and what was billed beyond it."""

from __future__ import annotations

from tap_azure_ea.api.ea_reporting import one_row
from tap_azure_ea.datasets.audit import BALANCE_AMOUNTS
from tap_azure_ea.datasets.ea_reporting import EAReportingStream, period_record
from tap_azure_ea.fields import NAMED_VALUES, json_array, number, text
from tap_azure_ea.periods import BILLING_PERIOD_ID, ENROLLMENT_NUMBER


class BalanceSummary(EAReportingStream):
    """Balance, purchases, usage and overage of a billing period, in the enrollment's currency.

    https://learn.microsoft.com/rest/api/billing/enterprise/billing-enterprise-api-balance-summary
    """

    name = "balance_summary"
    path = "/v3/enrollments/{enrollment_number}/billingPeriods/{billing_period_id}/balancesummary"
    envelope = staticmethod(one_row)
    primary_keys = (ENROLLMENT_NUMBER.name, BILLING_PERIOD_ID.name)
    amounts = BALANCE_AMOUNTS
    currency_field = "currency_code"
    fields = period_record(
        text("id", "Azure's id of the balance."),
        text("currency_code", "Currency of all amounts, ISO 4217.", trim=True),
        number("beginning_balance", "Balance at the start of the period."),
        number("ending_balance", "Balance at the end of the period; of an open period, as of the last update."),
        number("new_purchases", "Purchases added to the balance in the period."),
        number("adjustments", "Adjustments of the balance in the period."),
        number("utilized", "What usage took from the balance."),
        number("service_overage", "Azure services used beyond the balance."),
        number("charges_billed_separately", "Charges that are never taken from the balance."),
        number("total_overage", "Service overage and charges billed separately."),
        number("total_usage", "What usage took from the balance, and total overage."),
        number("azure_marketplace_service_charges", "Marketplace charges of the period, billed apart."),
        json_array("new_purchases_details", "The purchases, each with name and value.", items=NAMED_VALUES),
        json_array("adjustment_details", "The adjustments, each with name and value.", items=NAMED_VALUES),
    )
