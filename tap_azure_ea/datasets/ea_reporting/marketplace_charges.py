"""Marketplace store charges: what other publishers' offers cost."""

from __future__ import annotations

from tap_azure_ea.datasets.ea_reporting import EAReportingStream, period_rows
from tap_azure_ea.fields import flag, integer, json_object, number, text, timestamp


class MarketplaceCharges(EAReportingStream):
    """Usage-based, recurring and one-time marketplace charges of the enrollment.

    https://learn.microsoft.com/rest/api/billing/enterprise/billing-enterprise-api-marketplace-storecharge
    """

    name = "marketplace_charges"
    path = "/v3/enrollments/{enrollment_number}/billingPeriods/{billing_period_id}/marketplacecharges"
    custom_date_path = (
        "/v3/enrollments/{enrollment_number}/marketplacechargesbycustomdate?startTime={first_day}&endTime={last_day}"
    )
    amounts = ("extended_cost",)
    has_charges = True
    fields = period_rows(
        text("id", "Azure's id of the charge."),
        text("subscription_guid", "Id of the subscription."),
        text("subscription_name", "Name of the subscription."),
        text("meter_id", "Meter, in the publisher's own words."),
        timestamp("usage_start_date", "Start of the usage."),
        timestamp("usage_end_date", "End of the usage."),
        text("offer_name", "Name of the offer."),
        text("resource_group", "Resource group of the resource."),
        text("instance_id", "Resource: its full id, or only its name."),
        json_object("additional_info", "Offer-specific details of the charge."),
        json_object("tags", "Tags of the resource."),
        text("order_number", "Number of the order."),
        text("unit_of_measure", "Unit of the quantity."),
        text("cost_center", "Cost center of the subscription."),
        integer("account_id", "Number of the account."),
        text("account_name", "Name of the account."),
        text("account_owner_id", "Address of the account's owner; personal data."),
        integer("department_id", "Number of the department."),
        text("department_name", "Name of the department."),
        text("publisher_name", "Publisher of the offer."),
        text("plan_name", "Plan of the offer."),
        number("consumed_quantity", "Quantity used, in unit_of_measure."),
        number("resource_rate", "Price of a single unit, in the enrollment's currency."),
        number("extended_cost", "Charge of the row, in the enrollment's currency."),
        flag("is_recurring_charge", "Whether the charge recurs."),
    )
