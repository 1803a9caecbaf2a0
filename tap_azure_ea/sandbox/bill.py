"""The sandbox enrollment's bill: the same for the same day and size; it adds up to the last digit."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random

from tap_azure_ea.sandbox.catalogue import OFFERS, PRODUCTS, SUBSCRIPTIONS, WORKLOADS, Offer, Season, guid
from tap_azure_ea.sandbox.rows import CURRENCY, FIRST_PRODUCT, Row, charge_row, price_row, usage_row

ZERO = Decimal(0)
FIRST_CORRECTION = 4
SECOND_CORRECTION = 21


@dataclass
class Bill:
    """What an enrollment owes as of ``today``; ``size`` multiplies the resources.

    There is usage up to the day before ``today``. A closed period is restated on the 4th day of the next month (late
    usage arrives) and on its 21st (a price is corrected), and whenever ``restate`` is called. ``restatements`` counts
    those by period, by reported day (such as 2026-03-07) and of the ``rate card``.
    """

    enrollment_number: str
    today: date
    first_day: date
    size: int = 1
    restatements: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._usage = lru_cache(maxsize=6)(self._price_usage)
        self._totals = lru_cache(maxsize=None)(self._add_up)
        # Two years, day by day, as long as that is small.
        self._day = lru_cache(maxsize=max(2, 800 // self.size))(self._usage_of_day)

    @property
    def periods(self) -> list[str]:
        """The ids of all periods, newest first."""
        months = range(_month(self.first_day), _month(self.today) + 1)
        return [f"{month // 12:04d}{month % 12 + 1:02d}" for month in reversed(months)]

    def days(self, period: str) -> tuple[date, date]:
        """Return the first and the last day of a period."""
        year, month = int(period[:4]), int(period[4:])
        return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])

    def periods_within(self, first_day: date, last_day: date) -> list[str]:
        """Return the ids of the periods that contain any of these days, oldest first."""
        days = {period: self.days(period) for period in reversed(self.periods)}
        return [period for period, (first, last) in days.items() if first <= last_day and first_day <= last]

    def revision(self, period: str) -> int:
        """Return how often the period has been restated since it closed."""
        _, last_day = self.days(period)
        age = (self.today - last_day).days
        return (age >= FIRST_CORRECTION) + (age >= SECOND_CORRECTION) + self.restatements.get(period, 0)

    def restate(self, part: str) -> None:
        """Restate a period, a reported day or the rate card once more.

        A period gets more rows the first time, new prices the second time, and loses rows from then on. A reported day
        gets more rows the first time and loses rows from then on. In the rate card a price changes.
        """
        self.restatements[part] = self.restatements.get(part, 0) + 1

    def version(self, period: str) -> str:
        """Return a value that changes whenever the period's rows do."""
        return f"{self.size} {self.revision(period)} {min(self.days(period)[1], self.today - timedelta(1))}"

    def usage(self, period: str) -> list[Row]:
        """Return the usage rows of a period."""
        return self._usage(period, self.version(period), self.revision(period))

    def usage_within(self, first_day: date, last_day: date) -> list[Row]:
        """Return the usage rows of these days; for a whole period, without looking at each row."""
        rows: list[Row] = []
        for period in self.periods_within(first_day, last_day):
            first, last = self.days(period)
            usage = self.usage(period)
            whole = first_day <= first and last <= last_day
            rows += usage if whole else [row for row in usage if str(first_day) <= row["date"][:10] <= str(last_day)]
        return rows

    def usage_of_day(self, day: date) -> list[Row]:
        """Return what was used on a day, before any restatement."""
        return self._day(day) if self.first_day <= day < self.today else []

    def costs(self, period: str) -> dict[str, Decimal]:
        """Return what the usage of each subscription cost in a period, by its GUID."""
        return self._totals(period, self.version(period))[3]

    def marketplace(self, period: str) -> list[Row]:
        """Return the marketplace charges of a period; the first two months of the enrollment have none."""
        if _month(self.days(period)[0]) < _month(self.first_day) + 2:
            return []
        return [row for offer in OFFERS for row in self._charges(offer, period)]

    def prices(self, period: str) -> list[Row]:
        """Return the price sheet of a period."""
        return [
            price_row(f"{self._id(period)}/products/{number}/pricesheets", period, *product)
            for number, product in enumerate(PRODUCTS, start=FIRST_PRODUCT)
        ]

    def balance(self, period: str) -> Row:
        """Return the balance of a period, which its usage and marketplace charges add up to."""
        beginning, balance = ZERO, {}
        for earlier in reversed(self.periods):
            balance = self._balance(earlier, beginning)
            if earlier == period:
                break
            beginning = balance["endingBalance"]
        return balance

    def _balance(self, period: str, beginning: Decimal) -> Row:
        committed, separate, marketplace, _ = self._totals(period, self.version(period))
        month = int(period[4:])
        purchases = {1: {"Azure Prepayment": Decimal(320000)}, 9: {"Azure Prepayment top-up": Decimal(45000)}}.get(
            month, {}
        )
        adjustments = {4: {"Promo Credit": Decimal("1500.00"), "SIE Credit": Decimal("-212.37")}}.get(month, {})
        available = beginning + sum(purchases.values(), ZERO) + sum(adjustments.values(), ZERO)
        utilized = min(committed, max(available, ZERO))
        overage = committed - utilized
        return {
            "id": f"{self._id(period)}/balancesummaries",
            "billingPeriodId": int(period),
            "currencyCode": f"{CURRENCY}  ",
            "beginningBalance": beginning,
            "endingBalance": available - utilized,
            "newPurchases": sum(purchases.values(), ZERO),
            "adjustments": sum(adjustments.values(), ZERO),
            "utilized": utilized,
            "serviceOverage": overage,
            "chargesBilledSeparately": separate,
            "totalOverage": overage + separate,
            "totalUsage": utilized + overage + separate,
            "azureMarketplaceServiceCharges": marketplace,
            "newPurchasesDetails": [{"name": name, "value": value} for name, value in purchases.items()],
            "adjustmentDetails": [{"name": name, "value": value} for name, value in adjustments.items()],
        }

    def _add_up(self, period: str, _version: str) -> tuple[Decimal, Decimal, Decimal, dict[str, Decimal]]:
        usage, costs = self.usage(period), {guid(subscription.name): ZERO for subscription in SUBSCRIPTIONS}
        for row in usage:
            costs[row["subscriptionGuid"]] += row["cost"]
        separate = sum((row["cost"] for row in usage if row["chargesBilledSeparately"]), ZERO)
        marketplace = sum((row["extendedCost"] for row in self.marketplace(period)), ZERO)
        return sum(costs.values(), ZERO) - separate, separate, marketplace, costs

    def _price_usage(self, period: str, _version: str, revision: int) -> list[Row]:
        first_day, last_day = self.days(period)
        last_day = min(last_day, self.today - timedelta(1))
        rows = [row for day in days_between(first_day, last_day) for row in self._usage_of_day(day)]
        if first_day.month == 5 and rows:  # noqa: PLR2004 - each May, as the meter of a long outage is credited
            rows.append(_refund(rows[0]))
        return _restated(rows, revision)

    def _usage_of_day(self, day: date) -> list[Row]:
        random = Random(f"{self.enrollment_number} {day}")  # noqa: S311 - not for secrets
        months = _month(day) - _month(date(2025, 1, 1))
        rows = []
        for workload in WORKLOADS:
            expected = workload.daily * (1 + workload.growth) ** months * _season(workload.season, day)
            for number in range(workload.count * self.size):
                quantity = Decimal(f"{expected * random.uniform(0.94, 1.06):.6f}")
                if quantity:
                    rows.append(usage_row(workload, number + 1, day, quantity))
        # Two identical charges on one day are two charges.
        return rows + [dict(row) for row in rows if row["meterCategory"] == "Application Gateway"]

    def _charges(self, offer: Offer, period: str) -> list[Row]:
        first_day, last_day = self.days(period)
        last_used = min(last_day, self.today - timedelta(1))
        if offer.recurring:
            charges = [(first_day, last_day, Decimal(1))]
        else:
            charges = [(day, day, Decimal(24)) for day in days_between(first_day, last_used)]
        if offer.recurring and first_day.month == 8:  # noqa: PLR2004 - each August, a month is refunded
            charges.append((first_day, last_day, Decimal(-1)))
        name = f"{self._id(period)}/marketplacecharges/{offer.plan}"
        return [charge_row(f"{name}-{number}", offer, *charge) for number, charge in enumerate(charges, start=1)]

    def _id(self, period: str) -> str:
        return f"enrollments/{self.enrollment_number}/billingperiods/{period}"


