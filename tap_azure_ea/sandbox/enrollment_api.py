"""The APIs of the enrollment itself: billing accounts, balances and marketplace charges."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.messages import Request, Response, encode, error
from tap_azure_ea.sandbox.rows import CURRENCY, Row

PAGE_SIZE = 10
_TIME = r"'?(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)\S*?)?'?(?=\s|$)"


@dataclass
class EnrollmentAPI:
    """Answers for the enrollment."""

    bill: Bill

    def accounts(self, _request: Request, _scope: dict[str, str]) -> Response:
        """Return the enrollment, the only billing account that the client can read."""
        return Response(200, encode({"value": [_account(self.bill)]}))

    def balance(self, _request: Request, scope: dict[str, str]) -> Response:
        """Return the balance of a period."""
        period = scope["period"] or self.bill.periods[0]
        if period not in self.bill.periods:
            return error(404, f"The billing period '{period}' could not be found.", "NotFound")
        identity = _identity(self.bill, period, "balances", period)
        return Response(200, encode({**identity, "properties": _balance(self.bill, period)}))

    def marketplaces(self, request: Request, scope: dict[str, str]) -> Response:
        """Return a page of the charges that begin and end within the times asked for, else in the current period."""
        try:
            first, last = self._times(request.query.get("$filter", ""))
            start = int(request.query.get("$skiptoken", 0))
        except ValueError as problem:
            return error(400, f"The filter is invalid: {problem}.")
        found = [
            _charge(self.bill, period, row)
            for period in self.bill.periods
            for row in self.bill.marketplace(period)
            if first <= _time(row["usageStartDate"]) and _time(row["usageEndDate"]) <= last
        ]
        if not found:
            return Response(204)
        page = {"value": found[start : start + PAGE_SIZE]}
        link = _following(request, scope, start + PAGE_SIZE)
        return Response(200, encode({**page, "nextLink": link} if start + PAGE_SIZE < len(found) else page))

    def _times(self, text: str) -> tuple[datetime, datetime]:
        """Return both bounds; bounds that are days are included."""
        begun = re.search(rf"properties/usageStart ge {_TIME}", text, re.IGNORECASE)
        ended = re.search(rf"properties/usageEnd le {_TIME}", text, re.IGNORECASE)
        if not begun or not ended:
            first_day, last_day = self.bill.days(self.bill.periods[0])
            return _time(f"{first_day}T00:00:00"), _time(f"{last_day}T23:59:59")
        return _time(f"{begun[1]}T{begun[2] or '00:00:00'}"), _time(f"{ended[1]}T{ended[2] or '23:59:59'}")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.rstrip("Z")).replace(tzinfo=timezone.utc)


def _following(request: Request, scope: dict[str, str], start: int) -> str:
    """Return a link as Azure sends it: relative, with unencoded blanks."""
    version, text = request.query["api-version"], request.query.get("$filter")
    chosen = f"&$filter={text}" if text else ""
    return (
        f"{scope['root']}/providers/Microsoft.Consumption/marketplaces?api-version={version}{chosen}&$skiptoken={start}"
    )


def _root(bill: Bill) -> str:
    return f"/providers/Microsoft.Billing/billingAccounts/{bill.enrollment_number}"


def _period_id(bill: Bill, period: str) -> str:
    # With its second provider this is no path that could be asked for.
    return f"{_root(bill)}/providers/Microsoft.Billing/billingPeriods/{period}"


def _identity(bill: Bill, period: str, kind: str, name: str) -> Row:
    path = f"{_period_id(bill, period)}/providers/Microsoft.Consumption/{kind}/{name}"
    return {"id": path, "name": name, "type": f"Microsoft.Consumption/{kind}"}


def _balance(bill: Bill, period: str) -> Row:
    balance = bill.balance(period)
    amounts = {name: value for name, value in balance.items() if name not in {"id", "billingPeriodId", "currencyCode"}}
    return {
        "currency": balance["currencyCode"],
        **amounts,
        "billingFrequency": "Month",
        "priceHidden": False,
        "overageRefund": 0,
    }


def _charge(bill: Bill, period: str, row: Row) -> Row:
    same = (
        "subscriptionGuid", "subscriptionName", "meterId", "offerName", "resourceGroup", "instanceId", "orderNumber",
        "additionalInfo", "unitOfMeasure", "costCenter", "accountName", "departmentName", "publisherName", "planName",
        "consumedQuantity", "resourceRate",
    )  # fmt: skip
    return {
        **_identity(bill, period, "marketPlaces", row["id"].rpartition("/")[2]),
        "tags": None,
        "properties": {
            **{name: row[name] for name in same},
            "billingPeriodId": _period_id(bill, period),
            "usageStart": row["usageStartDate"],
            "usageEnd": row["usageEndDate"],
            "instanceName": row["instanceId"],
            "currency": CURRENCY,
            "consumedService": "Microsoft.Marketplace",
            "additionalProperties": row["additionalInfo"],
            "pretaxCost": row["extendedCost"],
            "isEstimated": bill.days(period)[1] >= bill.today,
            "isRecurringCharge": row["isRecurringCharge"] == "True",
        },
    }


def _account(bill: Bill) -> Row:
    begun = bill.first_day.replace(day=1)
    ends = date(begun.year + 3, begun.month, 1) - timedelta(1)
    return {
        "id": _root(bill),
        "name": bill.enrollment_number,
        "type": "Microsoft.Billing/billingAccounts",
        "properties": {
            "accountStatus": "Active",
            "accountType": "Enterprise",
            "agreementType": "EnterpriseAgreement",
            "billingRelationshipTypes": [],
            "displayName": f"Enrollment {bill.enrollment_number}",
            "enrollmentDetails": {
                "startDate": f"{begun}T00:00:00Z",
                "endDate": f"{ends}T00:00:00Z",
                "currency": CURRENCY,
                "channel": "Direct",
                "language": "English",
                "countryCode": "US",
                "billingCycle": "Monthly",
                "supportLevel": "Standard",
                "extendedTermOption": "Disabled",
                "markupStatus": "Disabled",
                "cloud": "Commercial",
                "poNumber": f"PO-{bill.today:%Y}",
                "invoiceRecipient": "billing@enrollment.example",
            },
            "hasNoBillingProfiles": True,
            "hasReadAccess": True,
            "notificationEmailAddress": "billing@enrollment.example",
            "provisioningState": "Succeeded",
            "soldTo": {"companyName": "Enrollment Example", "country": "US"},
            "taxIds": [],
        },
    }
