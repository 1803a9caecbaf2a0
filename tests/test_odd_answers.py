"""Whole syncs in which one answer of the server is odd: the row is kept whole, or the error is clear."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.sandbox import Fault, Sandbox
from tests.conftest import Run, Target, settings, sync, timeless

ONE_PERIOD = {"start_date": "2026-02-01", "end_date": "2026-02-28"}


def answered(sandbox: Sandbox, report: str, body: Any, stream: str) -> Run:
    """Read one period, of which one report has this body."""
    text = body if isinstance(body, str) else json.dumps(body)
    sandbox.faults.append(Fault(f"202602/{report}$", body=text, headers={"ETag": '"odd"'}))
    return sync(settings(sandbox, **ONE_PERIOD), select={stream: []})


def usage(sandbox: Sandbox, **row: Any) -> dict[str, Any]:
    run = answered(sandbox, "usagedetails", {"data": [row]}, "usage_details")
    (record,) = run.records("usage_details")
    return record


@pytest.mark.parametrize("envelope", ["{}", "[{}]"])
@pytest.mark.parametrize("period", ["202602", '"202602"'])
def test_a_balance_comes_as_object_or_array_and_its_period_as_number_or_text(
    sandbox: Sandbox, envelope: str, period: str
) -> None:
    balance = f'{{"billingPeriodId": {period}, "currencyCode": "USD  ", "totalUsage": 1.10, "adjustmentDetails": null}}'
    run = answered(sandbox, "balancesummary", envelope.replace("{}", balance), "balance_summary")
    (record,) = run.records("balance_summary")
    assert {name: value for name, value in record.items() if value is not None} == {
        "enrollment_number": "8675309",
        "billing_period_id": "202602",
        "currency_code": "USD",
        "total_usage": Decimal("1.10"),
        "etag": '"odd"',
    }


@pytest.mark.parametrize(("sent", "read"), [("False", False), ("True", True), (True, True), (False, False)], ids=repr)
def test_is_recurring_charge_comes_as_flag_or_text(sandbox: Sandbox, sent: object, read: bool) -> None:
    run = answered(sandbox, "marketplacecharges", [{"isRecurringCharge": sent}], "marketplace_charges")
    assert [record["is_recurring_charge"] for record in run.records("marketplace_charges")] == [read]


@pytest.mark.parametrize(
    ("sent", "read"), [("", None), (None, None), ('"env": "a"', {"env": "a"}), ('{"env": "a"}', {"env": "a"})]
)
def test_tags_come_empty_or_without_braces(sandbox: Sandbox, sent: object, read: object) -> None:
    assert usage(sandbox, tags=sent, cost=1)["tags"] == read


def test_unreadable_tags_are_kept_as_azure_sent_them(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    record = usage(sandbox, tags='{"env": "cut of', cost=1)
    assert (record["tags"], record["extra"], record["cost"]) == (None, {"tags": '{"env": "cut of'}, 1)
    assert "Period 202602 (1 of 1): values that did not fit their column are null there" in caplog.text
    assert "kept in extra: tags (1)" in caplog.text


def test_a_cost_that_is_no_number_is_kept_and_counted_in_one_warning(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    data = [{"cost": "n/a"}, {"cost": 1}, {"cost": "n/a", "date": "soon"}]
    run = answered(sandbox, "usagedetails", {"data": data}, "usage_details")
    assert [(record["cost"], record["extra"]) for record in run.records("usage_details")] == [
        (None, {"cost": "n/a"}),
        (1, None),
        (None, {"cost": "n/a", "date": "soon"}),
    ]
    warnings = [entry.message for entry in caplog.records if entry.levelname == "WARNING"]
    told = "values that did not fit their column are null there and kept in extra: cost (2), date (1)"
    assert warnings == [f"Period 202602 (1 of 1): {told}"]


def test_a_new_field_is_kept_and_told_and_a_missing_one_is_null(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    record = usage(sandbox, benefitId="b-1", cost=2)
    assert (record["extra"], record["cost"], record["meter_id"]) == ({"benefitId": "b-1"}, 2, None)
    assert "fields without a column are kept in extra: benefitId" in caplog.text


def test_identical_rows_are_two_charges(sandbox: Sandbox) -> None:
    run = answered(sandbox, "usagedetails", {"data": [{"cost": 1}, {"cost": 1}]}, "usage_details")
    target = Target()
    target.load(run.messages)
    assert [record["cost"] for record in target.live("usage_details")] == [1, 1]


def test_a_price_of_another_period_is_kept_under_the_period_that_was_asked_for(sandbox: Sandbox) -> None:
    prices = [{"billingPeriodId": "201601", "unitPrice": 1}]
    (record,) = answered(sandbox, "pricesheet", prices, "price_sheet").records("price_sheet")
    assert (record["billing_period_id"], record["extra"]) == ("202602", {"billingPeriodId": "201601"})


@pytest.mark.parametrize(
    "fault",
    [
        Fault(cut=True),
        Fault(reset=True),
        Fault(body='{"data": [{"cost": 1'),
        Fault(status=429, headers={"Retry-After": "1"}),
        Fault(status=500),
        Fault(status=502),
        Fault(status=503),
        Fault(status=504),
    ],
    ids=["cut", "reset", "garbled", "429", "500", "502", "503", "504"],
)
def test_every_request_may_fail_once_and_nothing_is_lost_or_doubled(sandbox: Sandbox, fault: Fault) -> None:
    expected = sync(settings(sandbox)).messages
    count = len(sandbox.requests)
    sandbox.requests.clear()
    faults = [Fault(**{**vars(fault), "path": "", "skip": number}) for number in range(count)]
    sandbox.faults += faults
    run = sync(settings(sandbox))
    assert timeless(run.messages) == timeless(expected)
    assert len(sandbox.requests) == 2 * count
    assert not any(fault.times for fault in faults)


def test_a_link_to_another_host_ends_the_run_and_is_never_shown_the_key(sandbox: Sandbox) -> None:
    with Sandbox(today=sandbox.bill.today, first_day=sandbox.bill.first_day) as other:
        body = {"data": [{"cost": 1}], "nextLink": f"{other.url}/v3/next"}
        with pytest.raises(AzureError, match="which is not on"):
            answered(sandbox, "usagedetails", body, "usage_details")
        assert other.requests == []


def test_a_link_back_to_a_page_already_read_ends_the_run(sandbox: Sandbox) -> None:
    path = "/v3/enrollments/8675309/billingPeriods/202602/usagedetails"
    with pytest.raises(AzureError, match="a page already read"):
        answered(sandbox, "usagedetails", {"data": [{"cost": 1}], "nextLink": f"{sandbox.url}{path}"}, "usage_details")


def test_a_server_without_etags_is_read_whole_every_time(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault(times=10**6, headers={"ETag": ""}))
    first = sync(settings(sandbox))
    second = sync(settings(sandbox), first.state)
    assert first.records("usage_details") == second.records("usage_details") != []
    assert {record["etag"] for record in first.records("usage_details")} == {None}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"api_key": "wrong"}, ["401", "The API key is not found", "keys last six months"]),
        ({"enrollment_number": "1"}, ["404", "No report is found", "Check enrollment_number and ea_reporting_url"]),
        ({"ea_reporting_url": "http://127.0.0.1:9"}, ["the connection failed", "Check ea_reporting_url"]),
    ],
)
def test_wrong_credentials_are_told_with_the_remedy(sandbox: Sandbox, config: dict[str, str], words: list[str]) -> None:
    with pytest.raises(AzureError) as raised:
        sync(settings(sandbox, **config))
    assert [word for word in words if word not in str(raised.value)] == []
    assert settings(sandbox, **config)["api_key"] not in str(raised.value)


@pytest.mark.parametrize("period_id", ["", "2026", "202613", "current"])
def test_a_billing_period_without_a_proper_id_is_an_error(sandbox: Sandbox, period_id: str) -> None:
    sandbox.faults.append(Fault("billingperiods", body=json.dumps([{"billingPeriodId": period_id}])))
    with pytest.raises(AzureError, match="lists a billing period whose id is not yyyyMM"):
        sync(settings(sandbox))
