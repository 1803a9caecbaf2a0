"""Cost Management against the sandbox, over real HTTP: each month is one exactly replaced set."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.records import plain
from tap_azure_ea.sandbox import Fault, Sandbox, cost_details, reservation_api, reservations
from tap_azure_ea.tap import TapAzureEA
from tests.conftest import Recorder, Run, Target, billing_settings, sync

pytestmark = pytest.mark.usefixtures("today")

START = "2025-12-01"
PERIODS = ["202603", "202602", "202601", "202512"]
COSTS = {"actual_cost_details": "ActualCost", "amortized_cost_details": "AmortizedCost"}
ACCOUNT = "/providers/Microsoft.Billing/billingAccounts/8675309"
MONTHLY = [
    *COSTS, "balances", "marketplaces", "price_sheet_items", "reservation_details", "reservation_summaries",
    "reservation_transactions",
]  # fmt: skip
STREAMS = [*MONTHLY, "billing_accounts", "reservation_recommendations"]


def read(sandbox: Sandbox, state: Any = None, *streams: str, recorder: Recorder | None = None, **more: Any) -> Run:
    config = billing_settings(sandbox, **{"start_date": START, "subscription_ids": [], **more})
    return sync(config, state, select=dict.fromkeys(streams or STREAMS), recorder=recorder)


def failure(sandbox: Sandbox, *streams: str, **more: Any) -> str:
    with pytest.raises(AzureError) as raised:
        read(sandbox, None, *streams, **more)
    return str(raised.value)


def live(target: Target, stream: str, period: str) -> list[dict[str, Any]]:
    return sorted(target.live(stream, billing_period_id=period), key=lambda row: row.get("row_number", 1))


def assert_costs_equal_to_the_sandbox(target: Target, sandbox: Sandbox, *streams: str) -> None:
    for period in sandbox.bill.periods:
        for stream in streams:
            rows = cost_details.rows(sandbox.bill, COSTS[stream], *sandbox.bill.days(period))
            assert [row["cost_in_billing_currency"] for row in live(target, stream, period)] == [
                Decimal(str(row["CostInBillingCurrency"])) for row in rows
            ]


def assert_equal_to_the_sandbox(target: Target, sandbox: Sandbox) -> None:
    assert_costs_equal_to_the_sandbox(target, sandbox, *COSTS)
    for period in sandbox.bill.periods:
        days = sandbox.bill.days(period)
        balance = sandbox.bill.balance(period)
        assert [row["total_usage"] for row in live(target, "balances", period)] == [balance["totalUsage"]]
        charges = live(target, "marketplaces", period)
        assert sum(row["pretax_cost"] for row in charges) == balance["azureMarketplaceServiceCharges"]
        hours = live(target, "reservation_details", period)
        assert [row["used_hours"] for row in hours] == [
            row["usedHours"] for row in reservations.details(sandbox.bill, *days)
        ]
        summaries = live(target, "reservation_summaries", period)
        assert [row["reserved_hours"] for row in summaries] == [
            row["reservedHours"] for row in reservations.summaries(sandbox.bill, *days)
        ]


def test_a_record_of_cost_details_is_whole(sandbox: Sandbox) -> None:
    record = read(sandbox, None, "actual_cost_details").records("actual_cost_details", billing_period_id="202602")[0]
    row = next(cost_details.rows(sandbox.bill, "ActualCost", *sandbox.bill.days("202602")))
    shop = sandbox.subscription_ids[0]
    group = f"/subscriptions/{shop}/resourceGroups/rg-shop-web-production"
    none = dict.fromkeys(
        [
            "service_info1", "reservation_id", "reservation_name", "product_order_id", "product_order_name", "term",
            "availability_zone", "plan_name", "cost_allocation_rule_name", "benefit_id", "benefit_name",
            "_sdc_deleted_at", "extra",
        ]
    )  # fmt: skip
    assert record == {
        **none,
        "enrollment_number": "8675309",
        "billing_period_id": "202602",
        "row_number": 1,
        "scope": ACCOUNT,
        "invoice_section_name": "Commerce",
        "account_name": "Online Shop",
        "account_owner_id": "online.shop@enrollment.example",
        "subscription_id": shop,
        "subscription_name": "shop-production",
        "resource_group": "rg-shop-web-production",
        "resource_location": "westeurope",
        "date": "2026-02-01",
        "product_name": "Virtual Machines - Dsv5 Series - D4s v5 - EU West",
        "meter_category": "Virtual Machines",
        "meter_sub_category": "Dsv5 Series",
        "meter_id": row["MeterId"],
        "meter_name": "D4s v5",
        "meter_region": "EU West",
        "unit_of_measure": "1 Hour",
        "quantity": row["Quantity"],
        "effective_price": Decimal("0.1857142857"),
        "cost_in_billing_currency": row["CostInBillingCurrency"],
        "cost_center": "CC-4100",
        "consumed_service": "Microsoft.Compute",
        "resource_id": f"{group}/providers/Microsoft.Compute/virtualMachines/shop-web-01",
        "tags": {"app": "webshop", "owner": "commerce", "env": "production"},
        "offer_id": "MS-AZR-0017P",
        "additional_info": {
            "ImageType": "Canonical",
            "ServiceType": "Standard_D4s_v5",
            "VCPUs": 4,
            "UsageType": "ComputeHR",
        },
        "service_info2": "Canonical",
        "resource_name": "shop-web-01",
        "unit_price": Decimal("0.1857142857"),
        "publisher_type": "Azure",
        "publisher_name": "Microsoft",
        "charge_type": "Usage",
        "frequency": "UsageBased",
        "pricing_model": "OnDemand",
        "billing_account_id": "8675309",
        "billing_account_name": "Enrollment 8675309",
        "billing_currency_code": "USD",
        "billing_period_start_date": "2026-02-01",
        "billing_period_end_date": "2026-02-28",
        "billing_profile_id": "8675309",
        "billing_profile_name": "Enrollment 8675309",
        "invoice_section_id": "71004",
        "is_azure_credit_eligible": True,
        "part_number": "AAD-10401",
        "pay_g_price": Decimal("0.219142857126"),
        "service_family": "Compute",
        "account_id": "410004",
        "resource_location_normalized": "westeurope",
        "snapshot_at": "2026-03-10T12:00:00Z",
    }


def test_a_balance_a_transaction_and_a_price_are_whole(sandbox: Sandbox) -> None:
    run = read(sandbox, None, "balances", "reservation_transactions", "price_sheet_items", "marketplaces")
    own = {"enrollment_number": "8675309", "billing_period_id": "202602", "snapshot_at": "2026-03-10T12:00:00Z"}
    none = {"_sdc_deleted_at": None, "extra": None}
    balance = sandbox.bill.balance("202602")
    amounts = [
        "beginning_balance", "ending_balance", "new_purchases", "adjustments", "utilized", "service_overage",
        "charges_billed_separately", "total_overage", "total_usage", "azure_marketplace_service_charges",
    ]  # fmt: skip
    wire = {plain(name): value for name, value in balance.items()}
    (record,) = run.records("balances", billing_period_id="202602")
    assert record == {
        **own,
        **none,
        **{name: wire[plain(name)] for name in amounts},
        "id": f"{ACCOUNT}/providers/Microsoft.Billing/billingPeriods/202602"
        "/providers/Microsoft.Consumption/balances/202602",
        "name": "202602",
        "type": "Microsoft.Consumption/balances",
        "currency": "USD",
        "overage_refund": 0,
        "billing_frequency": "Month",
        "price_hidden": False,
        "new_purchases_details": [],
        "adjustment_details": [],
    }
    transaction = run.records("reservation_transactions", billing_period_id="202602")[0]
    assert {name: transaction[name] for name in ("event_type", "event_date", "amount", "billing_month", "tags")} == {
        "event_type": "Purchase",
        "event_date": "2026-02-05T09:30:00Z",
        "amount": Decimal("612.45"),
        "billing_month": 20260201,
        "tags": [],
    }
    price = run.records("price_sheet_items", billing_period_id="202602")[0]
    names = ("part_number", "unit_of_measure", "unit_price", "effective_start_date", "price_type", "row_number")
    assert {name: price[name] for name in names} == {
        "part_number": "AAD-10401",
        "unit_of_measure": "100 Hours",
        "unit_price": Decimal("18.57142857"),
        "effective_start_date": "2026-02-01T00:00:00Z",
        "price_type": "Consumption",
        "row_number": 1,
    }


def test_nothing_that_azure_is_known_to_send_lands_in_extra(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    run = read(sandbox)
    for stream in STREAMS:
        assert run.records(stream)
        assert {json.dumps(record["extra"]) for record in run.records(stream)} == {"null"}
    assert "extra" not in caplog.text


def restated(run: Run, stream: str) -> list[str]:
    return sorted({record["billing_period_id"] for record in run.records(stream)}, reverse=True)


def test_ten_streams_are_read_exactly_twice_with_a_restated_month_in_between(sandbox: Sandbox) -> None:
    target = Target()
    first = read(sandbox)
    target.load(first.messages)
    assert set(target.tables) == set(STREAMS)
    assert_equal_to_the_sandbox(target, sandbox)
    sandbox.bill.restate("202602")
    second = read(sandbox, first.state)
    target.load(second.messages)
    assert_equal_to_the_sandbox(target, sandbox)
    for stream in MONTHLY:
        asked_again = PERIODS if stream == "reservation_transactions" else PERIODS[:2]
        assert set(restated(second, stream)) <= set(asked_again)
    for stream in COSTS:
        assert restated(second, stream) == PERIODS[:2]


def test_after_any_number_of_restatements_a_target_that_upserts_holds_exactly_azures_rows(sandbox: Sandbox) -> None:
    target = Target()
    sizes = []
    for _ in range(5):
        target.load(read(sandbox, target.state).messages)
        assert_equal_to_the_sandbox(target, sandbox)
        sizes.append(len(live(target, "actual_cost_details", "202602")))
        sandbox.bill.restate("202602")
    assert any(after < before for before, after in pairwise(sizes))
    assert [row for row in target.tables["actual_cost_details"].values() if row["_sdc_deleted_at"]]


def test_wherever_a_run_breaks_off_the_next_ends_with_exactly_azures_rows(sandbox: Sandbox) -> None:
    whole = len(read(sandbox, None, "actual_cost_details").messages)
    target = Target()
    for tenth in range(1, 10):
        sandbox.bill.restate(PERIODS[tenth % 2])
        target.load(read(sandbox, target.state, "actual_cost_details").messages[: max(1, whole * tenth // 10)])
    target.load(read(sandbox, target.state, "actual_cost_details").messages)
    assert_costs_equal_to_the_sandbox(target, sandbox, "actual_cost_details")


def test_a_month_is_read_once_more_after_azure_can_restate_it_no_longer(sandbox: Sandbox) -> None:
    state: Any = None
    asked = []
    for _ in range(4):
        run = read(sandbox, state, "actual_cost_details")
        state = run.state
        asked.append(restated(run, "actual_cost_details"))
        sandbox.bill.today += timedelta(31)
    assert asked == [
        ["202603", "202602", "202601", "202512"],
        ["202604", "202603", "202602"],
        ["202605", "202604", "202603"],
        ["202606", "202605", "202604"],
    ]


def test_more_months_are_read_again_where_that_is_asked_for(sandbox: Sandbox) -> None:
    first = read(sandbox, None, "actual_cost_details")
    again = read(sandbox, first.state, "actual_cost_details", restate_periods=3)
    assert restated(again, "actual_cost_details") == ["202603", "202602", "202601"]


def bodies(sandbox: Sandbox) -> list[Any]:
    return [json.loads(request.body) for request in sandbox.requests if request.method == "POST"]


def test_a_billing_period_is_asked_for_by_name_and_one_that_is_cut_by_its_days(sandbox: Sandbox) -> None:
    read(sandbox, None, *COSTS, start_date="2026-01-15", end_date="2026-02-28")
    path = f"{ACCOUNT}/providers/Microsoft.CostManagement/generateCostDetailsReport?api-version=2025-03-01"
    assert {request.target for request in sandbox.requests if request.method == "POST"} == {path}
    assert bodies(sandbox) == [
        {"metric": metric, **asked}
        for metric in ("ActualCost", "AmortizedCost")
        for asked in (
            {"billingPeriod": "202602"},
            {"timePeriod": {"start": "2026-01-15", "end": "2026-01-31"}},
        )
    ]


def test_without_a_start_date_the_current_month_and_the_twelve_before_are_asked_for(sandbox: Sandbox) -> None:
    sync(billing_settings(sandbox), select={"actual_cost_details": None})
    asked = [body["billingPeriod"] for body in bodies(sandbox)]
    assert asked == ["202603", "202602", "202601", *(f"2025{month:02d}" for month in range(12, 2, -1))]


def test_a_month_that_cannot_be_had_any_more_is_a_warning_that_names_exports(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    run = read(sandbox, None, "actual_cost_details", start_date="2025-01-01", end_date="2025-03-31")
    assert run.records("actual_cost_details") == []
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    gone = [message for message in warnings if "create an Export in Cost Management" in message]
    assert [message.partition(":")[0] for message in gone] == ["Period 202501 (3 of 3)"]


def test_a_month_without_data_is_told_and_what_is_known_of_it_stays(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    target = Target()
    target.load(read(sandbox, None, "actual_cost_details").messages)
    rows = live(target, "actual_cost_details", "202603")
    body = '{"status": "NoDataFound"}'
    sandbox.faults.append(Fault("generateCostDetailsReport", status=200, body=body))
    target.load(read(sandbox, target.state, "actual_cost_details").messages)
    assert f"Period 202603 (1 of 4): no data; {len(rows):,} rows of an earlier run stay" in caplog.text
    assert live(target, "actual_cost_details", "202603") == rows


def test_without_a_role_each_dataset_says_so_once(sandbox: Sandbox) -> None:
    said = failure(sandbox, enrollment_number="100")
    assert said.count("No claims present for the caller in the system") == 9
    assert "an EA role such as EnrollmentReader" in said
    assert len([request for request in sandbox.requests if "/100/" in request.path]) == 9


STARTED = "generateCostDetailsReport"
POLLED = "costDetailsOperationResults"


@pytest.mark.parametrize("times", [1, 2])
def test_a_report_that_fails_is_submitted_again(sandbox: Sandbox, caplog: pytest.LogCaptureFixture, times: int) -> None:
    failed = '{"status": "Failed", "error": {"code": "InternalError", "message": "Try later"}}'
    sandbox.faults.append(Fault(POLLED, times=times, status=200, body=failed))
    target = Target()
    target.load(read(sandbox).messages)
    assert_equal_to_the_sandbox(target, sandbox)
    assert caplog.text.count("ended without a result ({'code': 'InternalError', 'message': 'Try later'})") == times


def test_a_report_that_always_fails_is_named_and_the_other_months_are_read(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault(POLLED, times=3, status=200, body='{"status": "Failed"}'))
    recorder = Recorder()
    with pytest.raises(AzureError) as raised:
        read(sandbox, None, "actual_cost_details", recorder=recorder)
    assert "Not all was read. actual_cost_details of 8675309 202603: " in str(raised.value)
    assert "3 times. Run again later." in str(raised.value)
    recorder.flush()
    run = Run(recorder.messages)
    assert restated(run, "actual_cost_details") == PERIODS[1:]
    again = read(sandbox, run.state, "actual_cost_details")
    assert restated(again, "actual_cost_details") == PERIODS[:2]


def test_a_report_that_never_finishes_is_given_up(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10**6, 900))
    monkeypatch.setattr("tap_azure_ea.api.report.monotonic", lambda: next(clock))
    sandbox.faults.append(Fault(POLLED, times=99, status=202))
    said = failure(sandbox, "actual_cost_details", start_date="2026-03-01")
    assert "was not finished after 60 minutes. Run again later." in said


def test_a_report_is_polled_as_azure_asks_and_else_every_half_minute(sandbox: Sandbox, waits: list[float]) -> None:
    sandbox.faults += [
        Fault(STARTED, headers={"Retry-After": "17"}),
        Fault(POLLED, headers={"Retry-After": "no number"}),
    ]
    read(sandbox, None, "actual_cost_details", start_date="2026-03-01")
    assert waits == [17, 30]


def test_each_of_several_blobs_is_read_and_an_expired_link_asks_for_a_new_report(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_details, "BLOB_ROWS", 100)
    sandbox.faults.append(Fault("^/blobs/", skip=2, status=403))
    target = Target()
    target.load(read(sandbox).messages)
    assert_equal_to_the_sandbox(target, sandbox)
    blobs = [request for request in sandbox.requests if request.path.startswith("/blobs/")]
    assert not [request for request in blobs if "authorization" in request.headers]


def test_the_next_blob_is_on_its_way_while_one_is_read(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost_details, "BLOB_ROWS", 100)
    config = billing_settings(sandbox, start_date="2026-03-01")
    tap = TapAzureEA(config=config, message_writer=Recorder())
    context = {"enrollment_number": "8675309", "billing_period_id": "202603"}
    rows = iter(tap.streams["actual_cost_details"].get_records(context))
    assert next(rows)
    blobs = [request for request in sandbox.requests if request.path.startswith("/blobs/")]
    assert len(blobs) <= 2
    assert list(rows)
    asked = [request.path for request in sandbox.requests if request.path.startswith("/blobs/")]
    assert len(asked) == len(set(asked)) > 2


def test_a_location_on_another_host_is_never_shown_the_token(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault(STARTED, headers={"Location": "https://evil.example/results"}))
    assert "which is not on http://127.0.0.1" in failure(sandbox, "actual_cost_details")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("PK\x03\x04 but no more than that", "it cannot be unpacked"),
        ("What is this?", "none of the first 50 lines is a header"),
        ("MeterID,MeterName,UnitPrice\nm,n\n", "line 2 has 2 cells and the header 3"),
        ("MeterID,MeterName,UnitPrice\nm,n,1,2\n", "line 2 has 4 cells and the header 3"),
        ('MeterID,MeterName,UnitPrice\nm,n,1\nm,"n,1\n', "cannot be read"),
    ],
)
def test_a_report_that_is_not_what_it_should_be_is_an_error(sandbox: Sandbox, body: str, words: str) -> None:
    sandbox.faults.append(Fault("^/blobs/", body=body, times=9))
    said = failure(sandbox, "price_sheet_items", start_date="2026-03-01")
    assert "price_sheet_items of 8675309 202603: The report " in said
    assert "is not the CSV that it should be: " in said
    assert words in said


def test_a_report_without_a_row_is_a_month_of_none(sandbox: Sandbox) -> None:
    target = Target()
    target.load(read(sandbox, None, "actual_cost_details", start_date="2026-03-01").messages)
    sandbox.faults.append(Fault("^/blobs/", body="\ufeffDate,CostInBillingCurrency,Quantity\r\n"))
    target.load(read(sandbox, target.state, "actual_cost_details", start_date="2026-03-01").messages)
    assert target.live("actual_cost_details") == []


PASCAL = "Date,SubscriptionId,ProductName,CostInBillingCurrency,Quantity,Tags,AdditionalInfo,IsAzureCreditEligible"
SPACED = (
    "Date,Subscription Id,Product Name,Cost In Billing Currency,Quantity,Tags,Additional Info,Is Azure Credit Eligible"
)
LOCALISED = (
    "Datum (Date),Abonnement-GUID (SubscriptionGuid),Produkt (Product),Kosten (Cost),Menge (Quantity),"
    "Tags (Tags),Zusatz (AdditionalInfo),Guthaben (IsAzureCreditEligible)"
)
ROW = {
    "date": "2026-03-02",
    "subscription_id": "s-1",
    "product_name": "A product",
    "cost_in_billing_currency": Decimal("0.0000000072922557592391990000"),
    "quantity": Decimal("1E-7"),
    "tags": {"k": "v", "k2": "v2"},
    "additional_info": {"VCPUs": 4},
    "is_azure_credit_eligible": True,
}
CELLS = [
    "03/02/2026", "s-1", "A product", "0.0000000072922557592391990000", "1E-7", '"k": "v","k2": "v2"',
    '{"VCPUs": 4}', "True",
]  # fmt: skip
DIALECTS = {
    "PascalCase, MM/DD/YYYY and tags without braces": (PASCAL, CELLS, ""),
    "camelCase, ISO dates and tags with braces": (
        "date,subscriptionId,productName,costInBillingCurrency,quantity,tags,additionalInfo,isAzureCreditEligible",
        ["2026-03-02", *CELLS[1:5], '{"k": "v","k2": "v2"}', *CELLS[6:]],
        "",
    ),
    "spaced headers, below a preamble": (
        SPACED,
        CELLS,
        "Cost details - 202603\r\n\r\n",
    ),
    "localised headers with the English name in parentheses": (
        LOCALISED,
        CELLS,
        "",
    ),
    "old names, in another order": (
        "Tags,UsageDateTime,SubscriptionGuid,Product,PreTaxCost,UsageQuantity,AdditionalInfo,IsAzureCreditEligible",
        [CELLS[5], *CELLS[:5], *CELLS[6:]],
        "",
    ),
    "quoted line breaks": (PASCAL, [*CELLS[:6], '{"VCPUs":\r\n 4}', CELLS[7]], ""),
}  # fmt: skip


def written(header: str, *rows: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([header.split(","), *rows])
    return text.getvalue()


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_is_read_into_the_same_record(sandbox: Sandbox, name: str) -> None:
    header, cells, preamble = DIALECTS[name]
    sandbox.faults.append(Fault("^/blobs/", body=f"\ufeff{preamble}{written(header, cells)}"))
    (record,) = read(sandbox, None, "actual_cost_details", start_date="2026-03-01").records("actual_cost_details")
    own = {
        "enrollment_number": "8675309",
        "billing_period_id": "202603",
        "row_number": 1,
        "scope": ACCOUNT,
        "snapshot_at": "2026-03-10T12:00:00Z",
    }
    assert {column: value for column, value in record.items() if value is not None} == {**own, **ROW}


def test_the_guid_is_the_subscriptions_id_where_a_file_has_both(sandbox: Sandbox) -> None:
    body = written("SubscriptionId,SubscriptionGuid,Cost,Quantity", ["12345", "a-guid", "1", "1"])
    sandbox.faults.append(Fault("^/blobs/", body=body))
    (record,) = read(sandbox, None, "actual_cost_details", start_date="2026-03-01").records("actual_cost_details")
    assert record["subscription_id"] == "a-guid"
    assert record["extra"] == {"SubscriptionId": "12345"}


def test_a_new_column_and_a_cost_that_is_no_number_are_kept_and_told(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    body = written("Date,CostInBillingCurrency,Quantity,Carbon", ["03/02/2026", "a lot", "1", "7.50"])
    sandbox.faults.append(Fault("^/blobs/", body=body))
    (record,) = read(sandbox, None, "actual_cost_details", start_date="2026-03-01").records("actual_cost_details")
    assert record["cost_in_billing_currency"] is None
    assert record["extra"] == {"CostInBillingCurrency": "a lot", "Carbon": "7.50"}
    assert "null there and kept in extra: CostInBillingCurrency (1)" in caplog.text


def test_links_that_are_relative_or_hold_raw_blanks_are_followed(sandbox: Sandbox) -> None:
    run = read(sandbox, None, "marketplaces")
    links = [request.target for request in sandbox.requests if "skiptoken" in request.target.lower()]
    assert links
    for period in PERIODS:
        charges = sandbox.bill.marketplace(period)
        records = run.records("marketplaces", billing_period_id=period)
        assert [record["pretax_cost"] for record in records] == [row["extendedCost"] for row in charges]


@pytest.mark.parametrize("size", [40, 5])
def test_a_range_that_is_too_large_is_asked_for_in_halves(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(reservation_api, "MAX_ROWS", size)
    run = read(sandbox, None, "reservation_summaries")
    for period in PERIODS:
        records = run.records("reservation_summaries", billing_period_id=period)
        expected = reservations.summaries(sandbox.bill, *sandbox.bill.days(period))
        held = [(record["reservation_id"], record["usage_date"], record["used_hours"]) for record in records]
        assert sorted(held) == sorted(
            (row["reservationId"], row["usageDate"][:10], row["usedHours"]) for row in expected
        )
        assert [record["row_number"] for record in records] == list(range(1, len(expected) + 1))


def test_a_day_that_is_too_large_by_itself_is_an_error(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault("reservationSummaries", times=99, status=400))
    said = failure(sandbox, "reservation_summaries", start_date="2026-03-01")
    assert "reservation_summaries of 8675309 202603: GET " in said


def test_the_price_sheet_is_every_file_of_the_archive(sandbox: Sandbox) -> None:
    run = read(sandbox, None, "price_sheet_items")
    for period in PERIODS[1:]:
        records = run.records("price_sheet_items", billing_period_id=period)
        assert [record["unit_price"] for record in records] == [row["unitPrice"] for row in sandbox.bill.prices(period)]


def test_a_balance_that_is_not_found_is_none_and_a_refund_is_charged_to_its_purchase(sandbox: Sandbox) -> None:
    run = read(sandbox, None, "balances", "reservation_transactions", start_date="2025-11-01")
    assert restated(run, "balances") == PERIODS
    for record in run.records("reservation_transactions"):
        assert str(record["billing_month"]).startswith(record["billing_period_id"])


def scopes(sandbox: Sandbox) -> Iterator[str]:
    for subscription_id in sandbox.subscription_ids:
        yield f"/subscriptions/{subscription_id}"


def test_the_subscriptions_cost_details_are_parts_of_the_enrollments(sandbox: Sandbox) -> None:
    first_day, last_day = date(2026, 2, 1), date(2026, 2, 28)
    more: dict[str, Any] = {"start_date": "2026-02-01", "end_date": "2026-02-28"}
    whole = list(cost_details.rows(sandbox.bill, "ActualCost", first_day, last_day))
    for scope in scopes(sandbox):
        run = read(sandbox, None, "actual_cost_details", scope=scope, enrollment_number="", **more)
        records = run.records("actual_cost_details")
        expected = [row for row in whole if row["SubscriptionId"] == scope.rpartition("/")[2]]
        assert [record["cost_in_billing_currency"] for record in records] == [
            Decimal(str(row["CostInBillingCurrency"])) for row in expected
        ]
        assert {(record["scope"], record["billing_period_id"]) for record in records} == {(scope, "202602")}
        schema = next(message for message in run.messages if message["type"] == "SCHEMA")
        assert schema["key_properties"] == ["scope", "billing_period_id", "row_number"]
    assert all("timePeriod" in body for body in bodies(sandbox))


@pytest.mark.parametrize("scope", [f"{ACCOUNT}/departments/71004", f"{ACCOUNT}/billingProfiles/8675309/"])
def test_other_scopes_are_asked_in_their_own_way(sandbox: Sandbox, scope: str) -> None:
    run = read(sandbox, None, "amortized_cost_details", scope=scope, start_date="2026-03-01")
    assert run.records("amortized_cost_details")
    asked: dict[str, Any] = {"timePeriod": {"start": "2026-03-01", "end": "2026-03-31"}}
    if "departments" in scope:
        asked = {"billingPeriod": "202603"}
    assert bodies(sandbox) == [{"metric": "AmortizedCost", **asked}]


def test_what_fails_alike_for_many_months_is_told_once(sandbox: Sandbox) -> None:
    words = (
        "Cost Management supports only Enterprise Agreement, Web direct and Microsoft Customer Agreement offer types."
    )
    body = json.dumps({"error": {"code": "400", "message": words}})
    sandbox.faults.append(Fault(STARTED, times=4, status=400, body=body))
    said = failure(sandbox, "actual_cost_details")
    assert said.count(words) == 1
    assert "actual_cost_details of 8675309 202603, and 3 more: POST " in said


@pytest.mark.parametrize("scope", ["/subscriptions/unknown", f"{ACCOUNT}/departments/1", "/providers/Microsoft.X/y"])
def test_a_scope_that_is_not_supported_is_named(sandbox: Sandbox, scope: str) -> None:
    said = failure(sandbox, "actual_cost_details", scope=scope)
    assert f"actual_cost_details of {scope} 202603: POST " in said
    assert "answered 404" in said
    assert len(bodies(sandbox)) == 1
