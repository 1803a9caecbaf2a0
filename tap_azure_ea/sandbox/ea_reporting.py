"""The EA Reporting API, with the sandbox enrollment's bill."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tap_azure_ea.sandbox import reservations
from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.messages import Request, Response, encode, error
from tap_azure_ea.sandbox.reports import Reports
from tap_azure_ea.sandbox.rows import Row

PAGE_SIZE = 1000


@dataclass
class EAReportingAPI:
    """Answers for one enrollment; ``url`` is the beginning of the links that it sends.

    ``api_key`` can read everything, and ``account_owner_key`` everything except balances and price sheets (both see the
    usage of all accounts).
    """

    bill: Bill
    url: str
    api_key: str
    account_owner_key: str
    reports: Reports

    def answer(self, request: Request) -> Response:
        """Answer one request, or refuse it as Azure does."""
        if refusal := self._refusal(request):
            return refusal
        if request.path.startswith("/reports/"):
            return self.reports.status(request.path)
        route = _route(request.path)
        try:
            if route["report"] == "submit":
                return self._submit(request)
            if route["report"].startswith(("reservation", "shared", "single")):
                return self._tagged(request, encode(_reservations(self.bill, request, route["report"])))
            return self._report(request, route["report"], route["period"])
        except ValueError as problem:
            return error(400, f"The parameters are invalid: {problem}.")

    def _refusal(self, request: Request) -> Response | None:
        """Refuse a key or a path that Azure would refuse."""
        key = request.headers.get("authorization", "").removeprefix("bearer ").removeprefix("Bearer ")
        if key not in {self.api_key, self.account_owner_key}:
            return error(401, "The API key is not found, invalid or expired.")
        route = _route(request.path)
        if not request.path.startswith("/reports/") and route.get("enrollment") != self.bill.enrollment_number:
            return error(404, f"No report is found at {request.path}.")
        narrow = {"balancesummary": "BalanceSummary", "pricesheet": "PriceSheet"}.get(route.get("report", ""))
        if narrow and key == self.account_owner_key:
            view = f"Report Type: {narrow}, Report View: AccountOwner"
            return error(401, f"Report type and report view are not compatible. {view}")
        return None

    def _submit(self, request: Request) -> Response:
        period = request.query.get("billingperiod")
        first_day, last_day = self._asked(request, "usagedetails" if period else "bycustomdate", period)
        rows = self.bill.usage_within(first_day, last_day)
        return self.reports.submit(self.bill.enrollment_number, (str(first_day), str(last_day)), rows)

    def _report(self, request: Request, report: str, period: str | None) -> Response:
        if report == "billingperiods":
            return Response(200, encode([self._period(period) for period in self.bill.periods]))
        days = self._asked(request, report, period)
        periods = self.bill.periods_within(*days)
        if not periods:
            return error(404, "No data is available for the period.")
        if report == "balancesummary":
            return self._tagged(request, encode(self.bill.balance(periods[0])))
        if report == "pricesheet":
            return self._tagged(request, encode(self.bill.prices(periods[0])))
        if report.startswith("marketplacecharges"):
            rows = [row for p in periods for row in self.bill.marketplace(p) if _used(row, *days)]
            return self._tagged(request, encode(rows))
        return self._usage_page(request, days, " ".join(map(self.bill.version, periods)))

    def _asked(self, request: Request, report: str, period: str | None) -> tuple[date, date]:
        if report.endswith("bycustomdate"):
            return _days(request, "starttime", "endtime")
        if period and not re.fullmatch(r"\d{4}(0[1-9]|1[0-2])", period):
            raise ValueError(f"{period} is not a billing period")
        return self.bill.days(period or self.bill.periods[0])

    def _usage_page(self, request: Request, days: tuple[date, date], version: str) -> Response:
        start = int(request.query.get("skiptoken", 0))
        query = {name: value for name, value in parse_qs(urlsplit(request.target).query).items() if name != "skiptoken"}
        etag = _etag(request.path, urlencode(query, doseq=True), version)
        if _matches(request, etag):
            return Response(304, headers={"ETag": etag})
        rows = self.bill.usage_within(*days)
        following = urlencode({**query, "skiptoken": start + PAGE_SIZE}, doseq=True)
        link = f"{self.url}{request.path}?{following}" if start + PAGE_SIZE < len(rows) else None
        page = {"id": etag.strip('"'), "data": rows[start : start + PAGE_SIZE], "nextLink": link}
        return Response(200, encode(page), {"ETag": etag})

    def _tagged(self, request: Request, body: bytes) -> Response:
        etag = _etag(request.target, hashlib.sha256(body).hexdigest())
        return Response(304, headers={"ETag": etag}) if _matches(request, etag) else Response(200, body, {"ETag": etag})

    def _period(self, period: str) -> Row:
        first_day, last_day = self.bill.days(period)
        path = f"/v1/enrollments/{self.bill.enrollment_number}/billingperiods/{period}"
        return {
            "billingPeriodId": period,
            "billingStart": f"{first_day}T00:00:00Z",
            "billingEnd": f"{last_day}T11:59:59Z",
            "balanceSummary": f"{path}/balancesummary",
            "usageDetails": f"{path}/usagedetails" if self.bill.today > first_day else None,
            "marketplaceCharges": f"{path}/marketplacecharges" if self.bill.marketplace(period) else None,
            "priceSheet": f"{path}/pricesheet",
        }


_PATHS = [
    re.compile(rf"/v[1234]/enrollments/(?P<enrollment>[^/]+){tail}", re.IGNORECASE)
    for tail in (
        "/(?P<report>reservation(charges|details|summaries)|(shared|single)reservationrecommendations)",
        "/(?P<report>billingperiods)",
        "/usagedetails/(?P<report>submit)",
        "/(?P<report>balancesummary|usagedetails|marketplacecharges|pricesheet)",
        "/(?P<report>(usagedetails|marketplacecharges)bycustomdate)",
        "/billingperiods/(?P<period>[^/]+)/(?P<report>balancesummary|usagedetails|marketplacecharges|pricesheet)",
    )
]


_RESERVATIONS: dict[str, Callable[[Bill, date, date], list[Row]]] = {
    "reservationcharges": reservations.charges,
    "reservationdetails": reservations.details,
    "reservationsummaries": reservations.summaries,
}


def _days(request: Request, start: str, end: str) -> tuple[date, date]:
    first_day, last_day = (date.fromisoformat(request.query.get(name, "")[:10]) for name in (start, end))
    if not first_day <= last_day:
        raise ValueError(f"{end} is before {start}")
    return first_day, last_day


def _reservations(bill: Bill, request: Request, report: str) -> list[Row]:
    if report in _RESERVATIONS:
        return _RESERVATIONS[report](bill, *_days(request, "startdate", "enddate"))
    scope = report.removesuffix("reservationrecommendations")
    return reservations.recommendations(bill, scope, _look_back(request))


def _look_back(request: Request) -> int:
    days = request.query.get("lookbackperiod", "7")
    if days not in {"7", "30", "60"}:
        raise ValueError(f"lookBackPeriod is {days} and not 7, 30 or 60")
    return int(days)


def _route(path: str) -> dict[str, Any]:
    matches: Iterator[re.Match[str]] = filter(None, (pattern.fullmatch(path) for pattern in _PATHS))
    for match in matches:
        return {"period": None, **match.groupdict(), "report": match["report"].lower()}
    return {}


def _used(row: Row, first_day: date, last_day: date) -> bool:
    return bool(row["usageStartDate"][:10] <= str(last_day) and str(first_day) <= row["usageEndDate"][:10])


def _etag(*parts: str) -> str:
    return f'"0x8D{hashlib.sha256(" ".join(parts).encode()).hexdigest()[:13].upper()}"'


def _matches(request: Request, etag: str) -> bool:
    return request.headers.get("if-none-match") in {etag, etag.strip('"')}
