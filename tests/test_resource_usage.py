"""Resource usage against the sandbox, over real HTTP: each reported day is an exactly replaced set."""

from __future__ import annotations

import json
import logging
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.sandbox import Fault, Sandbox, resource_usage
from tests.conftest import Recorder, Run, Target, billing_settings, sync

pytestmark = pytest.mark.usefixtures("today")

START = "2026-02-26"
ONLY: dict[str, list[str] | None] = {"resource_usage": None}
Key = tuple[str, str]


def read(sandbox: Sandbox, state: Any = None, **more: Any) -> Run:
    return sync(billing_settings(sandbox, **{"start_date": START, **more}), state, select=ONLY)


def reported_days(sandbox: Sandbox, start: str = START) -> list[date]:
    first = date.fromisoformat(start)
    return [first + timedelta(number) for number in range((sandbox.bill.today - first).days)]


def assert_equal_to_the_sandbox(target: Target, sandbox: Sandbox, start: str = START) -> None:
    for subscription_id in sandbox.subscription_ids:
        live = target.live("resource_usage", subscription_id=subscription_id)
        held = sorted((row["reported_date"], row["row_number"], row["quantity"], row["resource_uri"]) for row in live)
        assert held == [
            (str(day), number, row["properties"]["quantity"], _resource(row))
            for day in reported_days(sandbox, start)
            for number, row in enumerate(resource_usage.rows(sandbox.bill, subscription_id, day), start=1)
        ]


def _resource(row: dict[str, Any]) -> str | None:
    data = row["properties"].get("instanceData")
    return json.loads(data)["Microsoft.Resources"]["resourceUri"] if data else None


def bookmark(run: Run, subscription_id: str) -> dict[str, Any]:
    partitions = run.state["bookmarks"]["resource_usage"]["partitions"]
    return next(p for p in partitions if p["context"]["subscription_id"] == subscription_id)


def asked_days(sandbox: Sandbox, subscription_id: str) -> list[str]:
    targets = [request.target for request in sandbox.requests if f"/subscriptions/{subscription_id}/" in request.target]
    return [found[1] for target in targets if (found := re.search(r"reportedStartTime=(\d{4}-\d\d-\d\d)", target))]


def test_every_reported_row_is_read_once_and_to_the_last_digit(sandbox: Sandbox) -> None:
    target = Target()
    target.load(read(sandbox).messages)
    assert_equal_to_the_sandbox(target, sandbox)


def test_a_record_is_whole(sandbox: Sandbox) -> None:
    shop = sandbox.subscription_ids[0]
    record = read(sandbox).records("resource_usage", subscription_id=shop, reported_date="2026-03-01")[0]
    row = resource_usage.rows(sandbox.bill, shop, date(2026, 3, 1))[0]["properties"]
    path = f"/subscriptions/{shop}/providers/Microsoft.Commerce/UsageAggregates/Daily_BRSDT_20260301_0000"
    assert record == {
        "subscription_id": shop,
        "reported_date": "2026-03-01",
        "row_number": 1,
        "id": path,
        "name": "Daily_BRSDT_20260301_0000",
        "type": "Microsoft.Commerce/UsageAggregate",
        "usage_start_time": "2026-02-28T00:00:00Z",
        "usage_end_time": "2026-03-01T00:00:00Z",
        "meter_id": row["meterId"],
        "meter_name": "D4s v5",
        "meter_category": "Virtual Machines",
        "meter_sub_category": "Dsv5 Series",
        "meter_region": "EU West",
        "unit": "1 Hour",
        "quantity": row["quantity"],
        "resource_uri": _resource({"properties": row}),
        "location": "westeurope",
        "tags": {"app": "webshop", "owner": "commerce", "env": "production"},
        "additional_info": {
            "ImageType": "Canonical",
            "ServiceType": "Standard_D4s_v5",
            "VCPUs": 4,
            "UsageType": "ComputeHR",
        },
        "order_number": None,
        "part_number": None,
        "info_fields": {},
        "instance_data": None,
        "_sdc_deleted_at": None,
        "extra": None,
    }


