"""What changed, and whether it adds up: told to the last digit, in step with the rows, and never forgotten."""

from __future__ import annotations

import json
import re
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import pendulum
import pytest

from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.sandbox import Fault, Sandbox
from tests.conftest import Message, Record, Recorder, Run, Target, billing_settings, decode, settings, sync

PERIODS = ["202603", "202602", "202601", "202512"]
USAGE = "/billingPeriods/{}/usagedetails$"
EA_REPORTING = dict.fromkeys(
    ["balance_summary", "marketplace_charges", "usage_details", "period_refreshes", "period_reconciliation"]
)
COST_MANAGEMENT = dict.fromkeys(
    [
        "actual_cost_details",
        "amortized_cost_details",
        "balances",
        "marketplaces",
        "period_refreshes",
        "period_reconciliation",
    ]
)
AMOUNTS = {
    "usage_details": "cost",
    "marketplace_charges": "extended_cost",
    "balance_summary": "total_usage",
    "actual_cost_details": "cost_in_billing_currency",
    "amortized_cost_details": "cost_in_billing_currency",
    "balances": "total_usage",
    "marketplaces": "pretax_cost",
}
NOTHING = json.dumps({"id": None, "data": [], "nextLink": None})

pytestmark = pytest.mark.usefixtures("today")


def read(sandbox: Sandbox, state: Message | None = None, **more: Any) -> Run:
    return sync(settings(sandbox, **more), state, select=EA_REPORTING)


def read_cost_management(sandbox: Sandbox, state: Message | None = None, **more: Any) -> Run:
    return sync(billing_settings(sandbox, start_date="2025-12-01", **more), state, select=COST_MANAGEMENT)


def log(run: Run, dataset: str = "usage_details") -> list[Record]:
    """Return the log's records without what only a clock knows."""
    records = run.records("period_refreshes", dataset=dataset)
    for record in records:
        assert record.pop("seconds") >= 0
    return records


def assert_log_and_table_agree(target: Target, *datasets: str) -> None:
    """Sum the log from nothing, and compare it with the rows that are alive."""
    for dataset in datasets:
        for period in PERIODS:
            logged = target.live("period_refreshes", dataset=dataset, billing_period_id=period)
            alive = target.live(dataset, billing_period_id=period)
            newest = max((record["series_started_at"] for record in logged), default="")
            logged = [record for record in logged if record["series_started_at"] == newest]
            numbers = sorted(record["refresh_number"] for record in logged)
            assert numbers == list(range(1, len(logged) + 1))
            assert sum(record["rows"] - record["rows_before"] for record in logged) == len(alive)
            with localcontext(Context(prec=100)):
                changed = sum(record["amount_difference"] for record in logged)
                assert changed == sum(row[AMOUNTS[dataset]] for row in alive)


def on(monkeypatch: pytest.MonkeyPatch, year: int, month: int, day: int) -> None:
    """Let the tap live on another day than the sandbox."""
    monkeypatch.setattr(pendulum, "now", lambda tz="UTC": pendulum.datetime(year, month, day, 12, tz=tz))


def cost(sandbox: Sandbox, period: str) -> Decimal:
    return sum((row["cost"] for row in sandbox.bill.usage(period)), Decimal(0))


def test_the_first_reading_of_a_period_is_logged_whole(sandbox: Sandbox) -> None:
    run = read(sandbox)
    logged = log(run)
    assert [record["billing_period_id"] for record in logged] == PERIODS
    assert logged[1] == {
        "dataset": "usage_details",
        "scope": "8675309",
        "billing_period_id": "202602",
        "series_started_at": "2026-03-10T12:00:00Z",
        "refresh_number": 1,
        "refreshed_at": "2026-03-10T12:00:00Z",
        "reason": "first",
        "etag_before": None,
        "etag": run.bookmark("usage_details", "202602")["etag"],
        "rows_before": 0,
        "rows": len(sandbox.bill.usage("202602")),
        "deleted_rows": 0,
        "amount_before": 0,
        "amount": cost(sandbox, "202602"),
        "amount_difference": cost(sandbox, "202602"),
        "currency_code": "USD",
        "misfit_values": 0,
        "already_read_after_close": False,
    }


