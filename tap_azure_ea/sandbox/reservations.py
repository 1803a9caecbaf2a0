"""The sandbox enrollment's reserved instances: bought, paid, partly refunded, and not always used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from tap_azure_ea.sandbox.bill import Bill, days_between
from tap_azure_ea.sandbox.catalogue import LAKE, SHOP, Subscription, guid
from tap_azure_ea.sandbox.rows import CURRENCY, Row

HOURS = Decimal("24.000000000000000")


@dataclass(frozen=True)
class Reservation:
    """Some instances of a size, reserved from a day of the enrollment's first year; ``refunded`` of them are returned.

    A reservation that is paid at once lasts for its term; one that is paid each month is renewed after it.
    """

    name: str
    sku: str
    term: str
    quantity: int
    amount: Decimal
    frequency: str
    month: int
    subscription: Subscription
    refunded: int = 0


@dataclass(frozen=True)
class Event:
    """A charge for a reservation, or its refund."""

    day: date
    type: str
    quantity: int
    amount: Decimal


RESERVATIONS = (
    Reservation("shop-web", "Standard_D4s_v5", "P3Y", 6, Decimal("14208.60"), "OneTime", 1, SHOP, refunded=1),
    Reservation("warehouse", "Standard_E8s_v5", "P1Y", 3, Decimal("612.4500"), "Recurring", 2, LAKE),
)


def charges(bill: Bill, first_day: date, last_day: date) -> list[Row]:
    """Return what was charged for reservations on these days."""
    rows = []
    for reservation in RESERVATIONS:
        rows += [
            _charge(bill, reservation, event)
            for event in events(bill, reservation)
            if first_day <= event.day <= min(last_day, bill.today)
        ]
    return rows


def details(bill: Bill, first_day: date, last_day: date) -> list[Row]:
    """Return what each resource used of each reservation on these days."""
    return [row for reservation in RESERVATIONS for day in _days(bill, reservation, first_day, last_day)
            for row in _used(bill, reservation, day)]  # fmt: skip


def summaries(bill: Bill, first_day: date, last_day: date) -> list[Row]:
    """Return how much of each reservation was used, day by day."""
    return [_summary(bill, reservation, day) for reservation in RESERVATIONS
            for day in _days(bill, reservation, first_day, last_day)]  # fmt: skip


def recommendations(bill: Bill, scope: str, look_back_days: int) -> list[Row]:
    """Return recommended reservations, based on the usage of the last days."""
    costs = Decimal("19.892601567999996") * look_back_days
    rows = []
    for term, share in (("P1Y", Decimal("0.62")), ("P3Y", Decimal("0.41"))):
        rows.append({
            **({"subscriptionId": guid(SHOP.name)} if scope == "single" else {}),
            "lookBackPeriod": f"Last{look_back_days}Days",
            "meterId": guid("AAD-10403"),
            "skuName": "Standard_B2ms",
            "term": term,
            "region": "westeurope",
            "costWithNoRI": costs,
            "recommendedQuantity": 4,
            "totalCostWithRI": costs * share,
            "netSavings": costs - costs * share,
            "firstUsageDate": f"{bill.today - timedelta(look_back_days)}T00:00:00",
            "resourceType": "virtualmachines",
            "instanceFlexibilityRatio": Decimal("8.0"),
            "instanceFlexibilityGroup": "BS Series",
            "normalizedSize": "Standard_B1ms",
            "recommendedQuantityNormalized": Decimal("32.0"),
            "skuProperties": [{"name": "Cores", "value": "2"}, {"name": "Ram", "value": "8"}],
        })  # fmt: skip
    return rows


def start(bill: Bill, reservation: Reservation) -> date:
    """Return the day on which it was bought."""
    return date(bill.first_day.year, reservation.month, 5)


def events(bill: Bill, reservation: Reservation) -> Iterator[Event]:
    """Return all that is charged for it, up to this month."""
    bought = start(bill, reservation)
    months = (bill.today.year - bought.year) * 12 + bill.today.month - bought.month
    for month in range(months + 1 if reservation.frequency == "Recurring" else 1):
        day = date(bought.year + (bought.month - 1 + month) // 12, (bought.month - 1 + month) % 12 + 1, bought.day)
        yield Event(day, "Purchase", reservation.quantity, reservation.amount)
    if reservation.refunded:
        share = reservation.amount * reservation.refunded / reservation.quantity
        yield Event(bought + timedelta(40), "Refund", reservation.refunded, -share)


def _days(bill: Bill, reservation: Reservation, first_day: date, last_day: date) -> list[date]:
    return days_between(max(first_day, start(bill, reservation)), min(last_day, bill.today - timedelta(1)))


def _charge(bill: Bill, reservation: Reservation, event: Event) -> Row:
    subscription = reservation.subscription
    return {
        "purchasingEnrollment": bill.enrollment_number,
        "armSkuName": reservation.sku,
        "term": reservation.term,
        "region": "westeurope",
        "purchasingSubscriptionGuid": guid(subscription.name),
        "purchasingSubscriptionName": subscription.name,
        "accountName": subscription.department.account,
        "accountOwnerEmail": subscription.department.owner,
        "departmentName": subscription.department.name,
        "costCenter": "",
        "currentEnrollment": bill.enrollment_number,
        "billingFrequency": reservation.frequency,
        "eventDate": f"{event.day}T09:30:00",
        "reservationOrderId": guid(f"{reservation.name} order"),
        "description": f"{reservation.sku} westeurope {reservation.term[1]} Year",
        "eventType": event.type,
        "quantity": event.quantity,
        "amount": event.amount,
        "currency": CURRENCY,
        "reservationOrderName": f"{reservation.name}-reservation",
    }


def _used(bill: Bill, reservation: Reservation, day: date) -> list[Row]:
    random = Random(f"{bill.enrollment_number} {reservation.name} {day}")  # noqa: S311 - not for secrets
    quantity = Decimal(f"{reservation.quantity - reservation.refunded}.000000000000000")
    subscription = guid(reservation.subscription.name)
    group = f"/subscriptions/{subscription}/resourcegroups/rg-{reservation.name}-production"
    return [
        {
            "reservationOrderId": guid(f"{reservation.name} order"),
            "reservationId": guid(reservation.name),
            "usageDate": f"{day}T00:00:00",
            "skuName": reservation.sku,
            "instanceId": f"{group}/providers/microsoft.compute/virtualmachines/{reservation.name}-{number:02d}",
            "totalReservedQuantity": quantity,
            "reservedHours": quantity * 24,
            "usedHours": Decimal(f"{random.choice((24, 24, 24, 23, 18))}.000000000000000"),
        }
        for number in range(1, int(quantity) + 1)
    ]


def _summary(bill: Bill, reservation: Reservation, day: date) -> Row:
    rows = _used(bill, reservation, day)
    used, reserved = sum(row["usedHours"] for row in rows), rows[0]["reservedHours"]
    percentages = [row["usedHours"] / HOURS * 100 for row in rows]
    return {
        "reservationOrderId": rows[0]["reservationOrderId"],
        "reservationId": rows[0]["reservationId"],
        "skuName": reservation.sku,
        "reservedHours": reserved,
        "usageDate": f"{day}T00:00:00",
        "usedHours": used,
        "minUtilizationPercentage": round(min(percentages), 2),
        "avgUtilizationPercentage": round(used / reserved * 100, 2),
        "maxUtilizationPercentage": round(max(percentages), 2),
    }
