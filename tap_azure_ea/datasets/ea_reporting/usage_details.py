"""Usage: what each resource used each day, and what it cost."""

from __future__ import annotations

from tap_azure_ea.datasets.ea_reporting import EAReportingStream, period_rows
from tap_azure_ea.fields import date, flag, integer, json_object, number, text


class UsageDetails(EAReportingStream):
    """Daily quantities and estimated charges of every resource in the enrollment.

    https://learn.microsoft.com/rest/api/billing/enterprise/billing-enterprise-api-usage-detail
    """

    name = "usage_details"
    path = "/v3/enrollments/{enrollment_number}/billingPeriods/{billing_period_id}/usagedetails"
    custom_date_path = (
        "/v3/enrollments/{enrollment_number}/usagedetailsbycustomdate?startTime={first_day}&endTime={last_day}"
    )
    report_path = "/v3/enrollments/{enrollment_number}/usagedetails/submit?billingPeriod={billing_period_id}"
    custom_date_report_path = (
        "/v3/enrollments/{enrollment_number}/usagedetails/submit?startTime={first_day}&endTime={last_day}"
    )
    day_field = "date"
    amounts = ("cost",)
    has_charges = True
    fields = period_rows(
        text("service_name", "Name of the Azure service."),
        text("service_tier", "Tier of the Azure service."),
        text("location", "Location of the service, normalized."),
        flag("charges_billed_separately", "Whether the charge is billed outside of the monetary commitment."),
        text("part_number", "Part number of the meter in the price sheet."),
        text("resource_guid", "Identifier of the meter that emitted the usage."),
        text("offer_id", "Offer of the subscription, such as MS-AZR-0017P."),
        number("cost", "Charge of the row, in the enrollment's currency.", aliases=("extendedCost",)),
        integer("account_id", "Obsolete number of the account."),
        integer("product_id", "Obsolete number of the product."),
        integer("resource_location_id", "Obsolete number of the resource's location."),
        integer("consumed_service_id", "Obsolete number of the consumed service."),
        integer("department_id", "Obsolete number of the department."),
        text("account_owner_email", "Address of the account's owner; personal data."),
        text("account_name", "Name of the account."),
        text("service_administrator_id", "Address of the subscription's service administrator; personal data."),
        integer("subscription_id", "Obsolete number of the subscription; subscription_guid is its id."),
        text("subscription_guid", "Id of the subscription."),
        text("subscription_name", "Name of the subscription."),
        date("date", "Day of the usage."),
        text("product", "Product that the usage belongs to."),
        text("meter_id", "Id of the meter."),
        text("meter_category", "Category of the meter, such as Virtual Machines."),
        text("meter_sub_category", "Subcategory of the meter."),
        text("meter_region", "Region of the meter, where its price depends on one."),
        text("meter_name", "Name of the meter."),
        number("consumed_quantity", "Quantity used, in unit_of_measure."),
        number("resource_rate", "Price of a single unit, in the enrollment's currency."),
        text("resource_location", "Location of the resource."),
        text("consumed_service", "Resource provider that was used, such as Microsoft.Compute."),
        text("instance_id", "Resource: its full id, or only its name."),
        text("service_info1", "Service metadata."),
        text("service_info2", "Further service metadata, such as image type or ExpressRoute provider."),
        json_object("additional_info", "Service-specific details of the usage."),
        json_object("tags", "Tags of the resource."),
        text("store_service_identifier", "Not used by Azure."),
        text("department_name", "Name of the department."),
        text("cost_center", "Cost center of the subscription."),
        text("unit_of_measure", "Unit of the quantity."),
        text("resource_group", "Resource group of the resource."),
    )
