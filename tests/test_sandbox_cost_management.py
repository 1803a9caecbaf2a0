"""The sandbox's Cost Management, Consumption and Billing: cost details, balances, prices, reservations, marketplace."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Any

import msgspec
import pytest
import requests

from tap_azure_ea.sandbox import Sandbox, benefits, cost_details, price_sheet, reservation_api, reservations
from tap_azure_ea.sandbox.bill import Bill, days_between
from tap_azure_ea.sandbox.cost_rows import COLUMNS

ACCOUNT = "/providers/Microsoft.Billing/billingAccounts/8675309"
CONSUMPTION = f"{ACCOUNT}/providers/Microsoft.Consumption"
MANAGEMENT = f"{ACCOUNT}/providers/Microsoft.CostManagement"
DOUBLED = f"{ACCOUNT}/providers/Microsoft.Billing"
PRICES = f"{ACCOUNT}/billingPeriods/%s/providers/Microsoft.CostManagement/pricesheets/default/download"
CHARGES = "properties/usageStart ge '{}' and properties/usageEnd le '{}'"
EVENTS = "properties/eventDate ge {} AND properties/eventDate le {}"
USED = "properties/UsageDate ge {} AND properties/UsageDate le {}"
FEBRUARY = {"timePeriod": {"start": "2026-02-01", "end": "2026-02-28"}}
DAYS = date(2026, 2, 1), date(2026, 2, 28)
# Sums of 28 decimals are longer than those of the default context.
WIDE = Context(prec=60)

decode = msgspec.json.Decoder(float_hook=Decimal).decode


def ask(sandbox: Sandbox, method: str, path: str, body: Any = None, **query: str) -> requests.Response:
    url = path if path.startswith("http") else sandbox.url + path
    version = "2024-08-01" if "Microsoft.Consumption" in path else "2025-03-01"
    known = {} if "api-version" in url else {"api-version": version}
    headers = {"Authorization": f"Bearer {sandbox.access_token}"}
    return requests.request(method, url, params={**known, **query}, json=body, headers=headers, timeout=30)


def get(sandbox: Sandbox, path: str, **query: str) -> requests.Response:
    return ask(sandbox, "GET", path, **query)


def properties(response: requests.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    return [item["properties"] for item in decode(response.content)["value"]]


def fails(response: requests.Response) -> tuple[int, str, str]:
    refusal = response.json()["error"]
    return response.status_code, refusal["code"], refusal["message"]


def generate(sandbox: Sandbox, body: dict[str, Any], scope: str = ACCOUNT) -> requests.Response:
    path = f"{scope}/providers/Microsoft.CostManagement/generateCostDetailsReport"
    return ask(sandbox, "POST", path, body)


def finished(sandbox: Sandbox, answer: requests.Response) -> dict[str, Any]:
    """Poll until it is done."""
    while answer.status_code == 202 or answer.json().get("status") == "Running":
        assert answer.headers["Retry-After"] == "0"
        answer = get(sandbox, answer.headers.get("Location") or answer.url)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def fetch(link: str) -> bytes:
    answer = requests.get(link, timeout=30)
    assert answer.status_code == 200
    return answer.content


def lines(blob: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(blob.decode("utf-8-sig"), newline="")))


def report(sandbox: Sandbox, body: dict[str, Any], scope: str = ACCOUNT) -> list[dict[str, str]]:
    manifest = finished(sandbox, generate(sandbox, body, scope)).get("manifest", {"blobs": []})
    return [line for blob in manifest["blobs"] for line in lines(fetch(blob["blobLink"]))]


def total(rows: Iterable[dict[str, Any]]) -> Decimal:
    found = Decimal(0)
    for row in rows:
        found = WIDE.add(found, Decimal(row["CostInBillingCurrency"]))
    return found


def of(rows: Iterable[dict[str, Any]], **where: str) -> list[dict[str, Any]]:
    return [row for row in rows if all(row[name] == value for name, value in where.items())]


def month(bill: Bill, metric: str, period: str) -> list[dict[str, Any]]:
    return list(cost_details.rows(bill, metric, *bill.days(period)))


def test_the_report_is_elsewhere_at_first_and_then_in_files(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_details, "BLOB_ROWS", 1000)
    begun = generate(sandbox, FEBRUARY)
    waiting = get(sandbox, begun.headers["Location"])
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in (begun, waiting)] == [(202, "0")] * 2
    assert begun.headers["Location"] != waiting.headers["Location"]
    assert waiting.headers["Location"].startswith(f"{sandbox.url}{MANAGEMENT}/costDetailsOperationResults/")
    assert get(sandbox, begun.headers["Location"]).headers["Location"] == waiting.headers["Location"], "asked once more"
    done = get(sandbox, waiting.headers["Location"]).json()
    manifest = done["manifest"]
    blobs = [fetch(blob["blobLink"]) for blob in manifest.pop("blobs")]
    assert done["status"] == "Completed"
    assert manifest == {
        "manifestVersion": "2022-05-01",
        "dataFormat": "Csv",
        "blobCount": 3,
        "byteCount": sum(map(len, blobs)),
        "compressData": False,
        "requestContext": {"requestScope": ACCOUNT[1:], "requestBody": FEBRUARY},
    }
    assert [len(lines(blob)) for blob in blobs] == [1000, 1000, 304]
    for blob in blobs:
        assert blob.startswith(b"\xef\xbb\xbfInvoiceSectionName,AccountName,")
        assert blob.partition(b"\r\n")[0].decode("utf-8-sig").split(",") == COLUMNS


def test_a_file_of_a_report_is_for_nobody_who_sends_a_token(sandbox: Sandbox) -> None:
    link = finished(sandbox, generate(sandbox, FEBRUARY))["manifest"]["blobs"][0]["blobLink"]
    assert link.startswith(sandbox.url.replace("127.0.0.1", "localhost"))
    assert get(sandbox, link).status_code == 403
    assert requests.get(link.partition("?")[0], timeout=10).status_code == 403


def test_a_report_says_in_csv_what_the_rows_are(sandbox: Sandbox) -> None:
    for metric in ("ActualCost", "AmortizedCost"):
        found = report(sandbox, {"metric": metric, **FEBRUARY})
        expected = list(cost_details.rows(sandbox.bill, metric, *DAYS))
        assert len(COLUMNS) == len(set(COLUMNS)) == 57
        assert [{**row, **{name: str(row[name]) for name in COLUMNS}} for row in expected[:50]] == found[:50]
        assert [Decimal(row["CostInBillingCurrency"]) for row in found] == [
            row["CostInBillingCurrency"] for row in expected
        ]
        assert not any("E" in row["CostInBillingCurrency"] for row in found)


def test_a_usage_row_is_whole(sandbox: Sandbox) -> None:
    used, row = sandbox.bill.usage("202602")[0], next(cost_details.rows(sandbox.bill, "ActualCost", *DAYS))
    assert {name: value for name, value in row.items() if value} == {
        "InvoiceSectionName": "Commerce",
        "AccountName": "Online Shop",
        "AccountOwnerId": "online.shop@enrollment.example",
        "SubscriptionId": sandbox.subscription_ids[0],
        "SubscriptionName": "shop-production",
        "ResourceGroup": "rg-shop-web-production",
        "ResourceLocation": "westeurope",
        "Date": "02/01/2026",
        "ProductName": "Virtual Machines - Dsv5 Series - D4s v5 - EU West",
        "MeterCategory": "Virtual Machines",
        "MeterSubCategory": "Dsv5 Series",
        "MeterId": used["meterId"],
        "MeterName": "D4s v5",
        "MeterRegion": "EU West",
        "UnitOfMeasure": "1 Hour",
        "Quantity": used["consumedQuantity"],
        "EffectivePrice": used["resourceRate"],
        "CostInBillingCurrency": used["cost"],
        "CostCenter": "CC-4100",
        "ConsumedService": "Microsoft.Compute",
        "ResourceId": used["instanceId"],
        "Tags": '"app": "webshop","owner": "commerce","env": "production"',
        "OfferId": "MS-AZR-0017P",
        "AdditionalInfo": used["additionalInfo"],
        "ServiceInfo2": "Canonical",
        "ResourceName": "shop-web-01",
        "UnitPrice": used["resourceRate"],
        "PublisherType": "Azure",
        "PublisherName": "Microsoft",
        "ChargeType": "Usage",
        "Frequency": "UsageBased",
        "PricingModel": "OnDemand",
        "BillingAccountId": "8675309",
        "BillingAccountName": "Enrollment 8675309",
        "BillingCurrencyCode": "USD",
        "BillingPeriodStartDate": "02/01/2026",
        "BillingPeriodEndDate": "02/28/2026",
        "BillingProfileId": "8675309",
        "BillingProfileName": "Enrollment 8675309",
        "InvoiceSectionId": "71004",
        "IsAzureCreditEligible": "True",
        "PartNumber": "AAD-10401",
        "PayGPrice": used["resourceRate"] * Decimal("1.18"),
        "ServiceFamily": "Compute",
        "AccountId": "410004",
        "ResourceLocationNormalized": "westeurope",
    }


def test_a_report_adds_up_to_the_balance(sandbox: Sandbox) -> None:
    for period in sandbox.bill.periods:
        first, last = sandbox.bill.days(period)
        rows = report(sandbox, {"timePeriod": {"start": str(first), "end": str(last)}})
        balance = decode(
            get(sandbox, f"{ACCOUNT}/billingPeriods/{period}/providers/Microsoft.Consumption/balances").content
        )["properties"]
        azure = of(rows, PublisherType="Azure", ChargeType="Usage")
        assert total(azure) == balance["totalUsage"]
        assert total(of(azure, IsAzureCreditEligible="False")) == balance["chargesBilledSeparately"]
        assert total(of(rows, PublisherType="Marketplace")) == balance["azureMarketplaceServiceCharges"]


def test_usage_is_that_of_the_old_api_credits_included() -> None:
    bill = Bill("8675309", date(2026, 7, 1), date(2026, 3, 1))
    rows = of(month(bill, "ActualCost", "202605"), PublisherType="Azure", PricingModel="OnDemand")
    used = bill.usage("202605")
    assert [row["CostInBillingCurrency"] for row in rows] == [row["cost"] for row in used]
    assert [row["IsAzureCreditEligible"] == "False" for row in rows] == [row["chargesBilledSeparately"] for row in used]
    assert [row["ChargeType"] for row in rows if row["CostInBillingCurrency"] < 0] == ["Usage"]
    assert {row["Quantity"].as_tuple().exponent for row in rows} == {-8}


def test_a_restated_period_changes_its_report(sandbox: Sandbox) -> None:
    before = [report(sandbox, {"billingPeriod": period}) for period in ("202601", "202602")]
    sandbox.bill.restate("202602")
    after = [report(sandbox, {"billingPeriod": period}) for period in ("202601", "202602")]
    assert before[0] == after[0]
    assert len(before[1]) == len(after[1])
    assert total(before[1]) > total(after[1])


def test_a_period_is_what_its_days_are_and_the_current_one_is_meant_if_nothing_is_said(sandbox: Sandbox) -> None:
    assert report(sandbox, {"billingPeriod": "202602"}) == report(sandbox, FEBRUARY)
    assert {row["BillingPeriodStartDate"] for row in report(sandbox, {})} == {"03/01/2026"}
    halves = [{"start": "2026-02-01", "end": "2026-02-14"}, {"start": "2026-02-15", "end": "2026-03-03"}]
    found = [row for half in halves for row in report(sandbox, {"timePeriod": half})]
    whole = report(sandbox, FEBRUARY)
    assert total(of(found, BillingPeriodStartDate="02/01/2026")) == total(whole)
    assert {row["Date"] for row in found} == {f"{day:%m/%d/%Y}" for day in days_between(DAYS[0], date(2026, 3, 3))}


def test_the_scopes_add_up_to_the_enrollment(sandbox: Sandbox) -> None:
    for metric in ("ActualCost", "AmortizedCost"):
        body = {"metric": metric, **FEBRUARY}
        whole = report(sandbox, body)
        scopes = {
            "departments": [f"{ACCOUNT}/departments/{number}" for number in range(71001, 71005)],
            "accounts": [f"{ACCOUNT}/enrollmentAccounts/{number}" for number in range(410001, 410005)],
            "subscriptions": [f"/subscriptions/{subscription}" for subscription in sandbox.subscription_ids],
            "profile": [f"{ACCOUNT}/billingProfiles/8675309"],
        }
        for parts in scopes.values():
            found = [report(sandbox, body, part) for part in parts]
            assert all(found)
            assert sum(map(len, found)) == len(whole)
            assert WIDE.subtract(total(row for rows in found for row in rows), total(whole)) == 0


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        (f"{ACCOUNT}/departments/1", 404),
        (f"{ACCOUNT}/enrollmentAccounts/1", 404),
        (f"{ACCOUNT}/billingProfiles/1", 404),
        ("/subscriptions/none", 404),
        ("/subscriptions/none/resourceGroups/rg-shop-web", 404),
        ("/providers/Microsoft.Management/managementGroups/all", 404),
        (ACCOUNT.replace("8675309", "1"), 401),
    ],
)
def test_other_scopes_have_no_report(sandbox: Sandbox, scope: str, status: int) -> None:
    assert generate(sandbox, FEBRUARY, scope).status_code == status


@pytest.mark.parametrize(
    ("body", "scope", "message"),
    [
        ([], ACCOUNT, "Expected `object`"),
        ({"metric": "Usage"}, ACCOUNT, "Invalid enum value 'Usage'"),
        ({"period": "202602"}, ACCOUNT, "unknown field `period`"),
        ({"timePeriod": {"start": "2026-02-01", "end": "soon"}}, ACCOUNT, "Invalid RFC3339"),
        ({"billingPeriod": "202613"}, ACCOUNT, "The billing period '202613' is invalid."),
        ({"billingPeriod": "202602", **FEBRUARY}, ACCOUNT, "Only one of timePeriod, billingPeriod and invoiceId"),
        ({"invoiceId": "E1"}, ACCOUNT, "invoiceId is only supported for MCA"),
        ({"billingPeriod": "202602"}, f"{ACCOUNT}/billingProfiles/8675309", "billingPeriod is only supported for EA"),
        ({"timePeriod": {"start": "2026-02-01", "end": "2026-03-01"}}, ACCOUNT, "must not be longer than one month"),
        ({"timePeriod": {"start": "2026-02-02", "end": "2026-02-01"}}, ACCOUNT, "must not be before the start date"),
        (
            {"timePeriod": {"start": "2025-01-31", "end": "2025-02-01"}},
            ACCOUNT,
            "Start date must be after 2025-01-31.",
        ),
        ({"billingPeriod": "202501"}, ACCOUNT, "Start date must be after 2025-01-31."),
    ],
)
def test_odd_requests_for_a_report_are_refused(sandbox: Sandbox, body: Any, scope: str, message: str) -> None:
    status, code, words = fails(generate(sandbox, body, scope))
    assert (status, code) == (400, "BadRequest")
    assert message in words


def test_a_subscription_has_no_billing_periods_and_may_be_forbidden(sandbox: Sandbox) -> None:
    scope = f"/subscriptions/{sandbox.subscription_ids[0]}"
    assert fails(generate(sandbox, {"billingPeriod": "202602"}, scope))[2] == "billingPeriod is only supported for EA."
    sandbox.forbidden.add(sandbox.subscription_ids[0])
    assert fails(generate(sandbox, FEBRUARY, scope))[:2] == (403, "AuthorizationFailed")


def test_the_longest_and_the_oldest_report_are_answered(sandbox: Sandbox) -> None:
    assert report(sandbox, {"timePeriod": {"start": "2026-01-15", "end": "2026-02-14"}})
    oldest = finished(sandbox, generate(sandbox, {"timePeriod": {"start": "2025-02-01", "end": "2025-02-28"}}))
    assert oldest["status"] == "NoDataFound"
    assert "manifest" not in oldest


def test_a_poll_for_what_was_not_begun_is_refused(sandbox: Sandbox) -> None:
    for kind in ("costDetailsOperationResults", "operationResults", "reservationDetailsOperationResults"):
        assert get(sandbox, f"{MANAGEMENT}/{kind}/none").status_code == 404


@pytest.fixture(scope="module")
def bill() -> Bill:
    """A bill of a whole year and more."""
    return Bill("8675309", date(2026, 3, 10), date(2025, 1, 1))


def test_what_is_paid_by_the_month_or_the_day_is_amortized_in_its_month(bill: Bill) -> None:
    for period in ("202502", "202503", "202507", "202512", "202602"):
        actual, amortized = (month(bill, metric, period) for metric in ("ActualCost", "AmortizedCost"))
        for name in ("warehouse-reservation", "platform-compute-savings-plan"):
            paid, spread = (total(of(rows, benefitName=name)) for rows in (actual, amortized))
            assert paid == spread
            assert bool(paid) == (period != "202502" or name == "warehouse-reservation")


def test_what_is_paid_once_is_amortized_over_its_term(bill: Bill) -> None:
    reservation = reservations.RESERVATIONS[0]
    amounts = [benefits.amortized(bill, reservation, day) for day in days_between(date(2025, 1, 5), date(2028, 1, 4))]
    spread = total({"CostInBillingCurrency": amount} for amount in amounts)
    paid = [row for period in ("202501", "202502") for row in of(
        month(bill, "ActualCost", period), benefitName="shop-web-reservation", Frequency="OneTime"
    )]  # fmt: skip
    assert [(row["ChargeType"], row["CostInBillingCurrency"]) for row in paid] == [
        ("Purchase", Decimal("14208.60")),
        ("Refund", Decimal("-2368.10")),
    ]
    assert spread == total(paid) == Decimal("11840.50")
    assert benefits.amortized(bill, reservation, date(2028, 1, 5)) == 0
    february = [benefits.amortized(bill, reservation, day) for day in days_between(*DAYS)]
    rows = of(month(bill, "AmortizedCost", "202602"), benefitName="shop-web-reservation")
    assert total(rows) == total({"CostInBillingCurrency": amount} for amount in february)


def test_covered_usage_costs_nothing_until_it_is_amortized(bill: Bill) -> None:
    actual, amortized = (month(bill, metric, "202602") for metric in ("ActualCost", "AmortizedCost"))
    covered = of(actual, PricingModel="Reservation", ChargeType="Usage")
    details = reservations.details(bill, *DAYS)
    assert [(row["ResourceId"], row["Quantity"], row["ReservationId"]) for row in covered] == [
        (row["instanceId"], row["usedHours"], row["reservationId"]) for row in details
    ]
    assert total(covered) == 0
    assert {row["PayGPrice"] for row in covered} == {0}
    assert total(of(amortized, PricingModel="Reservation", ChargeType="Usage")) > 0
    assert not of(amortized, PublisherType="Azure", ChargeType="Purchase")
    left = of(amortized, ChargeType="UnusedReservation")
    summaries = reservations.summaries(bill, *DAYS)
    assert sum(row["Quantity"] for row in left) == sum(row["reservedHours"] - row["usedHours"] for row in summaries)
    for row in (*covered, *left):
        order = row["ProductOrderId"]
        assert row["benefitId"] == (
            f"/providers/Microsoft.Capacity/reservationOrders/{order}/reservations/{row['ReservationId']}"
        )


def test_purchases_name_the_order_and_savings_plans_only_the_benefit(bill: Bill) -> None:
    rows = month(bill, "ActualCost", "202602")
    paid = of(rows, PricingModel="Reservation", ChargeType="Purchase")
    assert [(row["Term"], row["Frequency"], row["CostInBillingCurrency"]) for row in paid] == [
        ("12", "Recurring", Decimal("612.4500"))
    ]
    assert paid[0]["ReservationId"] == paid[0]["ProductOrderId"]
    assert paid[0]["benefitId"] == paid[0]["ResourceId"]
    assert paid[0]["benefitId"].endswith(f"/{paid[0]['ReservationId']}/reservations/")
    plan = of(rows, PricingModel="SavingsPlan")
    assert len(of(plan, ChargeType="Purchase")) == 28
    assert {row["ReservationId"] for row in plan} == {""}
    assert len({row["benefitId"] for row in plan}) == 1
    assert total(of(plan, ChargeType="Usage")) == 0


def test_rounding_is_adjusted_once_a_closed_month_by_very_little(bill: Bill) -> None:
    amounts = set()
    for period in bill.periods[:4]:
        for metric in ("ActualCost", "AmortizedCost"):
            rows = of(month(bill, metric, period), ChargeType="RoundingAdjustment")
            assert len(rows) == (period != "202603")
            amounts |= {row["CostInBillingCurrency"] for row in rows}
    assert len(amounts) == 3
    assert all(abs(amount) < Decimal("0.01") and amount.as_tuple().exponent == -28 for amount in amounts)


def test_the_enrollment_is_found(sandbox: Sandbox) -> None:
    (account,) = decode(
        get(sandbox, "/providers/Microsoft.Billing/billingAccounts", **{"api-version": "2024-04-01"}).content
    )["value"]
    assert (account["id"], account["name"]) == (ACCOUNT, "8675309")
    assert account["properties"]["agreementType"] == "EnterpriseAgreement"
    assert account["properties"]["enrollmentDetails"]["startDate"] == "2025-12-01T00:00:00Z"


def test_a_balance_is_the_old_ones(sandbox: Sandbox) -> None:
    path = f"{ACCOUNT}/billingPeriods/202602/providers/Microsoft.Consumption/balances"
    found, expected = decode(get(sandbox, path).content), sandbox.bill.balance("202602")
    assert found["type"] == "Microsoft.Consumption/balances"
    assert found["properties"]["currency"] == "USD  "
    assert {name: found["properties"][name] for name in expected if name in found["properties"]} == {
        name: value for name, value in expected.items() if name not in {"id", "billingPeriodId", "currencyCode"}
    }
    current = decode(get(sandbox, f"{CONSUMPTION}/balances").content)
    assert current["properties"]["totalUsage"] == sandbox.bill.balance("202603")["totalUsage"]


@pytest.mark.parametrize("period", ["202511", "202604", "0"])
def test_an_unknown_period_has_no_balance(sandbox: Sandbox, period: str) -> None:
    path = f"{ACCOUNT}/billingPeriods/{period}/providers/Microsoft.Consumption/balances"
    assert fails(get(sandbox, path))[:2] == (404, "NotFound")


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        (f"{CONSUMPTION}/balances", {"api-version": "2019-10-01"}, 404),
        (f"{CONSUMPTION.replace('8675309', '1')}/balances", {}, 401),
        (f"{DOUBLED}/billingPeriods/202602/providers/Microsoft.Consumption/balances", {}, 404),
        (f"{CONSUMPTION}/usageDetails", {}, 404),
    ],
)  # fmt: skip
def test_what_resource_manager_refuses_is_refused(
    sandbox: Sandbox, path: str, query: dict[str, str], status: int
) -> None:
    assert get(sandbox, path, **query).status_code == status


def test_nothing_is_answered_without_a_token(sandbox: Sandbox) -> None:
    for method, path in (("POST", f"{MANAGEMENT}/generateCostDetailsReport"), ("GET", f"{CONSUMPTION}/balances")):
        assert requests.request(method, sandbox.url + path, timeout=10).status_code == 401
    location = generate(sandbox, FEBRUARY).headers["Location"]
    assert requests.get(location, timeout=10).status_code == 401


def test_a_price_sheet_is_a_zip_behind_either_spelling(sandbox: Sandbox) -> None:
    for names in (("reportUrl", "validUntil"), ("downloadUrl", "validTill")) * 2:
        begun = ask(sandbox, "POST", PRICES % "202602")
        location = begun.headers["Location"]
        assert (begun.status_code, begun.content) == (202, b"")
        assert location.startswith(f"{sandbox.url}{MANAGEMENT}/operationResults/")
        polls = [get(sandbox, location) for _ in range(3)]
        assert [poll.status_code for poll in polls] == [202, 200, 200]
        assert [poll.json()["status"] for poll in polls[1:]] == ["Running", "Completed"]
        assert tuple(polls[2].json()["properties"]) == names
    with zipfile.ZipFile(io.BytesIO(fetch(polls[2].json()["properties"][names[0]]))) as files:
        blobs = [files.read(name) for name in files.namelist()]
    assert len(blobs) == 2
    assert all(blob.startswith(b"\xef\xbb\xbfEnrollmentNumber,MeterID,") for blob in blobs)
    rows = [line for blob in blobs for line in lines(blob)]
    expected = sandbox.bill.prices("202602")
    assert [row["MeterID"] for row in rows] == [price["meterId"] for price in expected]
    assert [Decimal(row["UnitPrice"]) for row in rows] == [price["unitPrice"] for price in expected]
    assert {(row["PriceType"], row["EffectiveEndDate"]) for row in rows} == {("Consumption", "2026-02-28T00:00:00Z")}


def test_reservations_have_prices_in_the_current_period_only(sandbox: Sandbox) -> None:
    past, current = (price_sheet.rows(sandbox.bill, period) for period in ("202602", "202603"))
    reserved = [row for row in current if row["PriceType"] == "Reservation"]
    assert len(current) - len(past) == len(reserved) > 0
    assert {row["Term"] for row in reserved} == {"P1Y", "P3Y"}
    assert all(list(row) == price_sheet.COLUMNS for row in current)


@pytest.mark.parametrize(("period", "status"), [("202501", 400), ("1", 400), ("202502", 404), ("202604", 404)])
def test_other_periods_have_no_price_sheet(sandbox: Sandbox, period: str, status: int) -> None:
    assert ask(sandbox, "POST", PRICES % period).status_code == status


def test_transactions_are_those_of_whole_months_and_refunds_are_billed_with_their_purchase(sandbox: Sandbox) -> None:
    path = f"{CONSUMPTION}/reservationTransactions"
    found = properties(get(sandbox, path, **{"$filter": EVENTS.format("2025-01-20", "2025-02-01")}))
    assert [(row["eventType"], row["eventDate"], row["billingMonth"]) for row in found] == [
        ("Purchase", "2025-01-05T09:30:00Z", 20250101),
        ("Refund", "2025-02-14T09:30:00Z", 20250101),
        ("Purchase", "2025-02-05T09:30:00Z", 20250201),
    ]
    all_of_it = get(sandbox, path, **{"$filter": EVENTS.format("2025-01-01", "2026-03-10")})
    expected = reservations.charges(sandbox.bill, date(2025, 1, 1), date(2026, 3, 10))
    assert [row["amount"] for row in properties(all_of_it)] == [row["amount"] for row in expected]
    item = all_of_it.json()["value"][0]
    assert (item["id"], item["tags"]) == (
        "/billingAccounts/8675309/providers/Microsoft.Consumption/reservationtransactions/202501050930",
        [],
    )


def test_transactions_need_both_dates(sandbox: Sandbox) -> None:
    path = f"{CONSUMPTION}/reservationTransactions"
    assert fails(get(sandbox, path)) == (400, "400", "EventDate should have beginning range value.")
    half = {"$filter": "properties/eventDate ge 2026-01-01"}
    assert fails(get(sandbox, path, **half)) == (400, "400", "EventDate should have end range value.")


def summaries(sandbox: Sandbox, first_day: date, last_day: date) -> Iterator[dict[str, Any]]:
    """Ask for a range, or for its halves."""
    text = USED.format(first_day, last_day)
    answer = get(sandbox, f"{CONSUMPTION}/reservationSummaries", **{"grain": "daily", "$filter": text})
    if answer.status_code == 200:
        yield from properties(answer)
        return
    assert fails(answer) == (400, "400", "The response is larger than 12 MB. Narrow the date range.")
    middle = first_day + (last_day - first_day) / 2
    yield from summaries(sandbox, first_day, middle)
    yield from summaries(sandbox, middle + timedelta(1), last_day)


def test_summaries_that_are_too_large_come_in_halves(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(summaries(sandbox, *DAYS))
    monkeypatch.setattr(reservation_api, "MAX_ROWS", 10)
    asked = len(sandbox.requests)
    halves = list(summaries(sandbox, *DAYS))
    assert len(sandbox.requests) - asked > 4
    assert len(halves) == len(whole) == 56
    assert {(row["reservationId"], row["usageDate"]) for row in halves} == {
        (row["reservationId"], row["usageDate"]) for row in whole
    }
    expected = reservations.summaries(sandbox.bill, *DAYS)
    assert [(row["usageDate"][:10], row["usedHours"]) for row in whole] == [
        (row["usageDate"][:10], row["usedHours"]) for row in expected
    ]
    assert {row["usageDate"][10:] for row in whole} == {"T00:00:00Z", "T00:00:00-07:00"}


@pytest.mark.parametrize(
    "query", [{}, {"grain": "daily"}, {"$filter": USED.format("2026-02-01", "2026-02-02")}, {"grain": "hourly"}]
)
def test_summaries_need_a_filter_and_a_grain(sandbox: Sandbox, query: dict[str, str]) -> None:
    assert fails(get(sandbox, f"{CONSUMPTION}/reservationSummaries", **query))[:2] == (400, "400")


def test_details_are_a_report(sandbox: Sandbox) -> None:
    path, days = f"{MANAGEMENT}/generateReservationDetailsReport", {"startDate": "2026-02-01", "endDate": "2026-02-28"}
    begun = ask(sandbox, "POST", path, **days)
    assert begun.headers["Location"].startswith(f"{sandbox.url}{MANAGEMENT}/reservationDetailsOperationResults/")
    rows = lines(fetch(finished(sandbox, begun)["properties"]["reportUrl"]))
    expected = reservations.details(sandbox.bill, *DAYS)
    assert list(rows[0]) == reservation_api.DETAILS
    assert [(row["UsageDate"], row["InstanceId"], Decimal(row["UsedHours"])) for row in rows] == [
        (row["usageDate"][:10], row["instanceId"], row["usedHours"]) for row in expected
    ]
    assert ask(sandbox, "POST", path, startDate="2026-02-01").status_code == 400


def test_recommendations_are_asked_for_by_scope_and_look_back(sandbox: Sandbox) -> None:
    path = f"{CONSUMPTION}/reservationRecommendations"
    text = "properties/scope eq '{}' AND properties/resourceType eq '{}' AND properties/lookBackPeriod eq '{}'"
    answer = get(sandbox, path, **{"$filter": text.format("Shared", "VirtualMachines", "Last30Days")})
    item, row = decode(answer.content)["value"][0], reservations.recommendations(sandbox.bill, "shared", 30)[0]
    assert (item["kind"], item["location"], item["sku"]) == ("legacy", "westeurope", "Standard_B2ms")
    assert item["properties"]["netSavings"] == row["netSavings"]
    assert item["properties"]["costWithNoReservedInstances"] == row["costWithNoRI"]
    assert (item["properties"]["scope"], item["properties"]["lookBackPeriod"]) == ("Shared", "Last30Days")
    assert properties(get(sandbox, path))[0]["scope"] == "Single"
    nothing = get(sandbox, path, **{"$filter": text.format("Shared", "SQLDatabases", "Last7Days")})
    assert (nothing.status_code, nothing.content) == (204, b"")
    assert get(sandbox, path, **{"$filter": text.format("Shared", "VirtualMachines", "Last8Days")}).status_code == 400


def marketplaces(sandbox: Sandbox, text: str) -> list[list[dict[str, Any]]]:
    """Follow links as they are, but for their blanks."""
    answer = get(sandbox, f"{CONSUMPTION}/marketplaces", **{"$filter": text})
    pages = [properties(answer)]
    while link := answer.json().get("nextLink"):
        assert link.startswith(f"{CONSUMPTION}/marketplaces?")
        assert " ge " in link
        answer = get(sandbox, link.replace(" ", "%20"))
        pages.append(properties(answer))
    return pages


@pytest.mark.parametrize(
    ("text", "links"),
    [
        (CHARGES.format("2026-02-01", "2026-02-28"), 6),
        (CHARGES.replace("'", "").format("2026-02-01", "2026-02-28"), 6),
        (CHARGES.format("2026-02-01T00:00:00Z", "2026-02-28T23:59:59Z"), 6),
        (CHARGES.format("2026-02-01", "2026-02-05"), 1),
    ],
)
def test_marketplace_charges_come_in_pages(sandbox: Sandbox, text: str, links: int) -> None:
    pages = marketplaces(sandbox, text)
    assert [len(page) for page in pages[:-1]] == [10] * (links - 1)
    rows = [row for page in pages for row in page]
    if links == 6:
        assert sum(row["pretaxCost"] for row in rows) == sum(
            row["extendedCost"] for row in sandbox.bill.marketplace("202602")
        )
        assert sorted(row["isRecurringCharge"] for row in rows)[-2:] == [True, True]
    else:
        assert len(rows) == 10, "what is charged for the month is not used within five days"
    assert {row["usageStart"][:7] for row in rows} == {"2026-02"}


def test_a_month_without_marketplace_charges_has_no_content(sandbox: Sandbox) -> None:
    text = CHARGES.format("2026-01-01", "2026-01-31")
    answer = get(sandbox, f"{CONSUMPTION}/marketplaces", **{"$filter": text})
    assert (answer.status_code, answer.content) == (204, b"")
    current = properties(get(sandbox, f"{CONSUMPTION}/marketplaces"))
    assert {(row["usageStart"][:7], row["isEstimated"]) for row in current} == {("2026-03", True)}
