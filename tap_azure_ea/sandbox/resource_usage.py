"""The Resource Usage API: usage by the day on which it was reported, a day or more after it was used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import ROUND_DOWN, Decimal

import msgspec

from tap_azure_ea.sandbox.bill import Bill, days_between
from tap_azure_ea.sandbox.messages import Request, Response, encode, error
from tap_azure_ea.sandbox.rows import Row

PAGE_SIZE = 1000
LATE = "Bandwidth"
CLASSIC = "Azure DevOps"
# Its times are midnight in Seattle's summer; the others' are UTC.
ELSEWHERE = "Storage"

DAY, HOUR = timedelta(1), timedelta(hours=1)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.0+)?(Z|\+00:00)")
_TOKEN = re.compile(r"(\d{4}-\d\d-\d\d)\+/(\d+)==")


def rows(
    bill: Bill, subscription_id: str, day: date, granularity: str = "Daily", hours: range = range(24)
) -> list[Row]:
    """Return what was reported on a day: the usage of the day before, and late usage of the day before that."""
    used, name = _reported(bill, subscription_id, day), f"{granularity}_BRSDT_{day:%Y%m%d}_0000"
    if granularity == "Daily":
        return [_row(row, name, _midnight(row), DAY, row["consumedQuantity"]) for row in used]
    return [
        _row(row, name, _midnight(row) + hour * HOUR, HOUR, _of_hour(row["consumedQuantity"], hour))
        for hour in hours
        for row in used
    ]


def _reported(bill: Bill, subscription_id: str, day: date) -> list[Row]:
    """Return what is reported so far: nine tenths of yesterday, and nothing of today."""
    age = (bill.today - day).days
    if age <= 0:
        return []
    used = [row for row in bill.usage_of_day(day - DAY) if row["meterCategory"] != LATE]
    used += [row for row in bill.usage_of_day(day - 2 * DAY) if row["meterCategory"] == LATE]
    own = [row for row in used if row["subscriptionGuid"] == subscription_id]
    found = _restated(own, bill.restatements.get(str(day), 0))
    return found if age > 1 else found[: len(found) * 9 // 10]


def _restated(used: list[Row], revision: int) -> list[Row]:
    """Add two rows, then take three away each time."""
    if not revision:
        return used
    late = [{**row, "consumedQuantity": row["consumedQuantity"] / 8} for row in used[:2]]
    found = used + late
    return found[: max(0, len(found) - 3 * (revision - 1))]


def _of_hour(quantity: Decimal, hour: int) -> Decimal:
    """Return an hour's share of a day's quantity; the last hour has the remainder."""
    share = (quantity / 24).quantize(Decimal("1E-8"), ROUND_DOWN)
    return share if hour < 23 else quantity - 23 * share  # noqa: PLR2004 - hours of a day


def _midnight(row: Row) -> datetime:
    return datetime.fromisoformat(f"{row['date']}+00:00")


def _row(used: Row, name: str, start: datetime, length: timedelta, quantity: Decimal) -> Row:
    subscription, category = used["subscriptionGuid"], used["meterCategory"]
    zone = timezone(-7 * HOUR) if category == ELSEWHERE else timezone.utc
    return {
        "id": f"/subscriptions/{subscription}/providers/Microsoft.Commerce/UsageAggregates/{name}",
        "name": name,
        "type": "Microsoft.Commerce/UsageAggregate",
        "properties": {
            "subscriptionId": subscription,
            "usageStartTime": start.astimezone(zone).isoformat(),
            "usageEndTime": (start + length).astimezone(zone).isoformat(),
            "meterId": used["meterId"],
            "meterName": used["meterName"],
            "meterCategory": category,
            "meterSubCategory": used["meterSubCategory"],
            "meterRegion": used["meterRegion"],
            "unit": used["unitOfMeasure"],
            "quantity": quantity,
            **_resource(used),
        },
    }


def _resource(used: Row) -> Row:
    """Return the resource that was used, in another form if it is a classic one."""
    if used["meterCategory"] == CLASSIC:
        project = used["instanceId"].rpartition("/")[2]
        service = {"meteredRegion": used["meterRegion"], "meteredService": used["consumedService"]}
        return {"infoFields": {**service, "project": project}}
    details = {"tags": used["tags"], "additionalInfo": used["additionalInfo"]}
    resource = {"resourceUri": used["instanceId"], "location": used["resourceLocation"]}
    resource |= {name: msgspec.json.decode(text) for name, text in details.items() if text}
    return {"infoFields": {}, "instanceData": encode({"Microsoft.Resources": resource}).decode()}


@dataclass(frozen=True)
class Asked:
    """What is requested, from a row of a day on; times are UTC."""

    granularity: str
    start: datetime
    end: datetime
    day: date
    offset: int

    def hours(self, day: date) -> range:
        """Return which hours of a day are asked for."""
        return range(
            self.start.hour if day == self.start.date() else 0, self.end.hour if day == self.end.date() else 24
        )


@dataclass
class ResourceUsageAPI:
    """Answers for the enrollment's subscriptions, always in detail; ``url`` is the beginning of its links."""

    bill: Bill
    url: str

    def answer(self, request: Request, scope: dict[str, str]) -> Response:
        """Answer with a page, whose link names the day and row at which the next one begins."""
        try:
            page, following = self._page(scope["subscription"], _asked(request, self.bill.today))
        except ValueError as problem:
            return error(400, f"{problem}.", "InvalidInput")
        if not following:
            return Response(200, encode({"value": page}))
        link = self.url + request.with_parameter("continuationToken", following)
        return Response(200, encode({"value": page, "nextLink": link}))

    def _page(self, subscription_id: str, asked: Asked) -> tuple[list[Row], str | None]:
        page: list[Row] = []
        offset = asked.offset
        for day in days_between(asked.day, (asked.end - HOUR).date()):
            found = rows(self.bill, subscription_id, day, asked.granularity, asked.hours(day))[offset:]
            room = PAGE_SIZE - len(page)
            if len(found) > room:
                return page + found[:room], f"{day}+/{offset + room}=="
            page += found
            offset = 0
        return page, None


def _asked(request: Request, today: date) -> Asked:
    granularity = request.query.get("aggregationgranularity", "Daily").capitalize()
    if granularity not in {"Daily", "Hourly"}:
        raise ValueError("aggregationGranularity must be Daily or Hourly")
    start, end = (_time(request, name, granularity) for name in ("reportedStartTime", "reportedEndTime"))
    if start >= end:
        raise ValueError("reportedEndTime must be later than reportedStartTime")
    if end > datetime.combine(today, time()) + DAY:
        raise ValueError("reportedEndTime must not be in the future")
    return Asked(granularity, start, end, *_position(request, start))


def _time(request: Request, name: str, granularity: str) -> datetime:
    text = request.query.get(name.lower(), "")
    matched = _TIME.fullmatch(text)
    if not matched:
        raise ValueError(f"{name} '{text}' is not a time such as 2026-01-31T00:00:00Z")
    asked = datetime.fromisoformat(matched[1])
    if asked.minute or asked.second or (asked.hour and granularity == "Daily"):
        raise ValueError(f"{name} must be midnight UTC if the granularity is Daily, and a full hour if it is Hourly")
    return asked


def _position(request: Request, start: datetime) -> tuple[date, int]:
    token = request.query.get("continuationtoken")
    if not token:
        return start.date(), 0
    matched = _TOKEN.fullmatch(token)
    if not matched:
        raise ValueError("The continuationToken is invalid")
    return date.fromisoformat(matched[1]), int(matched[2])
