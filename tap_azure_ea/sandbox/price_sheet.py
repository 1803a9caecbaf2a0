"""The price sheet API: the prices of a period as two CSV files in a ZIP."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import count
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.blobs import Blobs
from tap_azure_ea.sandbox.catalogue import PRODUCTS, REGIONS, Meter, guid
from tap_azure_ea.sandbox.cost_rows import FAMILIES, LIST_PRICE
from tap_azure_ea.sandbox.messages import BOM, Request, Response, error, table
from tap_azure_ea.sandbox.operations import Operations
from tap_azure_ea.sandbox.reach import days_of, within_reach
from tap_azure_ea.sandbox.rows import Row

COLUMNS = [
    "EnrollmentNumber", "MeterID", "MeterName", "MeterType", "MeterCategory", "MeterSubCategory", "ServiceFamily",
    "Product", "SkuID", "ProductID", "MeterRegion", "UnitOfMeasure", "PartNumber", "EffectiveStartDate",
    "EffectiveEndDate", "UnitPrice", "BasePrice", "MarketPrice", "CurrencyCode", "IncludedQuantity", "OfferID", "Term",
    "PriceType",
]  # fmt: skip
# Hours of a term, at a discount.
RESERVED = {"P1Y": Decimal(8760) * Decimal("0.62"), "P3Y": Decimal(26280) * Decimal("0.41")}
_SPELLINGS = (("downloadUrl", "validTill"), ("reportUrl", "validUntil"))


def rows(bill: Bill, period: str) -> list[Row]:
    """Return the price sheet of a period; reservations have prices in the current one only."""
    found = [
        (meter, _row(bill, period, meter, region, price))
        for (meter, region), price in zip(PRODUCTS, bill.prices(period), strict=True)
    ]
    machines = [(meter, row) for meter, row in found if meter.resource_type == "virtualMachines"]
    reserved = machines if period == bill.periods[0] else []
    return [row for _, row in found] + [_reserved(meter, row, term) for meter, row in reserved for term in RESERVED]


def archive(bill: Bill, period: str) -> bytes:
    """Return the price sheet of a period, half in each file."""
    found, content = rows(bill, period), io.BytesIO()
    middle = len(found) // 2
    with ZipFile(content, "w") as files:
        for number, half in enumerate((found[:middle], found[middle:]), start=1):
            # Always the same bytes: a file is as old as its period.
            name = ZipInfo(f"{bill.enrollment_number}_{period}_{number}.csv", (*bill.days(period)[0].timetuple()[:6],))
            name.compress_type = ZIP_DEFLATED
            files.writestr(name, BOM + table(COLUMNS, half))
    return content.getvalue()


@dataclass
class PriceSheetAPI:
    """Answers for the enrollment: odd requests in one of Azure's two spellings, even ones in the other."""

    bill: Bill
    blobs: Blobs
    operations: Operations
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def download(self, request: Request, scope: dict[str, str]) -> Response:
        """Begin to prepare a price sheet."""
        period = scope["period"]
        try:
            within_reach(self.bill, *days_of(self.bill, period))
        except ValueError as problem:
            return error(400, str(problem), "BadRequest")
        if period not in self.bill.periods:
            return error(404, f"The billing period '{period}' could not be found.", "NotFound")
        number = next(self._numbers)
        path = f"pricesheets/{guid(f'price sheet {number}')}/{self.bill.enrollment_number}_{period}.zip"
        link = self.blobs.link(path, "application/zip", lambda: archive(self.bill, period))
        address, validity = _SPELLINGS[number % 2]
        properties = {address: link, validity: f"{self.bill.today + timedelta(1)}T17:32:28Z"}
        results = f"{scope['root']}/providers/Microsoft.CostManagement/operationResults"
        return self.operations.begin(request, results, properties)


def _row(bill: Bill, period: str, meter: Meter, region: str, price: Row) -> Row:
    first_day, last_day = bill.days(period)
    return {
        "EnrollmentNumber": bill.enrollment_number,
        "MeterID": price["meterId"],
        "MeterName": meter.name,
        "MeterType": meter.name,
        "MeterCategory": meter.category,
        "MeterSubCategory": meter.sub_category,
        "ServiceFamily": FAMILIES[meter.category],
        "Product": f"{meter.category} - {meter.sub_category} - {meter.name} - {REGIONS[region].name}",
        "SkuID": guid(f"{meter.part_number} sku")[:4].upper(),
        "ProductID": price["id"].split("/")[-2],
        "MeterRegion": REGIONS[region].name,
        "UnitOfMeasure": price["unitOfMeasure"],
        "PartNumber": price["partNumber"],
        "EffectiveStartDate": f"{first_day}T00:00:00Z",
        "EffectiveEndDate": f"{last_day}T00:00:00Z",
        "UnitPrice": price["unitPrice"],
        "BasePrice": price["unitPrice"],
        "MarketPrice": price["unitPrice"] * LIST_PRICE,
        "CurrencyCode": price["currencyCode"],
        "IncludedQuantity": price["includedQuantity"],
        "OfferID": price["offerId"],
        "Term": "",
        "PriceType": "Consumption",
    }


def _reserved(meter: Meter, row: Row, term: str) -> Row:
    amount = round(meter.rate * RESERVED[term], 2)
    return {
        **row,
        "UnitOfMeasure": meter.unit,
        "PartNumber": f"{meter.part_number}-{term}",
        "UnitPrice": amount,
        "BasePrice": amount,
        "MarketPrice": amount * LIST_PRICE,
        "Term": term,
        "PriceType": "Reservation",
    }