def test_growth_a_new_price_loss_and_withdrawal_are_logged_to_the_last_digit(sandbox: Sandbox) -> None:
    target = Target()
    target.load(read(sandbox).messages)
    for number in range(2, 6):
        before = cost(sandbox, "202602"), len(sandbox.bill.usage("202602")), target.state
        sandbox.bill.restate("202602")
        run = read(sandbox, target.state)
        target.load(run.messages)
        (record,) = log(run)
        after = cost(sandbox, "202602"), len(sandbox.bill.usage("202602"))
        assert (record["amount_before"], record["amount"]) == (before[0], after[0])
        assert record["amount_difference"] == after[0] - before[0] != 0
        assert (record["rows_before"], record["rows"]) == (before[1], after[1])
        assert record["deleted_rows"] == max(0, before[1] - after[1])
        assert record["reason"] == "restated"
        assert record["refresh_number"] == number
        assert record["already_read_after_close"]
        etags = [old["etag"] for old in before[2]["bookmarks"]["usage_details"]["partitions"]]
        assert record["etag_before"] in etags
        assert record["etag"] != record["etag_before"]
    sandbox.bill.restate("202602")
    sandbox.faults.append(Fault(USAGE.format("202602"), body=NOTHING))
    run = read(sandbox, target.state)
    target.load(run.messages)
    (record,) = log(run)
    assert (record["rows"], record["amount"], record["amount_difference"]) == (0, 0, -record["amount_before"])
    assert record["deleted_rows"] == record["rows_before"]
    assert_log_and_table_agree(target, "usage_details", "marketplace_charges", "balance_summary")


def test_a_day_later_an_open_period_has_grown_and_was_not_yet_read_after_its_close(sandbox: Sandbox) -> None:
    first = read(sandbox, start_date="2026-03-01")
    sandbox.bill.restate("202603")
    (record,) = log(read(sandbox, first.state, start_date="2026-03-01"))
    assert not record["already_read_after_close"]
    assert record["reason"] == "restated"


def test_what_has_not_changed_is_neither_logged_nor_reconciled_again(sandbox: Sandbox) -> None:
    first = read(sandbox)
    second = read(sandbox, first.state)
    assert not second.records("period_refreshes")
    assert not second.records("period_reconciliation")
    assert second.state == first.state


