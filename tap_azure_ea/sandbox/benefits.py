"""What reservations and the savings plan cover day by day, and the amortized cost of each hour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from itertools import groupby
from operator import itemgetter
from random import Random

from tap_azure_ea.sandbox import reservations
from tap_azure_ea.sandbox.bill import Bill, days_between
from tap_azure_ea.sandbox.catalogue import D4, E8, PLATFORM, Meter, Subscription, guid
from tap_azure_ea.sandbox.reservations import RESERVATIONS, Reservation
from tap_azure_ea.sandbox.rows import Row

ZERO = Decimal(0)
SMALLEST = Decimal("1E-28")
WIDE = Context(prec=60)
NOBODY = ""

_METERS = {"Standard_D4s_v5": D4, "Standard_E8s_v5": E8}


@dataclass(frozen=True)
class Benefit:
    """A reservation or a savings plan; ``root`` is the beginning of its order's id."""

    name: str
    model: str
    order_name: str
    meter: Meter
    subscription: Subscription
    months: int
    root: str

    @property
    def order_id(self) -> str:
        """The GUID of its order."""
        return guid(f"{self.name} order")

    @property
    def id(self) -> str:
        """Its id in Resource Manager."""
        return f"{self.root}/{guid(self.name)}"


@dataclass(frozen=True)
class Use:
    """The hours of a day that a resource, or ``NOBODY``, used a benefit, and the cost of those hours."""

    benefit: Benefit
    day: date
    instance: str
    hours: Decimal
    cost: Decimal


SAVINGS_PLAN = Benefit(
    "platform-compute", "SavingsPlan", "platform-compute-savings-plan", D4, PLATFORM, 36,
    f"/providers/Microsoft.BillingBenefits/savingsPlanOrders/{guid('platform-compute order')}/savingsPlans",
)  # fmt: skip
SAVINGS_PLAN_INSTANCES = 4
SAVINGS_PLAN_MONTH = 3
COMMITMENT = Decimal("0.37") * 24


def reserved(reservation: Reservation) -> Benefit:
    """Return a reservation as a benefit."""
    root = f"/providers/Microsoft.Capacity/reservationOrders/{guid(f'{reservation.name} order')}/reservations"
    meter, months = _METERS[reservation.sku], 12 * int(reservation.term[1])
    order_name = f"{reservation.name}-reservation"
    return Benefit(reservation.name, "Reservation", order_name, meter, reservation.subscription, months, root)


def uses(bill: Bill, first_day: date, last_day: date) -> Iterator[Use]:
    """Return what was used and what was left: each day's hours and costs add up to what was reserved and paid."""
    known = {guid(reservation.name): reservation for reservation in RESERVATIONS}
    details = reservations.details(bill, first_day, last_day)
    for (reservation_id, time), found in groupby(details, key=itemgetter("reservationId", "usageDate")):
        rows, reservation, day = list(found), known[reservation_id], date.fromisoformat(time[:10])
        used = {row["instanceId"]: row["usedHours"] for row in rows}
        yield from _shared(
            reserved(reservation), day, amortized(bill, reservation, day), used, rows[0]["reservedHours"]
        )
    for day in commitments(bill, first_day, last_day):
        hours = Decimal(24 * SAVINGS_PLAN_INSTANCES)
        yield from _shared(SAVINGS_PLAN, day, COMMITMENT, _planned(bill, day), hours)


def commitments(bill: Bill, first_day: date, last_day: date) -> list[date]:
    """Return the days on which the savings plan was paid, ``COMMITMENT`` each day."""
    bought = date(bill.first_day.year, SAVINGS_PLAN_MONTH, 1)
    return days_between(max(first_day, bought), min(last_day, bill.today - timedelta(1)))


def amortized(bill: Bill, reservation: Reservation, day: date) -> Decimal:
    """Return a day's share of what was paid for a reservation and not refunded, once for its term or for the month."""
    bought = reservations.start(bill, reservation)
    if reservation.frequency == "Recurring":
        first, amount = max(bought, day.replace(day=1)), reservation.amount
        last = (day.replace(day=28) + timedelta(4)).replace(day=1)
    else:
        first, last = bought, bought.replace(year=bought.year + int(reservation.term[1]))
        amount = sum((event.amount for event in reservations.events(bill, reservation)), ZERO)
    number, days = (day - first).days, (last - first).days
    return part(amount, min(number, days), min(number + 1, days), days)


def part(total: Decimal, start: Decimal | int, end: Decimal | int, whole: Decimal | int) -> Decimal:
    """Return the part of a total between two points of a whole; parts add up to the total despite 28 decimals."""
    before, until = (WIDE.quantize(WIDE.divide(WIDE.multiply(total, point), whole), SMALLEST) for point in (start, end))
    return WIDE.subtract(until, before)


def _shared(benefit: Benefit, day: date, cost: Decimal, used: dict[str, Decimal], whole: Decimal) -> Iterator[Use]:
    passed = ZERO
    for instance, hours in {**used, NOBODY: whole - sum(used.values(), ZERO)}.items():
        if hours:
            yield Use(benefit, day, instance, hours, part(cost, passed, passed + hours, whole))
        passed += hours


def _planned(bill: Bill, day: date) -> dict[str, Decimal]:
    random = Random(f"{bill.enrollment_number} {SAVINGS_PLAN.name} {day}")  # noqa: S311 - not for secrets
    group = f"/subscriptions/{guid(PLATFORM.name)}/resourceGroups/rg-api-batch-{PLATFORM.environment}"
    return {
        f"{group}/providers/Microsoft.Compute/virtualMachines/api-batch-{number:02d}": Decimal(random.choice((24, 22)))
        for number in range(1, SAVINGS_PLAN_INSTANCES + 1)
    }


def charges(bill: Bill, first_day: date, last_day: date) -> Iterator[tuple[Benefit, Row]]:
    """Return what was paid or refunded for reservations on these days."""
    known = {guid(f"{reservation.name} order"): reserved(reservation) for reservation in RESERVATIONS}
    for row in reservations.charges(bill, first_day, last_day):
        yield known[row["reservationOrderId"]], row
