from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import pytest
import requests

from tap_azure_ea.sandbox import Fault, Sandbox
from tap_azure_ea.sandbox.bill import Bill

ROOT = "/v3/enrollments/8675309"
KEY = {"Authorization": "bearer sandbox-api-key"}


def year() -> Bill:
    return Bill("8675309", date(2026, 11, 21), date(2025, 1, 1))


def get(sandbox: Sandbox, path: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        return session.get(sandbox.url + path, headers={**KEY, **headers}, timeout=10)


def test_balances_reconcile_with_usage_and_marketplace_to_the_last_digit() -> None:
    bill = year()
    balances = [bill.balance(period) for period in reversed(bill.periods)]
    for period, balance in zip(reversed(bill.periods), balances, strict=True):
        usage = bill.usage(period)
        assert balance["totalUsage"] == sum(row["cost"] for row in usage)
        assert balance["totalUsage"] == balance["utilized"] + balance["totalOverage"]
        assert balance["totalOverage"] == balance["serviceOverage"] + balance["chargesBilledSeparately"]
        assert balance["azureMarketplaceServiceCharges"] == sum(r["extendedCost"] for r in bill.marketplace(period))
        received = balance["newPurchases"] + balance["adjustments"] - balance["utilized"]
        assert balance["endingBalance"] == balance["beginningBalance"] + received
        assert all(row["cost"] == row["consumedQuantity"] * row["resourceRate"] for row in usage)
    assert all(before["endingBalance"] == after["beginningBalance"] for before, after in pairwise(balances))


def test_the_bill_looks_like_a_bill() -> None:
    bill = year()
    usage = {period: bill.usage(period) for period in bill.periods}
    rows = [row for period in usage.values() for row in period]
    cost = {period: sum(row["cost"] for row in found) for period, found in usage.items()}
    assert len({row["subscriptionGuid"] for row in rows}) == 6
    assert len({row["departmentName"] for row in rows}) == 4
    assert len({row["resourceLocation"] for row in rows}) == 4
    assert len({row["serviceName"] for row in rows}) >= 8
    assert any(row["tags"] for row in rows)
    assert any(not row["tags"] for row in rows)
    assert any(row["chargesBilledSeparately"] for row in rows)
    assert [period for period, found in usage.items() if any(row["cost"] < 0 for row in found)] == ["202605", "202505"]
    assert cost["202511"] > cost["202508"], "the shop's season"
    assert cost["202610"] > cost["202510"], "growth"
    assert any(row["extendedCost"] < 0 for row in bill.marketplace("202608"))
    purchases = [bill.balance(period)["newPurchases"] for period in bill.periods]
    assert sorted(set(purchases)) == [0, 45000, 320000]
    assert any(bill.balance(period)["serviceOverage"] > 0 for period in bill.periods)
    assert max(row["subscriptionId"] for row in rows) > 2**31
    assert [bill.revision(period) for period in bill.periods[:3]] == [0, 2, 2]


def test_the_same_day_and_size_give_the_same_bill_and_a_later_day_adds_to_it() -> None:
    bill, again, later = (Bill("1", date(2026, 3, day), date(2026, 2, 1)) for day in (10, 10, 11))
    assert bill.usage("202603") == again.usage("202603")
    assert [row for row in later.usage("202603") if row["date"] < "2026-03-10"] == bill.usage("202603")


def test_a_period_is_restated_as_it_ages() -> None:
    revisions = [Bill("1", date(2026, 3, day), date(2026, 2, 1)).revision("202602") for day in (1, 3, 4, 20, 21, 31)]
    assert revisions == [0, 0, 1, 1, 2, 2]


def test_size_multiplies_the_resources() -> None:
    bill, larger = (Bill("1", date(2026, 3, 10), date(2026, 3, 1), size) for size in (1, 3))
    assert len(larger.usage("202603")) == 3 * len(bill.usage("202603"))


@pytest.mark.parametrize(
    ("path", "key", "status", "message"),
    [
        (f"{ROOT}/usagedetails", "wrong", 401, "The API key is not found, invalid or expired."),
        (f"{ROOT}/billingPeriods/202602/pricesheet", "sandbox-account-owner-key", 401, "Report View: AccountOwner"),
        (f"{ROOT}/nothing", "sandbox-api-key", 404, "No report is found"),
        ("/v3/enrollments/1/usagedetails", "sandbox-api-key", 404, "No report is found"),
        (f"{ROOT}/billingPeriods/199901/usagedetails", "sandbox-api-key", 404, "No data is available"),
        (f"{ROOT}/billingPeriods/2026/usagedetails", "sandbox-api-key", 400, "2026 is not a billing period"),
        (f"{ROOT}/usagedetailsbycustomdate?startTime=2026-02-02", "sandbox-api-key", 400, "parameters are invalid"),
        (
            f"{ROOT}/usagedetailsbycustomdate?startTime=2026-02-02&endTime=2026-02-01",
            "sandbox-api-key",
            400,
            "endtime is before starttime",
        ),
    ],
)
def test_it_refuses_what_azure_refuses(sandbox: Sandbox, path: str, key: str, status: int, message: str) -> None:
    response = get(sandbox, path, Authorization=f"bearer {key}")
    assert response.status_code == status
    assert response.json()["error"]["code"] == str(status)
    assert message in response.json()["error"]["message"]


@pytest.mark.parametrize("quote", ['"', ""])
def test_it_answers_304_to_the_etag_of_the_same_path_and_nothing_else(sandbox: Sandbox, quote: str) -> None:
    first = get(sandbox, f"{ROOT}/billingPeriods/202602/usagedetails")
    etag = quote + first.headers["ETag"].strip('"') + quote
    assert get(sandbox, f"{ROOT}/billingperiods/202602/UsageDetails", **{"If-None-Match": etag}).status_code == 200
    unchanged = get(sandbox, f"{ROOT}/billingPeriods/202602/usagedetails", **{"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    sandbox.bill.restate("202602")
    assert get(sandbox, f"{ROOT}/billingPeriods/202602/usagedetails", **{"If-None-Match": etag}).status_code == 200


def test_pages_link_to_the_next_absolutely_and_the_last_to_none(sandbox: Sandbox) -> None:
    page = get(sandbox, f"{ROOT}/billingPeriods/202602/usagedetails").json()
    assert len(page["data"]) == 1000
    assert page["nextLink"] == f"{sandbox.url}{ROOT}/billingPeriods/202602/usagedetails?skiptoken=1000"
    last = get(sandbox, page["nextLink"].removeprefix(sandbox.url)).json()
    assert len(last["data"]) == len(sandbox.bill.usage("202602")) - 1000
    assert last["nextLink"] is None


def test_without_a_period_the_current_one_is_meant(sandbox: Sandbox) -> None:
    assert get(sandbox, f"{ROOT}/balancesummary").json()["billingPeriodId"] == 202603


def test_an_open_period_that_has_not_begun_has_no_usage_yet() -> None:
    with Sandbox(today=date(2026, 3, 1), first_day=date(2026, 2, 1)) as sandbox:
        periods = get(sandbox, "/v2/enrollments/8675309/billingperiods").json()
    assert [period["usageDetails"] is None for period in periods] == [True, False]


def test_faults_strike_in_turn_and_then_are_over(sandbox: Sandbox) -> None:
    sandbox.faults += [
        Fault("pricesheet", status=429, headers={"Retry-After": "7"}),
        Fault("pricesheet", status=503, times=2),
        Fault("pricesheet", body="<html>", skip=1),
    ]
    responses = [get(sandbox, f"{ROOT}/billingPeriods/202602/pricesheet") for _ in range(6)]
    assert [response.status_code for response in responses] == [429, 503, 503, 200, 200, 200]
    assert responses[0].headers["Retry-After"] == "7"
    assert [response.text == "<html>" for response in responses] == [False, False, False, False, True, False]


def test_it_serves_by_itself_and_is_scripted_over_http() -> None:
    command = [sys.executable, "-m", "tap_azure_ea.sandbox", "--port", "0", "--today", "2026-03-10"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split(" at ")[1].split(",")[0]
        assert line == f"Serving enrollment 8675309 at {url}, API key sandbox-api-key\n"
        path = f"{url}{ROOT}/billingPeriods/202602/pricesheet"
        usage = f"{url}{ROOT}/billingPeriods/202602/usagedetails"
        with requests.Session() as session:
            etag = session.get(usage, headers=KEY, timeout=10).headers["ETag"]
            assert session.post(f"{url}/sandbox/restate/202602", timeout=10).status_code == 204
            assert session.get(usage, headers=KEY, timeout=10).headers["ETag"] != etag
            fault: dict[str, Any] = {"path": "pricesheet", "status": 429, "headers": {"Retry-After": "3"}}
            assert session.post(f"{url}/sandbox/faults", json=fault, timeout=10).status_code == 204
            answers = [session.get(path, headers=KEY, timeout=10) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [429, 200]
            assert session.post(f"{url}/sandbox/nothing", timeout=10).status_code == 404
            assert session.post(f"{url}/sandbox/faults", data=b"{", timeout=10).status_code == 400
            certificate = Path(_printed(process.stdout)["Certificate to trust there"])
            assert certificate.exists()
        process.terminate()
    assert not certificate.exists(), "nothing is left behind"


def test_it_prints_what_its_clients_need() -> None:
    command = [sys.executable, "-m", "tap_azure_ea.sandbox", "--port", "0", "--today", "2026-03-10"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        printed = _printed(process.stdout)
        form = {
            "grant_type": "client_credentials",
            "client_id": printed["Client id"],
            "client_secret": printed["Client secret"],
            "scope": "https://management.azure.com/.default",
        }
        token_url = f"{printed['Sign-in URL']}/{printed['Tenant id']}/oauth2/v2.0/token"
        answer = requests.post(token_url, form, verify=printed["Certificate to trust there"], timeout=10)
        assert answer.json()["access_token"].startswith("sandbox-token-")
        assert printed["Access token"] == Sandbox.access_token
        assert len(printed["Subscription ids"].split(", ")) == 6
        process.terminate()


def _printed(lines: IO[str]) -> dict[str, str]:
    """Read the lines that follow the first."""
    return dict(lines.readline().rstrip("\n").split(": ", 1) for _ in range(7))


def test_its_help_explains_itself() -> None:
    command = [sys.executable, "-m", "tap_azure_ea.sandbox", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for words in (
        "--port",
        "--today",
        "--size",
        "POST /sandbox/restate/",
        "POST /sandbox/faults",
        "cut",
        "reset",
        "hang",
        "skip",
        "sign in",
        "certificate",
        "rate%20card",
    ):
        assert words in text


def test_a_quantity_is_exact_on_the_wire(sandbox: Sandbox) -> None:
    row = sandbox.bill.usage("202602")[0]
    text = get(sandbox, f"{ROOT}/billingPeriods/202602/usagedetails").text
    assert f'"cost":{row["consumedQuantity"] * Decimal("0.1857142857")},' in text
