"""Price sheet: what each meter costs the enrollment in a month."""

from __future__ import annotations

from collections.abc import Iterator

from tap_azure_ea.api.pages import Page
from tap_azure_ea.datasets.cost_management import (
    COST_MANAGEMENT,
    COST_MANAGEMENT_VERSION,
    MonthlyStream,
    period_rows,
)
from tap_azure_ea.fields import number, text, timestamp
from tap_azure_ea.periods import BillingPeriod
from tap_azure_ea.records import RecordReader


class PriceSheetItems(MonthlyStream):
    """The enrollment's price of every meter in a month, and of reservations in the current one.

    https://learn.microsoft.com/rest/api/cost-management/price-sheet
    """

    name = "price_sheet_items"
    fields = period_rows(
        text("meter_id", "Id of the meter."),
        text("meter_name", "Name of the meter."),
        text("meter_type", "Kind of the meter."),
        text("meter_category", "Category of the meter, such as Virtual Machines."),
        text("meter_sub_category", "Subcategory of the meter."),
        text("meter_region", "Region of the meter, where its price depends on one."),
        text("service_family", "Family of the service, such as Compute."),
        text("product", "Product that the price is of."),
        text("sku_id", "Id of the SKU."),
        text("product_id", "Id of the product."),
        text("unit_of_measure", "Unit that the prices are for, such as 100 Hours."),
        text("part_number", "Part number of the meter."),
        timestamp("effective_start_date", "Since when the prices apply."),
        timestamp("effective_end_date", "Until when the prices apply."),
        number("unit_price", "The enrollment's price of a unit."),
        number("base_price", "Price of a unit when the enrollment began."),
        number("market_price", "List price of a unit."),
        text("currency_code", "Currency of the prices, ISO 4217.", trim=True),
        number("included_quantity", "Quantity that costs nothing."),
        text("offer_id", "Offer that the price is for, such as MS-AZR-0017P."),
        text("term", "Term of a reservation or savings plan."),
        text("price_type", "Consumption, Reservation or SavingsPlan."),
    )

    def pages(self, period: BillingPeriod, reader: RecordReader, etag: str | None) -> Iterator[Page]:
        """Yield the pages of the report, an archive of several files."""
        path = (
            f"{self.account}/billingPeriods/{period.billing_period_id}/{COST_MANAGEMENT}/pricesheets/default/download"
        )
        return self.api.report_pages(f"{path}?api-version={COST_MANAGEMENT_VERSION}", reader.recognizes, etag)
