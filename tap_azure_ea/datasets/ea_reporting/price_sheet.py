"""Price sheet: what the enrollment pays for each meter."""

from __future__ import annotations

from tap_azure_ea.datasets.ea_reporting import EAReportingStream, period_rows
from tap_azure_ea.fields import number, text


class PriceSheet(EAReportingStream):
    """The enrollment's price of every meter in a billing period.

    https://learn.microsoft.com/rest/api/billing/enterprise/billing-enterprise-api-pricesheet
    """

    name = "price_sheet"
    path = "/v3/enrollments/{enrollment_number}/billingPeriods/{billing_period_id}/pricesheet"
    fields = period_rows(
        text("offer_id", "Offer that the price is for, such as MS-AZR-0017P."),
        text("id", "Azure's id of the price."),
        text("meter_id", "Id of the meter."),
        text("meter_name", "Name of the meter."),
        text("unit_of_measure", "Block of units that the price is for, such as 100 Hours."),
        number("included_quantity", "Quantity that is included without charge."),
        text("part_number", "Part number of the meter."),
        number("unit_price", "Price of one block, in currency_code."),
        text("currency_code", "Currency of the price, ISO 4217.", trim=True),
    )