def test_months_without_an_etag_are_logged_as_read_again_unless_something_differs(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    target = Target()
    target.load(read_cost_management(sandbox).messages)
    sandbox.bill.restate("202602")
    run = read_cost_management(sandbox, target.state)
    target.load(run.messages)
    reasons = {(r["dataset"], r["billing_period_id"]): r["reason"] for r in run.records("period_refreshes")}
    assert {key for key, reason in reasons.items() if reason == "restated"} == {
        ("actual_cost_details", "202602"),
        ("amortized_cost_details", "202602"),
        ("balances", "202602"),
    }
    assert set(reasons.values()) == {"again", "restated"}
    assert "Finished actual_cost_details: 1 read again, 1 restated, 2 unchanged" in caplog.text
    assert_log_and_table_agree(target, "actual_cost_details", "amortized_cost_details", "balances", "marketplaces")


def test_other_days_are_logged_as_asked_for_and_not_as_restated(sandbox: Sandbox) -> None:
    first = read(sandbox)
    run = read(sandbox, first.state, start_date="2026-02-10")
    (record,) = (record for record in log(run) if record["billing_period_id"] == "202602")
    within = [row["cost"] for row in sandbox.bill.usage("202602") if row["date"] >= "2026-02-10"]
    assert (record["reason"], record["rows"], record["amount"]) == ("settings", len(within), sum(within))


def test_a_cost_that_is_no_number_is_counted_beside_the_sum_that_lacks_it(sandbox: Sandbox) -> None:
    body = json.dumps({"data": [{"cost": "free"}, {"cost": 1.5}, {"cost": "0.25"}], "nextLink": None})
    sandbox.faults.append(Fault(USAGE.format("202602"), body=body))
    (record,) = (record for record in log(read(sandbox)) if record["billing_period_id"] == "202602")
    assert (record["rows"], record["amount"], record["misfit_values"]) == (3, Decimal("1.75"), 1)


def test_a_sum_that_no_hundred_digits_hold_is_not_known_rather_than_rounded(sandbox: Sandbox) -> None:
    body = '{"data": [{"cost": 1E+90}, {"cost": 1E-90}], "nextLink": null}'
    sandbox.faults.append(Fault(USAGE.format("202602"), body=body))
    run = read(sandbox)
    (record,) = (record for record in log(run) if record["billing_period_id"] == "202602")
    assert (record["rows"], record["amount"], record["amount_difference"]) == (2, None, None)
    compared = run.records("period_reconciliation", billing_period_id="202602", comparison="usage_and_balance")
    assert compared == []


def test_no_state_vouches_for_a_period_before_its_refresh_is_written(sandbox: Sandbox) -> None:
    logged: set[tuple[str, str]] = set()
    vouched = 0
    for message in read(sandbox).messages:
        if message["type"] == "RECORD" and message["stream"] == "period_refreshes":
            logged.add((message["record"]["dataset"], message["record"]["billing_period_id"]))
        elif message["type"] == "STATE":
            done = {
                (stream, partition["context"]["billing_period_id"])
                for stream in AMOUNTS
                for partition in message["value"]["bookmarks"].get(stream, {}).get("partitions", [])
                if "etag" in partition
            }
            assert done <= logged
            vouched = len(done)
    assert vouched == 10


def test_no_state_vouches_for_a_period_before_the_file_with_its_refresh_is_announced(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    storage = {"root": tmp_path.as_uri(), "prefix": ""}
    run = read(sandbox, batch_config={"encoding": {"format": "jsonl", "compression": "none"}, "storage": storage})
    announced: list[tuple[str, str]] = []
    rows = 0
    for message in run.messages:
        if message["type"] == "BATCH":
            found = [
                decode(line)
                for address in message["manifest"]
                for line in Path(address.removeprefix("file://")).read_bytes().splitlines()
            ]
            if message["stream"] == "usage_details":
                rows += len(found)
            elif message["stream"] == "period_refreshes" and found[0]["dataset"] == "usage_details":
                (refresh,) = found
                announced.append((refresh["billing_period_id"], refresh["etag"]))
                rows -= refresh["rows"]
                assert rows == 0, "all its rows and no others are announced before it"
        elif message["type"] == "STATE":
            partitions = message["value"]["bookmarks"].get("usage_details", {}).get("partitions", [])
            done = [(p["context"]["billing_period_id"], p["etag"]) for p in partitions if "etag" in p]
            assert done == announced[: len(done)]
    assert [period for period, _ in announced] == PERIODS


def test_a_period_that_is_not_read_to_its_end_is_not_logged(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault(r"202602/usagedetails\?skiptoken", status=403, times=99))
    recorder = Recorder()
    with pytest.raises(AzureError, match="403"):
        sync(settings(sandbox), select=EA_REPORTING, recorder=recorder)
    run = Run(recorder.messages)
    assert run.records("usage_details", billing_period_id="202602")
    assert "202602" not in {record["billing_period_id"] for record in log(run)}


def test_killed_anywhere_log_and_table_agree_after_the_next_run(sandbox: Sandbox) -> None:
    target = Target()
    whole = len(read(sandbox).messages)
    for tenth in range(1, 11):
        sandbox.bill.restate(PERIODS[tenth % 4])
        target.load(read(sandbox, target.state).messages[: max(1, whole * tenth // 10)])
    target.load(read(sandbox, target.state).messages)
    assert_log_and_table_agree(target, "usage_details", "marketplace_charges", "balance_summary")
    assert {row["status"] for row in target.live("period_reconciliation")} == {"open", "agrees"}


def test_killed_between_the_log_and_its_state_the_refresh_is_written_again_under_its_number(sandbox: Sandbox) -> None:
    target = Target()
    target.load(read(sandbox).messages)
    sandbox.bill.restate("202602")
    messages = read(sandbox, target.state).messages
    (place,) = (
        place
        for place, message in enumerate(messages)
        if message.get("stream") == "period_refreshes" and message.get("record", {}).get("dataset") == "usage_details"
    )
    target.load(messages[: place + 1])
    sandbox.bill.restate("202602")
    target.load(read(sandbox, target.state).messages)
    logged = target.live("period_refreshes", dataset="usage_details", billing_period_id="202602")
    assert [record["refresh_number"] for record in logged] == [1, 2]
    assert_log_and_table_agree(target, "usage_details")


def test_a_state_that_is_reset_begins_a_new_series_and_nothing_in_the_log_is_overwritten(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target()
    target.load(read(sandbox).messages)
    sandbox.bill.restate("202602")
    target.load(read(sandbox, target.state).messages)
    before = target.live("period_refreshes")
    on(monkeypatch, 2026, 3, 11)
    target.load(read(sandbox, None).messages)
    logged = target.live("period_refreshes", dataset="usage_details", billing_period_id="202602")
    assert [(r["series_started_at"], r["refresh_number"], r["reason"]) for r in logged] == [
        ("2026-03-10T12:00:00Z", 1, "first"),
        ("2026-03-10T12:00:00Z", 2, "restated"),
        ("2026-03-11T12:00:00Z", 1, "first"),
    ]
    assert all(record in target.live("period_refreshes") for record in before)
    assert_log_and_table_agree(target, "usage_details", "marketplace_charges", "balance_summary")


def test_a_period_that_was_the_same_after_its_close_has_been_read_after_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, 2026, 2, 28)
    first = read(sandbox)
    on(monkeypatch, 2026, 3, 10)
    second, third = (read(sandbox, state) for state in (first.state, first.state))
    assert not log(second)
    assert second.state == third.state != first.state
    assert read(sandbox, second.state).state == second.state
    sandbox.bill.restate("202602")
    (record,) = log(read(sandbox, second.state))
    assert record["already_read_after_close"]


def test_a_month_that_is_read_for_the_last_time_and_is_the_same_was_not_restated(sandbox: Sandbox) -> None:
    first = read_cost_management(sandbox, restate_periods=3)
    run = read_cost_management(sandbox, first.state, restate_periods=1)
    last = {r["billing_period_id"]: r for r in run.records("period_refreshes", dataset="actual_cost_details")}
    assert sorted(last) == ["202601", "202602", "202603"]
    assert {(r["reason"], r["etag_before"], r["etag"]) for r in last.values()} == {("again", None, None)}
    again = read_cost_management(sandbox, run.state, restate_periods=1)
    assert {r["billing_period_id"] for r in again.records("period_refreshes")} == {"202603"}


def test_amounts_in_several_currencies_have_none(sandbox: Sandbox) -> None:
    header = "Date,CostInBillingCurrency,BillingCurrencyCode\n"
    report = header + "02/01/2026,7,EUR\n02/02/2026,1,JPY\n"
    sandbox.faults.append(Fault("^/blobs/", body=report, times=99))
    run = sync(
        billing_settings(sandbox, start_date="2026-02-01", end_date="2026-02-28"),
        select={"actual_cost_details": None, "balances": None, "period_refreshes": None},
    )
    logged = {r["dataset"]: (r["amount"], r["currency_code"]) for r in run.records("period_refreshes")}
    assert logged["actual_cost_details"] == (8, None)
    assert logged["balances"][1] == "USD"


def test_usage_has_the_currency_of_its_own_periods_balance(sandbox: Sandbox) -> None:
    euros = json.dumps({"billingPeriodId": "202601", "currencyCode": "EUR", "totalUsage": 1})
    sandbox.faults.append(Fault("202601/balancesummary", body=euros))
    first = read(sandbox)
    sandbox.bill.restate("202601")
    for run in (first, sync(settings(sandbox), first.state, select={"usage_details": None, "period_refreshes": None})):
        found = {r["billing_period_id"]: r["currency_code"] for r in log(run)}
        assert found.pop("202601") == "EUR"
        assert set(found.values()) <= {"USD"}


@pytest.mark.parametrize("amounts", [{}, {"totalUsage": None}, {"totalUsage": "n/a", "totalOverage": None}])
def test_what_a_balance_does_not_state_agrees_with_nothing(sandbox: Sandbox, amounts: Record) -> None:
    body = json.dumps({"billingPeriodId": "202602", "currencyCode": "USD", **amounts})
    sandbox.faults.append(Fault("202602/balancesummary", body=body))
    sandbox.faults.append(Fault(USAGE.format("202602"), body=NOTHING))
    run = read(sandbox)
    assert run.records("period_reconciliation", billing_period_id="202602") == []
    (record,) = run.records("period_refreshes", dataset="balance_summary", billing_period_id="202602")
    assert (record["rows"], record["amount"], record["amount_difference"]) == (1, None, None)
    (record,) = run.records("period_refreshes", dataset="usage_details", billing_period_id="202602")
    assert (record["rows"], record["amount"]) == (0, 0)


def unlist(sandbox: Sandbox) -> None:
    """Let the next run be told that February has a balance and nothing else."""
    period = {"billingPeriodId": "202602", "billingStart": "2026-02-01", "billingEnd": "2026-02-28"}
    link = "/v2/enrollments/8675309/billingPeriods/202602/balancesummary"
    sandbox.faults.append(Fault("billingperiods", body=json.dumps([{**period, "balanceSummary": link}])))


def test_a_dataset_that_azure_does_not_list_for_a_period_differs_by_all_that_the_balance_states(
    sandbox: Sandbox,
) -> None:
    unlist(sandbox)
    run = read(sandbox)
    balance = sandbox.bill.balance("202602")
    differing = [record for record in run.records("period_reconciliation") if record["status"] == "differs"]
    assert {record["comparison"]: (record["left_amount"], record["difference"]) for record in differing} == {
        "usage_and_balance": (0, -balance["totalUsage"]),
        "marketplace_and_balance": (0, -balance["azureMarketplaceServiceCharges"]),
    }


def test_a_dataset_that_is_listed_later_is_compared_by_what_was_read_of_it(sandbox: Sandbox) -> None:
    unlist(sandbox)
    target = Target()
    target.load(read(sandbox).messages)
    for start_date, expected in ((None, ["agrees"]), ("2026-02-10", [])):
        target.load(read(sandbox, target.state, start_date=start_date).messages)
        compared = target.live("period_reconciliation", billing_period_id="202602", comparison="usage_and_balance")
        assert [record["status"] for record in compared] == expected


def test_rows_that_azure_does_not_list_any_more_stay_and_that_is_told(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    first = read(sandbox)
    unlist(sandbox)
    run = read(sandbox, first.state)
    assert run.records("usage_details") == run.records("period_reconciliation") == []
    assert run.bookmark("usage_details", "202602") == first.bookmark("usage_details", "202602")
    rows = len(sandbox.bill.usage("202602"))
    assert f"no data; {rows:,} rows of an earlier run stay. Azure lists no usage_details for it any more" in caplog.text


@pytest.mark.parametrize("costs", [("1E-100",), ("1E+60", "1E-60"), ("0.1234567890123456789012345678901234567890",)])
def test_digits_beyond_all_use_are_not_known_rather_than_rounded_or_an_error(
    sandbox: Sandbox, costs: tuple[str, ...]
) -> None:
    state: Message = {}
    for cost_of_one in costs:
        sandbox.faults.append(Fault(USAGE.format("202602"), body=f'{{"data": [{{"cost": {cost_of_one}}}]}}'))
        run = read(sandbox, state)
        state = run.state
        sandbox.bill.restate("202602")
    (record,) = (record for record in log(run) if record["billing_period_id"] == "202602")
    assert record["amount"] == Decimal(costs[-1])
    compared = run.records("period_reconciliation", billing_period_id="202602", comparison="usage_and_balance")
    if len(costs) == 2:
        assert record["amount_difference"] is None
    if compared:
        with localcontext(Context(prec=100)):
            assert [r["difference"] for r in compared] == [Decimal(costs[-1]) - compared[0]["right_amount"]]


def test_a_run_that_leaves_the_amount_out_does_not_know_the_next_ones_difference(sandbox: Sandbox) -> None:
    first = read(sandbox)
    sandbox.bill.restate("202602")
    without = sync(settings(sandbox), first.state, select={**EA_REPORTING, "usage_details": ["cost"]})
    (unknown,) = (record for record in log(without) if record["billing_period_id"] == "202602")
    assert (unknown["reason"], unknown["amount"], unknown["amount_difference"]) == ("settings", None, None)
    (after,) = (record for record in log(read(sandbox, without.state)) if record["billing_period_id"] == "202602")
    assert (after["amount_before"], after["amount_difference"]) == (None, None)
    assert after["amount"] == cost(sandbox, "202602")


def test_the_log_takes_stream_maps_selection_and_flattening(sandbox: Sandbox) -> None:
    maps = {"period_refreshes": {"cents": "amount * 100", "etag": None}}
    run = read(sandbox, stream_maps=maps, start_date="2026-03-01")
    (record,) = run.records("period_refreshes", dataset="usage_details")
    assert record["cents"] == cost(sandbox, "202603") * 100
    assert "etag" not in record
    chosen = sync(settings(sandbox, start_date="2026-03-01"), select={**EA_REPORTING, "period_refreshes": ["etag"]})
    assert "etag" not in chosen.records("period_refreshes")[0]
    flat = read(sandbox, flattening_enabled=True, flattening_max_depth=1, start_date="2026-03-01")
    assert [record["amount"] for record in log(flat)] == [cost(sandbox, "202603")]


def test_deselected_it_is_silent_and_the_bookmarks_still_know_what_the_next_refresh_follows(sandbox: Sandbox) -> None:
    silent = sync(settings(sandbox), select={"usage_details": None})
    assert not silent.records("period_refreshes")
    assert "period_refreshes" not in {message.get("stream") for message in silent.messages}
    before = cost(sandbox, "202602")
    sandbox.bill.restate("202602")
    (record,) = log(read(sandbox, silent.state))
    assert (record["refresh_number"], record["amount_before"]) == (2, before)


def test_of_a_state_without_sums_the_amount_before_is_not_known(sandbox: Sandbox) -> None:
    first = read(sandbox)
    state = json.loads(json.dumps(first.state))
    for partition in state["bookmarks"]["usage_details"]["partitions"]:
        del partition["refresh"]
    sandbox.bill.restate("202602")
    (record,) = log(read(sandbox, state))
    assert record["rows_before"] == first.rows_by_period("usage_details")["202602"]
    assert (record["reason"], record["amount_before"], record["amount_difference"]) == ("restated", None, None)
    assert record["amount"] == cost(sandbox, "202602")


def test_a_closed_period_agrees_and_an_open_one_is_open(sandbox: Sandbox) -> None:
    run = read(sandbox)
    (record,) = run.records("period_reconciliation", billing_period_id="202602", comparison="usage_and_balance")
    assert record == {
        "scope": "8675309",
        "billing_period_id": "202602",
        "comparison": "usage_and_balance",
        "left_name": "usage_details.cost",
        "left_amount": cost(sandbox, "202602"),
        "right_name": "balance_summary.total_usage",
        "right_amount": cost(sandbox, "202602"),
        "difference": 0,
        "tolerance": Decimal("0.01"),
        "status": "agrees",
        "currency_code": "USD",
        "reconciled_at": "2026-03-10T12:00:00Z",
        "_sdc_deleted_at": None,
    }
    assert {(record["billing_period_id"], record["status"]) for record in run.records("period_reconciliation")} == {
        ("202603", "open"),
        *((period, "agrees") for period in PERIODS[1:]),
    }


def test_every_comparison_of_cost_management_agrees_to_the_last_digit(sandbox: Sandbox) -> None:
    run = read_cost_management(sandbox)
    records = run.records("period_reconciliation", billing_period_id="202602")
    assert {record["comparison"]: record["difference"] for record in records} == dict.fromkeys(
        [
            "actual_cost_and_balance",
            "actual_marketplace_and_balance",
            "amortized_and_actual_cost",
            "balances_ending_balance",
            "balances_overage",
            "marketplaces_and_balance",
        ],
        0,
    )
    compared = {record["comparison"]: record["left_amount"] for record in records}
    balance = sandbox.bill.balance("202602")
    assert compared["actual_cost_and_balance"] == balance["totalUsage"]
    assert compared["marketplaces_and_balance"] == balance["azureMarketplaceServiceCharges"] != 0


def test_another_scope_is_compared_as_such_however_it_is_spelt(sandbox: Sandbox) -> None:
    subscription = f"subscriptions/{sandbox.subscription_ids[0]}"
    chosen = ["actual_cost_details", "amortized_cost_details", "period_reconciliation", "period_refreshes"]
    run = sync(
        billing_settings(sandbox, scope=f"{subscription}/", start_date="2026-02-01", end_date="2026-02-28"),
        select=dict.fromkeys(chosen),
    )
    (record,) = run.records("period_reconciliation")
    assert (record["scope"], record["comparison"]) == (f"/{subscription}", "amortized_and_actual_cost")
    assert {record["scope"] for record in run.records("period_refreshes")} == {f"/{subscription}"}


def test_a_charge_of_an_unheard_of_kind_is_summed_with_none_that_is_known(sandbox: Sandbox) -> None:
    header = "Date,CostInBillingCurrency,ChargeType,PublisherType,PricingModel\n"
    report = (
        header + "02/01/2026,7,Usage,Azure,OnDemand\n02/01/2026,1,Us|age,Azure|,|\n02/01/2026,,Usage,Azure,OnDemand\n"
    )
    sandbox.faults.append(Fault("^/blobs/", body=report, times=99))
    run = sync(
        billing_settings(sandbox, start_date="2026-02-01", end_date="2026-02-28"),
        select={"actual_cost_details": None, "balances": None, "period_reconciliation": None, "period_refreshes": None},
    )
    compared = run.records("period_reconciliation", comparison="actual_cost_and_balance")
    assert [record["left_amount"] for record in compared] == [7]
    assert [record["amount"] for record in run.records("period_refreshes", dataset="actual_cost_details")] == [8]


def test_a_page_that_is_missing_makes_the_period_differ_by_what_was_on_it(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    link = f"{sandbox.url}/v3/enrollments/8675309/billingPeriods/202602/usagedetails?skiptoken=2000"
    body = json.dumps({"id": None, "data": [], "nextLink": link})
    sandbox.faults.append(Fault(r"202602/usagedetails\?skiptoken=1000$", body=body))
    run = read(sandbox)
    missing = sum(row["cost"] for row in sandbox.bill.usage("202602")[1000:2000])
    differing = [record for record in run.records("period_reconciliation") if record["status"] == "differs"]
    assert [(r["billing_period_id"], r["comparison"], r["difference"]) for r in differing] == [
        ("202602", "usage_and_balance", -missing)
    ]
    assert f"Period 202602 of 8675309: usage_details.cost is {differing[0]['left_amount']:f}" in caplog.text
    assert f"{-missing:f} apart" in caplog.text


def test_a_side_that_is_corrected_in_a_later_run_is_compared_again(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault(USAGE.format("202602"), body='{"data": [{"cost": 1}], "nextLink": null}'))
    target = Target()
    first = read(sandbox)
    target.load(first.messages)
    sandbox.bill.restate("202602")
    second = sync(settings(sandbox), first.state, select={"usage_details": None, "period_reconciliation": None})
    target.load(second.messages)
    assert second.records("period_reconciliation", comparison="usage_and_balance", billing_period_id="202602")
    (row,) = target.live("period_reconciliation", comparison="usage_and_balance", billing_period_id="202602")
    assert row["left_amount"] == cost(sandbox, "202602")


def test_fail_on_difference_fails_after_all_is_written_and_names_what_differs(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault(USAGE.format("202602"), body='{"data": [{"cost": 1}], "nextLink": null}'))
    recorder = Recorder()
    with pytest.raises(AzureError) as raised:
        sync(settings(sandbox, fail_on_difference=True), select=EA_REPORTING, recorder=recorder)
    right = f"{cost(sandbox, '202602'):f}"
    assert f"Period 202602 of 8675309: usage_details.cost is 1 and balance_summary.total_usage is {right}" in str(
        raised.value
    )
    assert "fail_on_difference" in str(raised.value)
    run = Run(recorder.messages)
    assert [r for r in run.records("period_reconciliation") if r["status"] == "differs"]
    assert run.bookmark("usage_details", "202602")["row_count"] == 1


def test_fail_on_difference_is_about_what_this_run_reads_alone(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault(USAGE.format("202602"), body='{"data": [{"cost": 1}], "nextLink": null}'))
    first = read(sandbox)
    with Sandbox(enrollment_number="100", today=sandbox.bill.today, first_day=sandbox.bill.first_day) as other:
        run = read(other, first.state, fail_on_difference=True)
    assert {record["scope"] for record in run.records("period_reconciliation")} == {"100"}


def test_fail_on_difference_without_the_reconciliation_is_told(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sync(settings(sandbox, fail_on_difference=True), select={"usage_details": None})
    assert "fail_on_difference has no effect without period_reconciliation" in caplog.text


def test_what_cannot_be_compared_any_more_is_taken_back_until_it_can(sandbox: Sandbox) -> None:
    target = Target()
    for start_date in (None, "2026-02-10", None):
        target.load(read(sandbox, target.state, start_date=start_date).messages)
        compared = {(r["billing_period_id"], r["comparison"]) for r in target.live("period_reconciliation")}
        assert ("202603", "usage_and_balance") in compared
        assert (("202602", "usage_and_balance") in compared) == (start_date is None)
        assert ("202602", "overage") in compared
    assert len(target.tables["period_reconciliation"]) == len(compared)


def test_a_period_that_is_cut_is_not_compared(sandbox: Sandbox) -> None:
    run = read(sandbox, start_date="2026-02-10")
    compared = {(r["billing_period_id"], r["comparison"]) for r in run.records("period_reconciliation")}
    assert ("202603", "usage_and_balance") in compared
    assert ("202602", "usage_and_balance") not in compared
    assert ("202602", "overage") in compared


def charge_ids(run: Run, stream: str) -> dict[str, Record]:
    records = run.records(stream)
    ids = {record["charge_id"]: record for record in records if not record["_sdc_deleted_at"]}
    assert len(ids) == sum(not record["_sdc_deleted_at"] for record in records)
    return ids


@pytest.mark.parametrize("stream", ["usage_details", "marketplace_charges"])
def test_every_charge_of_a_period_has_an_id_of_its_own_and_the_same_in_every_reading(
    sandbox: Sandbox, stream: str
) -> None:
    more = {"charge_id": True, "start_date": "2026-02-01", "end_date": "2026-02-28"}
    first, second = (charge_ids(sync(settings(sandbox, **more), select={stream: None}), stream) for _ in range(2))
    assert first == second
    assert all(re.fullmatch(r"[0-9a-f]{32}-[1-9]\d*", charge_id) for charge_id in first)
    if stream == "usage_details":
        assert any(charge_id.endswith("-2") for charge_id in first), "two identical charges are two"


def test_charges_keep_their_ids_when_rows_are_lost_and_priced_anew(sandbox: Sandbox) -> None:
    more = {"charge_id": True, "start_date": "2026-02-01", "end_date": "2026-02-28"}
    for _ in range(3):
        before = charge_ids(sync(settings(sandbox, **more), select={"usage_details": None}), "usage_details")
        sandbox.bill.restate("202602")
        after = charge_ids(sync(settings(sandbox, **more), select={"usage_details": None}), "usage_details")
        assert len(before.keys() & after.keys()) == min(len(before), len(after))


def test_an_id_does_not_depend_on_place_amounts_or_the_order_of_tags(sandbox: Sandbox) -> None:
    rows = [
        {"meterId": "a", "cost": 1, "consumedQuantity": 2, "tags": '{"x": "1", "y": "2"}'},
        {"meterId": "b", "cost": 1, "consumedQuantity": 2},
    ]
    moved = [rows[1], {"meterId": "a", "cost": 9, "consumedQuantity": 8, "tags": '{"y": "2", "x": "1"}'}]
    found = []
    for version in (rows, moved):
        sandbox.faults.append(Fault(USAGE.format("202602"), body=json.dumps({"data": version, "nextLink": None})))
        run = sync(settings(sandbox, charge_id=True), select={"usage_details": None})
        records = run.records("usage_details", billing_period_id="202602")
        found.append({record["meter_id"]: record["charge_id"] for record in records})
    assert found[0] == found[1]
    assert len(set(found[0].values())) == 2


def test_without_the_setting_there_is_no_charge_id(sandbox: Sandbox) -> None:
    run = sync(settings(sandbox, start_date="2026-03-01"), select={"usage_details": None})
    assert "charge_id" not in run.records("usage_details")[0]