def days_between(first_day: date, last_day: date) -> list[date]:
    """Return the days from the first to the last, both included; none if the last is before the first."""
    return [first_day + timedelta(number) for number in range((last_day - first_day).days + 1)]


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _season(season: Season, day: date) -> float:
    if season is Season.OFFICE:
        return float(day.weekday() < 5)  # noqa: PLR2004 - Monday to Friday
    if season is Season.RETAIL:
        return {7: 0.85, 8: 0.8, 11: 1.5, 12: 1.35}.get(day.month, 1.0) * (1.12 if day.weekday() > 4 else 1.0)  # noqa: PLR2004
    if season is Season.CLOSING:
        return 2.4 if (day + timedelta(2)).month != day.month else 1.0
    return 1.0


def _refund(row: Row) -> Row:
    """Credit ten days of a resource."""
    quantity = -10 * row["consumedQuantity"]
    return {**row, "consumedQuantity": quantity, "cost": quantity * row["resourceRate"], "serviceInfo1": "Refund"}


def _restated(rows: list[Row], revision: int) -> list[Row]:
    """Add late usage, then correct a price, then take rows away, as the revisions of a period do."""
    if revision >= 1:
        late = [row for row in rows if row["meterCategory"] == "Bandwidth"][-4:]
        rows = rows + [_repriced(row, row["consumedQuantity"] / 8, row["resourceRate"]) for row in late]
    if revision >= 2:  # noqa: PLR2004 - the second restatement
        corrected = {"Log Analytics": Decimal("0.97")}
        rows = [
            _repriced(row, row["consumedQuantity"], row["resourceRate"] * corrected.get(row["meterCategory"], 1))
            for row in rows
        ]
    return rows[: len(rows) - 3 * (revision - 2)] if revision > 2 else rows  # noqa: PLR2004 - from the third on


def _repriced(row: Row, quantity: Decimal, rate: Decimal) -> Row:
    return {**row, "consumedQuantity": quantity, "resourceRate": rate, "cost": quantity * rate}
