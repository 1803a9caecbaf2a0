"""The reservation APIs: transactions, daily summaries, a report of details, and recommendations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count

from tap_azure_ea.sandbox import reservations
from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.blobs import Blobs
from tap_azure_ea.sandbox.catalogue import guid
from tap_azure_ea.sandbox.messages import Request, Response, encode, error, table
from tap_azure_ea.sandbox.operations import Operations
from tap_azure_ea.sandbox.rows import Row

MAX_ROWS = 20_000
DETAILS = [
    "InstanceFlexibilityGroup", "InstanceFlexibilityRatio", "InstanceId", "Kind", "ReservationOrderId", "ReservationId",
    "ReservedHours", "SkuName", "TotalReservedQuantity", "UsageDate", "UsedHours",
]  # fmt: skip
# The days of this size's reservation begin at midnight in Seattle's summer; the others' are UTC.
ELSEWHERE = "Standard_E8s_v5"
_GROUPS = {"Standard_D4s_v5": "DSv5 Series", "Standard_E8s_v5": "ESv5 Series"}
_DAY = r"'?(\d{4}-\d\d-\d\d)[^\s']*'?"
_EQUALS = re.compile(r"properties/(\w+) eq '([^']*)'", re.IGNORECASE)


def transactions(bill: Bill, request: Request, _scope: dict[str, str]) -> Response:
    """Answer with the charges and refunds of the months that the requested days are in."""
    first, last = _bounds(request, "eventDate")
    if not first or not last:
        return error(400, f"EventDate should have {'end' if first else 'beginning'} range value.")
    months = str(first)[:7], str(last)[:7]
    return _limited([_transaction(row, month) for row, month in billed(bill) if months[0] <= month <= months[1]])


def summaries(bill: Bill, request: Request, _scope: dict[str, str]) -> Response:
    """Answer with the use of each reservation on the requested days."""
    first, last = _bounds(request, "UsageDate")
    if request.query.get("grain", "").lower() != "daily":
        return error(400, "The grain must be daily.")
    if not first or not last:
        return error(400, f"UsageDate should have {'end' if first else 'beginning'} range value.")
    return _limited([_summary(bill, row) for row in reservations.summaries(bill, first, last)])


def recommendations(bill: Bill, request: Request, _scope: dict[str, str]) -> Response:
    """Answer with recommended reservations, which are for virtual machines only."""
    asked = {name.lower(): value for name, value in _EQUALS.findall(request.query.get("$filter", ""))}
    look_back = re.fullmatch("Last(7|30|60)Days", asked.get("lookbackperiod", "Last7Days"))
    scope = asked.get("scope", "Single")
    if not look_back or scope not in {"Single", "Shared"}:
        return error(400, "The filter is invalid: scope is Single or Shared, lookBackPeriod Last7Days and so on.")
    if asked.get("resourcetype", "VirtualMachines") != "VirtualMachines":
        return Response(204)
    rows = reservations.recommendations(bill, scope.lower(), int(look_back[1]))
    return Response(200, encode({"value": [_recommendation(bill, row, scope) for row in rows]}))


@dataclass
class ReservationDetailsAPI:
    """Answers with reports of what each resource used of each reservation."""

    bill: Bill
    blobs: Blobs
    operations: Operations
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def generate(self, request: Request, scope: dict[str, str]) -> Response:
        """Begin a report."""
        try:
            first_day, last_day = (date.fromisoformat(request.query.get(f"{end}date", "")) for end in ("start", "end"))
        except ValueError:
            return error(400, "startDate and endDate are required, as days such as 2026-01-31.")
        path = f"details/{self.bill.today:%Y%m%d}/{guid(f'reservation details {next(self._numbers)}')}"
        link = self.blobs.link(path, "text/csv", lambda: table(DETAILS, details(self.bill, first_day, last_day)))
        properties = {"reportUrl": link, "validUntil": f"{self.bill.today + timedelta(1)}T02:56:55.5021869Z"}
        results = f"{scope['root']}/providers/Microsoft.CostManagement/reservationDetailsOperationResults"
        return self.operations.begin(request, results, properties)


def billed(bill: Bill) -> list[tuple[Row, str]]:
    """Return all charges with the months, such as 2026-01, in which they are billed; refunds, in their purchase's."""
    rows = reservations.charges(bill, date.min, bill.today)
    bought = {row["reservationOrderId"]: row["eventDate"] for row in reversed(rows) if row["eventType"] == "Purchase"}
    return [
        (row, (bought[row["reservationOrderId"]] if row["eventType"] == "Refund" else row["eventDate"])[:7])
        for row in rows
    ]


