"""The cost details API: reports of a month at most, for the enrollment or a part of it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache, partial
from itertools import count
from typing import Literal

import msgspec

from tap_azure_ea.sandbox import cost_details
from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.blobs import Blobs
from tap_azure_ea.sandbox.catalogue import SUBSCRIPTIONS, guid
from tap_azure_ea.sandbox.messages import Request, Response, encode, error
from tap_azure_ea.sandbox.operations import accepted, unknown
from tap_azure_ea.sandbox.reach import days_of, within_reach
from tap_azure_ea.sandbox.rows import Row

RESULTS = "/providers/Microsoft.CostManagement/costDetailsOperationResults"
_COLUMNS = {
    "departments": "InvoiceSectionId",
    "enrollmentaccounts": "AccountId",
    "billingprofiles": "BillingProfileId",
}
_CONTAINER = "armmusagedetailsreportdownloadcontainer"


class TimePeriod(msgspec.Struct, forbid_unknown_fields=True):
    """The days asked for, both included."""

    start: date
    end: date


class Asked(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The body of a request."""

    metric: Literal["ActualCost", "AmortizedCost"] = "ActualCost"
    time_period: TimePeriod | None = None
    billing_period: str | None = None
    invoice_id: str | None = None


@dataclass
class CostDetailsAPI:
    """Answers for the enrollment, its departments, accounts and subscriptions; ``url`` is where its links lead to."""

    bill: Bill
    url: str
    blobs: Blobs
    _moved: dict[str, str] = field(default_factory=dict)
    _reports: dict[str, Callable[[], bytes]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def generate(self, request: Request, scope: dict[str, str]) -> Response:
        """Begin a report."""
        if not _exists(self.bill, scope):
            return error(404, f"The scope '{scope['scope']}' could not be found.", "NotFound")
        try:
            asked = msgspec.json.decode(request.body, type=Asked)
            days = _days(self.bill, asked, scope)
        except (msgspec.DecodeError, ValueError) as problem:
            return error(400, str(problem), "BadRequest")
        number = next(self._numbers)
        first, second = (guid(f"cost details {number} {poll}") for poll in ("first", "second"))
        self._moved[first] = second
        self._reports[second] = cache(partial(self._report, second, scope, request.body, (asked.metric, *days)))
        return accepted(self._location(request, scope, first))

    def result(self, request: Request, scope: dict[str, str]) -> Response:
        """Answer a poll: first with another address, then with the links to the report's files."""
        operation = scope["operation"]
        if operation in self._moved:
            return accepted(self._location(request, scope, self._moved[operation]))
        return Response(200, self._reports[operation]()) if operation in self._reports else unknown()

    def _location(self, request: Request, scope: dict[str, str], operation: str) -> str:
        return f"{self.url}{scope['scope']}{RESULTS}/{operation}?api-version={request.query['api-version']}"

    def _report(self, name: str, scope: dict[str, str], body: bytes, asked: tuple[str, date, date]) -> bytes:
        column, value = _part(self.bill, scope)
        found = (row for row in cost_details.rows(self.bill, *asked) if row[column] == value)
        links = [self._kept(f"{name}/{number}", blob) for number, blob in enumerate(cost_details.blobs(found))]
        return encode({
            "id": f"{scope['scope'][1:]}/providers/Microsoft.CostManagement/operationResults/{name}",
            "name": name,
            "type": "Microsoft.CostManagement/operationResults",
            "status": "Completed" if links else "NoDataFound",
            **({"manifest": _manifest(scope, body, links)} if links else {}),
            "validTill": f"{self.bill.today + timedelta(1)}T08:08:46.1973252Z",
        })  # fmt: skip

    def _kept(self, name: str, blob: bytes) -> Row:
        """Keep a blob, compressed because a million rows are a gigabyte."""
        path = f"{_CONTAINER}/{self.bill.today:%Y%m%d}/{guid(name)}"
        link = self.blobs.link(path, "application/octet-stream", partial(zlib.decompress, zlib.compress(blob, 1)))
        return {"blobLink": link, "byteCount": len(blob)}


def _manifest(scope: dict[str, str], body: bytes, links: list[Row]) -> Row:
    return {
        "manifestVersion": "2022-05-01",
        "dataFormat": "Csv",
        "blobCount": len(links),
        "byteCount": sum(link["byteCount"] for link in links),
        "compressData": False,
        "requestContext": {"requestScope": scope["scope"][1:], "requestBody": msgspec.json.decode(body)},
        "blobs": links,
    }


def _part(bill: Bill, scope: dict[str, str]) -> tuple[str, str]:
    """Return the column that identifies the rows of a scope, and its value in them."""
    if scope["subscription"]:
        return "SubscriptionId", scope["subscription"]
    if scope["level"]:
        return _COLUMNS[scope["level"].lower()], scope["part"]
    return "BillingAccountId", bill.enrollment_number


def _exists(bill: Bill, scope: dict[str, str]) -> bool:
    known = {
        "departments": {str(subscription.department.id) for subscription in SUBSCRIPTIONS},
        "enrollmentaccounts": {str(subscription.department.account_id) for subscription in SUBSCRIPTIONS},
        "billingprofiles": {bill.enrollment_number},
    }
    return not scope["level"] or scope["part"] in known[scope["level"].lower()]


def _days(bill: Bill, asked: Asked, scope: dict[str, str]) -> tuple[date, date]:
    """Return the days of a report, which are those of the current month if the body names none."""
    if sum(value is not None for value in (asked.time_period, asked.billing_period, asked.invoice_id)) > 1:
        raise ValueError("Only one of timePeriod, billingPeriod and invoiceId can be specified.")
    if asked.invoice_id:
        raise ValueError("invoiceId is only supported for MCA and pay-as-you-go.")
    if asked.time_period:
        return within_reach(bill, asked.time_period.start, asked.time_period.end)
    if asked.billing_period and (scope["subscription"] or scope["level"].lower() == "billingprofiles"):
        raise ValueError("billingPeriod is only supported for EA.")
    return within_reach(bill, *days_of(bill, asked.billing_period or bill.periods[0]))
