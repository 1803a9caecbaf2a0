"""The RateCard API: list prices of every meter in every region, in a file behind a link."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.blobs import Blobs
from tap_azure_ea.sandbox.catalogue import BLOB, EGRESS, LOGS, METERS, REGIONS, SPARK, Meter, guid, meter_id
from tap_azure_ea.sandbox.messages import Request, Response, encode
from tap_azure_ea.sandbox.rows import Row

ASKED = ("OfferDurableId", "Currency", "Locale", "RegionInfo")
_CLAUSE = re.compile(r"(\w+) eq '([^']*)'")
METERS_PER_SIZE = 145
LIST_PRICE = Decimal("1.18")
CURRENCIES = {"USD": Decimal(1), "EUR": Decimal("0.92")}
LOCALES = {"en-US", "de-DE"}
COUNTRIES = {"US", "DE", "NL"}
ENTERPRISE_OFFERS = {"MS-AZR-0017P", "MS-AZR-0145P"}
DEV_TEST_OFFERS = {"MS-AZR-0023P", "MS-AZR-0148P"}
DEV_TEST_DISCOUNT = {"Virtual Machines": Decimal("0.55"), "Azure App Service": Decimal("0.55")}
RESTATED = "Log Analytics"

NOTHING = Decimal("0.0")
FREE = {"0": NOTHING, "100": Decimal(1), "10240": Decimal("0.95"), "51200": Decimal("0.9")}
BY_THE_TERABYTE = {"0": Decimal(1), "51200": Decimal("0.96"), "512000": Decimal("0.92")}


def card(bill: Bill, offer: str, currency: str = "USD", locale: str = "en-US") -> Row:
    """Return the rate card of an offer: ``bill.size`` times as long as that of the enrollment's own meters."""
    return {
        "OfferTerms": _offer_terms(offer),
        "Meters": list(_meters(bill, offer, currency)),
        "Currency": currency,
        "Locale": locale[:2],
        "IsTaxIncluded": False,
    }


def _meters(bill: Bill, offer: str, currency: str) -> Iterator[Row]:
    shares = {meter: CURRENCIES[currency] * _share(bill, offer, meter.category) for meter in METERS}
    for meter, share in shares.items():
        for region in REGIONS:
            yield _row(meter, region, share)
    # Meters that nobody uses, for the length that real rate cards have.
    for number in range(METERS_PER_SIZE * bill.size - len(METERS) * len(REGIONS)):
        meter, region = METERS[number % len(METERS)], list(REGIONS)[number % len(REGIONS)]
        row = _row(meter, region, shares[meter] * (100 + number % 97) / 100)
        yield {**row, "MeterId": guid(f"meter {number}"), "MeterName": f"{meter.name} {number + 1}"}


def _share(bill: Bill, offer: str, category: str) -> Decimal:
    """Return how an offer's price compares with what the enrollment pays."""
    share = LIST_PRICE * (DEV_TEST_DISCOUNT.get(category, 1) if offer in DEV_TEST_OFFERS else 1)
    return share * (1 + Decimal("0.01") * bill.restatements.get("rate card", 0)) if category == RESTATED else share


def _row(meter: Meter, region: str, share: Decimal) -> Row:
    price = meter.rate * share * REGIONS[region].factor
    tiers = {EGRESS: FREE, BLOB: BY_THE_TERABYTE}.get(meter, {"0": Decimal(1)})
    return {
        "EffectiveDate": "0001-01-01T00:00:00Z" if meter == EGRESS else "2024-05-01T00:00:00Z",
        "IncludedQuantity": 5.0 if meter == LOGS else 0.0,
        "MeterCategory": meter.category,
        "MeterId": meter_id(meter, region),
        "MeterName": meter.name,
        "MeterRates": {bound: round(price * tier, 10) or NOTHING for bound, tier in tiers.items()},
        "MeterRegion": REGIONS[region].name,
        "MeterSubCategory": meter.sub_category,
        "MeterTags": ["Third Party"] if meter == SPARK else [],
        "Unit": meter.unit,
    }


def _offer_terms(offer: str) -> list[Row]:
    effective = {"EffectiveDate": "2019-12-01T00:00:00Z"}
    excluded = {"ExcludedMeterIds": [meter_id(SPARK, region) for region in REGIONS]}
    credit = {"Name": "Monetary Credit", "Credit": Decimal("200.0"), **effective, **excluded}
    tiers = {"0": NOTHING, "6000": Decimal("0.05"), "24000": Decimal("0.075")}
    terms: dict[str, list[Row]] = {
        "MS-AZR-0003P": [{"Name": "Recurring Charge", "RecurringCharge": 29, **effective}],
        "MS-AZR-0023P": [credit],
        "MS-AZR-0026P": [{"Name": "Monetary Commitment", "TieredDiscount": tiers, **effective, **excluded}],
        "MS-AZR-0044P": [credit],
    }
    return terms.get(offer, [])


@dataclass
class RateCardAPI:
    """Answers for any subscription of the enrollment."""

    bill: Bill
    blobs: Blobs

    def answer(self, request: Request, _scope: dict[str, str]) -> Response:
        """Redirect to the rate card that the filter selects."""
        asked = _asked(request.query.get("$filter", ""))
        if not asked:
            # Not in the envelope of the others.
            message = "Please specify valid values for OfferDurableId, Currency, Locale and RegionInfo."
            return Response(400, encode({"Message": f"Invalid query specified. {message}"}))
        offer, currency, locale, country = asked
        day = self.bill.today.replace(day=1) + timedelta(self.bill.restatements.get("rate card", 0))
        folder = f"ratecards/V1/{guid(f'rate card {country}')}/{offer}/{currency}/{locale[:2]}/False/V20150515"
        link = self.blobs.link(
            f"{folder}/{day}.json", "application/json", lambda: encode(card(self.bill, offer, currency, locale))
        )
        return Response(302, headers={"Location": link})


def _asked(text: str) -> tuple[str, ...] | None:
    """Return offer, currency, locale and country, if there is a card for them."""
    clauses = [_CLAUSE.fullmatch(clause.strip()) for clause in text.split(" and ")]
    values = {clause[1]: clause[2] for clause in clauses if clause}
    if len(clauses) != len(ASKED) or values.keys() != set(ASKED):
        return None
    offer, currency, locale, country = asked = tuple(values[name] for name in ASKED)
    known = currency in CURRENCIES and locale in LOCALES and country in COUNTRIES
    sold = re.fullmatch(r"MS-AZR-\d{4}P", offer) and offer not in ENTERPRISE_OFFERS
    return asked if known and sold else None