def test_usage_times_are_in_utc_whatever_their_offset(sandbox: Sandbox) -> None:
    records = read(sandbox).records("resource_usage")
    assert all(re.fullmatch(r"2026-\d\d-\d\dT00:00:00Z", record["usage_start_time"]) for record in records)


def test_a_day_is_asked_for_from_midnight_to_midnight_with_its_plus_encoded(sandbox: Sandbox) -> None:
    read(sandbox, end_date=START)
    assert [request.target for request in sandbox.requests] == [
        f"/subscriptions/{subscription_id}/providers/Microsoft.Commerce/UsageAggregates"
        "?api-version=2015-06-01-preview&reportedStartTime=2026-02-26T00%3A00%3A00%2B00%3A00"
        "&reportedEndTime=2026-02-27T00%3A00%3A00%2B00%3A00&aggregationGranularity=Daily&showDetails=true"
        for subscription_id in sandbox.subscription_ids
    ]


def test_continuation_tokens_are_followed_verbatim(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    monkeypatch.setattr(resource_usage, "PAGE_SIZE", 7)
    target = Target()
    target.load(read(sandbox).messages)
    assert_equal_to_the_sandbox(target, sandbox)
    assert any("continuationToken=" in request.target for request in sandbox.requests)


def test_a_second_run_asks_for_the_last_five_reported_days_alone(sandbox: Sandbox) -> None:
    first = read(sandbox)
    sandbox.requests.clear()
    second = read(sandbox, first.state)
    for subscription_id in sandbox.subscription_ids:
        assert asked_days(sandbox, subscription_id) == [f"2026-03-0{day}" for day in (5, 6, 7, 8, 9)]
    assert second.state == first.state


def test_the_bookmark_stays_small_and_says_what_is_still_read_again(sandbox: Sandbox) -> None:
    first = read(sandbox, start_date="2025-12-02")
    shop = sandbox.subscription_ids[0]
    kept = bookmark(first, shop)
    assert kept.keys() == {
        "context", "usage_granularity", "start_date", "parameters", "first_day", "finished_to", "days",
    }  # fmt: skip
    assert kept["finished_to"] == "2026-03-04"
    assert {day: values["row_count"] for day, values in kept["days"].items()} == {
        f"2026-03-0{day}": len(resource_usage.rows(sandbox.bill, shop, date(2026, 3, day))) for day in range(5, 10)
    }


def test_late_usage_arrives_under_a_later_reported_day(sandbox: Sandbox) -> None:
    target = Target()
    for _ in range(9):
        target.load(read(sandbox, target.state).messages)
        assert_equal_to_the_sandbox(target, sandbox)
        sandbox.bill.today += timedelta(1)
    assert len(bookmark(read(sandbox, target.state), sandbox.subscription_ids[0])["days"]) == 5


def test_a_day_that_was_read_before_it_settled_is_read_once_more_however_late(sandbox: Sandbox) -> None:
    target = Target()
    target.load(read(sandbox).messages)
    sandbox.bill.today += timedelta(30)
    sandbox.bill.restate("2026-03-07")
    target.load(read(sandbox, target.state).messages)
    assert_equal_to_the_sandbox(target, sandbox)


def test_a_reported_day_that_shrinks_leaves_no_row_behind(sandbox: Sandbox) -> None:
    target = Target()
    sizes = []
    for _ in range(5):
        target.load(read(sandbox, target.state).messages)
        assert_equal_to_the_sandbox(target, sandbox)
        sizes.append(len(target.live("resource_usage", reported_date="2026-03-07")))
        sandbox.bill.restate("2026-03-07")
    assert sizes[1] > sizes[0] > sizes[-1]
    assert [row for row in target.tables["resource_usage"].values() if row["_sdc_deleted_at"]]


def test_wherever_a_run_breaks_off_the_next_ends_with_exactly_azures_rows(sandbox: Sandbox) -> None:
    whole = len(read(sandbox).messages)
    target = Target()
    for tenth in range(1, 10):
        sandbox.bill.restate(f"2026-03-0{5 + tenth % 5}")
        messages = read(sandbox, target.state).messages
        target.load(messages[: max(1, whole * tenth // 10)])
    target.load(read(sandbox, target.state).messages)
    assert_equal_to_the_sandbox(target, sandbox)


def test_no_state_vouches_for_a_day_that_was_not_written_before_it(sandbox: Sandbox) -> None:
    written: dict[Key, int] = {}
    for message in read(sandbox).messages:
        if message["type"] == "RECORD":
            record = message["record"]
            key = record["subscription_id"], record["reported_date"]
            written[key] = written.get(key, 0) + 1
        elif message["type"] == "STATE":
            for part in message["value"]["bookmarks"].get("resource_usage", {}).get("partitions", []):
                subscription_id = part["context"]["subscription_id"]
                for day in reported_days(sandbox):
                    counted = part.get("days", {}).get(str(day), {}).get("row_count")
                    settled = str(day) <= part.get("finished_to", "")
                    whole = len(resource_usage.rows(sandbox.bill, subscription_id, day))
                    if settled or counted is not None:
                        assert written.get((subscription_id, str(day)), 0) == whole


def test_a_long_history_is_resumed_where_its_last_whole_month_ended(sandbox: Sandbox) -> None:
    states = [
        partition["finished_to"]
        for state in read(sandbox, start_date="2025-12-15", end_date="2026-02-10").states
        for partition in state["bookmarks"]["resource_usage"]["partitions"][:1]
        if "finished_to" in partition
    ]
    assert sorted(set(states)) == ["2025-12-31", "2026-01-31", "2026-02-10"]


def test_a_subscription_without_usage_is_asked_for_its_last_days(sandbox: Sandbox) -> None:
    shop = sandbox.subscription_ids[0]
    sandbox.faults.append(Fault("UsageAggregates", times=99, status=200, body='{"value": []}'))
    run = sync(billing_settings(sandbox, subscription_ids=[shop]), select=ONLY)
    assert asked_days(sandbox, shop)[13:] == [f"2026-03-0{day}" for day in range(4, 10)]
    assert bookmark(run, shop)["finished_to"] == "2026-03-04"


NOT_READY = [
    '{"code": "ProcessingNotCompleted", "message": "Try again."}',
    '{"error": {"code": "ProcessingNotCompleted", "message": "Try again."}}',
    "",
]


@pytest.mark.parametrize("body", NOT_READY)
def test_data_that_is_not_ready_is_waited_for(sandbox: Sandbox, waits: list[float], body: str) -> None:
    sandbox.faults.append(Fault("2026-02-27", times=2, status=202, headers={"Retry-After": "7"}, body=body))
    target = Target()
    target.load(read(sandbox).messages)
    assert waits == [7, 7]
    assert_equal_to_the_sandbox(target, sandbox)


@pytest.mark.parametrize("day", ["2026-02-27", "2026-03-08"])
def test_a_day_that_is_never_ready_is_left_for_the_next_run_and_not_taken_for_empty(
    sandbox: Sandbox, waits: list[float], caplog: pytest.LogCaptureFixture, day: str
) -> None:
    shop = sandbox.subscription_ids[0]
    first = f"{shop}.*reportedStartTime={day}"
    sandbox.faults.append(Fault(first, times=99, status=202, body=NOT_READY[0]))
    target = Target()
    target.load(read(sandbox).messages)
    assert waits == [30, 30, 30]
    assert "the next run asks again" in caplog.text
    assert target.live("resource_usage", subscription_id=shop, reported_date=day) == []
    assert "row_count" not in target.state["bookmarks"]["resource_usage"]["partitions"][0]["days"][day]
    for _ in range(2):
        sandbox.faults.clear()
        sandbox.requests.clear()
        target.load(read(sandbox, target.state).messages)
        assert_equal_to_the_sandbox(target, sandbox)
    assert asked_days(sandbox, shop) == [f"2026-03-0{day}" for day in (5, 6, 7, 8, 9)]


def test_after_a_day_that_is_not_ready_the_next_are_not_waited_for(sandbox: Sandbox, waits: list[float]) -> None:
    shop = sandbox.subscription_ids[0]
    sandbox.faults.append(Fault(f"{shop}.*reportedStartTime=2026-03-0[6789]", times=99, status=202))
    read(sandbox)
    assert waits == [30, 30, 30]


def test_a_day_whose_later_page_is_not_ready_is_read_again_whole(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    monkeypatch.setattr(resource_usage, "PAGE_SIZE", 7)
    sandbox.faults.append(Fault("reportedStartTime=2026-03-08.*continuationToken", times=4, status=202))
    target = Target()
    target.load(read(sandbox).messages)
    sandbox.bill.restate("2026-03-08")
    target.load(read(sandbox, target.state).messages)
    assert_equal_to_the_sandbox(target, sandbox)


def test_hours_add_up_to_their_day(sandbox: Sandbox) -> None:
    daily, hourly = read(sandbox), read(sandbox, usage_granularity="hourly")
    assert len(hourly.records("resource_usage")) == 24 * len(daily.records("resource_usage"))

    def sums(run: Run) -> dict[Any, Decimal]:
        found: dict[Any, Decimal] = {}
        for row in run.records("resource_usage"):
            key = row["reported_date"], row["resource_uri"], row["meter_id"], row["usage_start_time"][:10]
            found[key] = found.get(key, Decimal(0)) + row["quantity"]
        return found

    assert sums(hourly) == sums(daily)


def test_another_granularity_does_not_mix_with_what_was_read(sandbox: Sandbox) -> None:
    first = read(sandbox)
    with pytest.raises(ConfigValidationError, match="was read with usage_granularity daily so far"):
        read(sandbox, first.state, usage_granularity="hourly")


def test_a_start_date_that_moves_back_reads_what_is_missing(sandbox: Sandbox) -> None:
    target = Target()
    target.load(read(sandbox).messages)
    target.load(read(sandbox, target.state, start_date="2026-02-01").messages)
    assert_equal_to_the_sandbox(target, sandbox, "2026-02-01")


def test_a_column_that_is_selected_later_is_filled_for_all_days(sandbox: Sandbox) -> None:
    config = billing_settings(sandbox, start_date=START)
    first = sync(config, select={"resource_usage": ["location"]})
    second = sync(config, first.state, select=ONLY)
    assert {row["reported_date"] for row in second.records("resource_usage")} == set(map(str, reported_days(sandbox)))


def test_without_a_start_date_years_without_usage_cost_one_request_each(sandbox: Sandbox) -> None:
    shop = sandbox.subscription_ids[0]
    target = Target()
    target.load(sync(billing_settings(sandbox), select=ONLY).messages)
    asked = asked_days(sandbox, shop)
    assert asked[:13] == [f"{year}-01-01" for year in (*range(2014, 2026), 2025)]
    assert len(asked) == 12 + 365 + 31 + 28 + 9
    assert_equal_to_the_sandbox(target, sandbox, "2025-12-01")
    sandbox.requests.clear()
    sync(billing_settings(sandbox), target.state, select=ONLY)
    assert len(asked_days(sandbox, shop)) == 5


@pytest.mark.parametrize("status", [202, 400])
def test_a_year_that_cannot_be_asked_for_at_once_is_read_by_day(sandbox: Sandbox, status: int) -> None:
    shop = sandbox.subscription_ids[0]
    sandbox.faults.append(Fault(f"{shop}.*reportedEndTime=2026-01-01", times=1, status=status))
    sync(billing_settings(sandbox, subscription_ids=[shop]), select=ONLY)
    assert asked_days(sandbox, shop)[11:14] == ["2025-01-01", "2025-01-01", "2025-01-02"]


def test_one_forbidden_subscription_is_named_the_others_are_read_and_the_run_fails(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    forbidden, *others = sandbox.subscription_ids
    sandbox.forbidden.add(forbidden)
    recorder = Recorder()
    with pytest.raises(AzureError) as raised:
        sync(billing_settings(sandbox, start_date=START), select=ONLY, recorder=recorder)
    said = str(raised.value)
    assert said.startswith(f"Not all was read. resource_usage of {forbidden}: GET ")
    assert "does not have authorization to perform action 'Microsoft.Commerce/UsageAggregates/read'" in said
    assert "a subscription by the role Reader" in said
    assert f"resource_usage of {forbidden} cannot be read" in caplog.text
    recorder.flush()
    target = Target()
    target.load(recorder.messages)
    assert {row["subscription_id"] for row in target.live("resource_usage")} == set(others)
    sandbox.forbidden.clear()
    target.load(read(sandbox, target.state).messages)
    assert_equal_to_the_sandbox(target, sandbox)


def test_an_unknown_subscription_is_told_in_azures_words(sandbox: Sandbox) -> None:
    unknown = "00000000-0000-0000-0000-00000000abcd"
    with pytest.raises(AzureError, match=rf"The subscription '{unknown}' could not be found. \(code Subscription"):
        read(sandbox, subscription_ids=[unknown])


ODD = {
    "value": [
        {"id": "1", "properties": {"quantity": 1, "instanceData": "no JSON"}},
        {"id": "2", "properties": {"quantity": "1E-7", "instanceData": '{"Microsoft.Compute": {"a": 1.50}}'}},
        {
            "id": "3",
            "properties": {
                "quantity": 3,
                "instanceData": '{"Microsoft.Resources": {"resourceUri": "/r", "quantity": 9, "zone": 1}, "b": 2}',
            },
        },
        {"id": "4", "properties": {"infoFields": {"project": "p"}, "meterRegion": ""}},
        {"id": "5", "properties": {"instanceData": '{"Microsoft.Resources": "/r"}'}},
        {"id": "6", "properties": None, "newField": [1]},
    ]
}  # fmt: skip


def test_instance_data_that_is_odd_is_kept_and_told(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    sandbox.faults.append(Fault(f"{sandbox.subscription_ids[0]}.*2026-02-26", body=json.dumps(ODD)))
    records = read(sandbox, end_date=START).records("resource_usage", subscription_id=sandbox.subscription_ids[0])
    kept = [
        {name: record[name] for name in ("quantity", "resource_uri", "instance_data", "info_fields", "extra")}
        for record in records
    ]
    none = dict.fromkeys(kept[0])
    assert kept == [
        {**none, "quantity": 1, "extra": {"instanceData": "no JSON"}},
        {**none, "quantity": Decimal("1E-7"), "instance_data": {"Microsoft.Compute": {"a": Decimal("1.50")}}},
        {**none, "quantity": 3, "resource_uri": "/r", "instance_data": {"b": 2, "quantity": 9}, "extra": {"zone": 1}},
        {**none, "info_fields": {"project": "p"}},
        {**none, "instance_data": {"Microsoft.Resources": "/r"}},
        {**none, "extra": {"newField": [1], "properties": None}},
    ]
    assert "values that did not fit their column are null there and kept in extra: instanceData (1)" in caplog.text


def test_in_batches_no_state_vouches_for_a_file_that_is_not_out(sandbox: Sandbox, tmp_path: Path) -> None:
    storage = {"root": tmp_path.as_uri(), "prefix": ""}
    batch = {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": storage}
    run = read(sandbox, batch_config=batch)
    shown = 0
    for message in run.messages:
        if message["type"] == "BATCH":
            shown += 1
        elif message["type"] == "STATE":
            partitions = message["value"]["bookmarks"].get("resource_usage", {}).get("partitions", [])
            done = [p for p in partitions if p.get("finished_to", "") >= START]
            assert len(done) <= shown
    assert shown == len(sandbox.subscription_ids)
    assert read(sandbox, run.state, batch_config=batch).state == run.state


def test_a_run_tells_how_far_it_is(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    read(sandbox)
    shop = sandbox.subscription_ids[0]
    rows = len(resource_usage.rows(sandbox.bill, shop, date(2026, 3, 9)))
    assert f"Subscription {shop} (1 of 6): 12 reported days to read, up to 2026-03-09" in caplog.messages
    assert f"Subscription {shop} (1 of 6), reported 2026-03-09 (12 of 12): {rows} rows" in caplog.messages
    assert any(message.startswith("Finished resource_usage: 72 read") for message in caplog.messages)