def details(bill: Bill, first_day: date, last_day: date) -> list[Row]:
    """Return the lines of a report of details."""
    return [
        {
            **{name[0].upper() + name[1:]: value for name, value in row.items()},
            "InstanceFlexibilityGroup": _GROUPS[row["skuName"]],
            "InstanceFlexibilityRatio": "1",
            "Kind": "Reservation",
            "UsageDate": row["usageDate"][:10],
        }
        for row in reservations.details(bill, first_day, last_day)
    ]


def _bounds(request: Request, name: str) -> tuple[date | None, date | None]:
    text = request.query.get("$filter", "")
    found = (re.search(rf"properties/{name} {bound} {_DAY}", text, re.IGNORECASE) for bound in ("ge", "le"))
    first, last = (date.fromisoformat(day[1]) if day else None for day in found)
    return first, last


def _limited(rows: list[Row]) -> Response:
    if len(rows) > MAX_ROWS:
        return error(400, "The response is larger than 12 MB. Narrow the date range.")
    return Response(200, encode({"value": rows}))


def _transaction(row: Row, month: str) -> Row:
    name = re.sub(r"\D", "", row["eventDate"])[:12]
    # The real ones begin like this, too.
    root = f"/billingAccounts/{row['currentEnrollment']}/providers/Microsoft.Consumption"
    return {
        "id": f"{root}/reservationtransactions/{name}",
        "name": name,
        "type": "Microsoft.Consumption/reservationTransactions",
        "tags": [],
        "properties": {
            **row,
            "eventDate": f"{row['eventDate']}Z",
            "billingMonth": int(f"{month.replace('-', '')}01"),
            "monetaryCommitment": 0,
            "overage": row["amount"],
        },
    }


def _summary(bill: Bill, row: Row) -> Row:
    offset = "-07:00" if row["skuName"] == ELSEWHERE else "Z"
    name = guid(f"{row['reservationId']} {row['usageDate']}")
    return {
        "id": f"{_root(bill)}/reservationSummaries/{name}",
        "name": name,
        "type": "Microsoft.Consumption/reservationSummaries",
        "tags": None,
        "properties": {
            **row,
            "usageDate": f"{row['usageDate']}{offset}",
            "kind": "Reservation",
            "purchasedQuantity": row["reservedHours"] / 24,
            "remainingQuantity": (row["reservedHours"] - row["usedHours"]) / 24,
            "totalReservedQuantity": row["reservedHours"] / 24,
            "usedQuantity": row["usedHours"] / 24,
            "utilizedPercentage": row["avgUtilizationPercentage"],
        },
    }


def _recommendation(bill: Bill, row: Row, scope: str) -> Row:
    name = guid(f"{scope} {row['skuName']} {row['term']} {row['lookBackPeriod']}")
    others = {"skuName", "region", "costWithNoRI", "totalCostWithRI"}
    return {
        "id": f"{_root(bill)}/reservationRecommendations/{name}",
        "name": name,
        "type": "Microsoft.Consumption/reservationRecommendations",
        "kind": "legacy",
        "location": row["region"],
        "sku": row["skuName"],
        "properties": {
            **{column: value for column, value in row.items() if column not in others},
            "scope": scope,
            "costWithNoReservedInstances": row["costWithNoRI"],
            "totalCostWithReservedInstances": row["totalCostWithRI"],
            "firstUsageDate": f"{row['firstUsageDate']}Z",
            "lastUsageDate": f"{bill.today - timedelta(1)}T00:00:00Z",
            "totalHours": 24 * int(re.sub(r"\D", "", row["lookBackPeriod"])),
        },
    }


def _root(bill: Bill) -> str:
    return f"/providers/Microsoft.Billing/billingAccounts/{bill.enrollment_number}/providers/Microsoft.Consumption"
