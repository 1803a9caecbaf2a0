"""Whole syncs against the sandbox, over real HTTP."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.fields import json_schema
from tap_azure_ea.records import plain
from tap_azure_ea.sandbox import Fault, Sandbox, reservations
from tests.conftest import Run, Target, settings, sync

PERIODS = ["202603", "202602", "202601", "202512"]
PERIOD_STREAMS = ["balance_summary", "marketplace_charges", "price_sheet", "usage_details"]


def live_costs(target: Target, period: str) -> list[Decimal]:
    rows = sorted(target.live("usage_details", billing_period_id=period), key=lambda row: row["row_number"])
    return [row["cost"] for row in rows]


def bill_costs(sandbox: Sandbox, period: str) -> list[Decimal]:
    return [row["cost"] for row in sandbox.bill.usage(period)]


def assert_equal_to_the_bill(target: Target, sandbox: Sandbox) -> None:
    for period in sandbox.bill.periods:
        assert live_costs(target, period) == bill_costs(sandbox, period)
        charges = target.live("marketplace_charges", billing_period_id=period)
        assert [c["extended_cost"] for c in charges] == [c["extendedCost"] for c in sandbox.bill.marketplace(period)]
        balance = sandbox.bill.balance(period)
        assert [b["total_usage"] for b in target.live("balance_summary", billing_period_id=period)] == [
            balance["totalUsage"]
        ]
        assert balance["totalUsage"] == sum(live_costs(target, period))


def restated(run: Run, stream: str) -> list[str]:
    return sorted({record["billing_period_id"] for record in run.records(stream)})


def test_every_row_is_read_once_and_to_the_last_digit(sandbox: Sandbox) -> None:
    target = Target()
    target.load(sync(settings(sandbox)).messages)
    assert_equal_to_the_bill(target, sandbox)
    days = sandbox.bill.first_day, sandbox.bill.today
    assert {name: len(rows) for name, rows in target.tables.items()} == {
        "balance_summary": 4,
        "billing_periods": 4,
        "marketplace_charges": sum(len(sandbox.bill.marketplace(p)) for p in PERIODS),
        "period_reconciliation": 4 * 4,
        "period_refreshes": 4 + 2 + 4 + 4 + 3 * 4,
        "price_sheet": 4 * len(sandbox.bill.prices("202603")),
        "reserved_instance_charges": len(reservations.charges(sandbox.bill, *days)),
        "reserved_instance_recommendations": 6 * len(reservations.recommendations(sandbox.bill, "shared", 7)),
        "reserved_instance_usage_details": len(reservations.details(sandbox.bill, *days)),
        "reserved_instance_usage_summaries": len(reservations.summaries(sandbox.bill, *days)),
        "usage_details": sum(len(sandbox.bill.usage(p)) for p in PERIODS),
    }


def test_a_usage_record_is_whole(sandbox: Sandbox) -> None:
    run = sync(settings(sandbox))
    row = sandbox.bill.usage("202601")[0]
    record = run.records("usage_details", billing_period_id="202601")[0]
    etag = run.bookmark("usage_details", "202601")["etag"]
    assert record == {
        "enrollment_number": "8675309",
        "billing_period_id": "202601",
        "row_number": 1,
        "service_name": "Virtual Machines",
        "service_tier": "Dsv5 Series Linux",
        "location": "EU West",
        "charges_billed_separately": False,
        "part_number": "AAD-10401",
        "resource_guid": row["resourceGuid"],
        "offer_id": "MS-AZR-0017P",
        "cost": row["consumedQuantity"] * Decimal("0.1857142857"),
        "account_id": 410004,
        "product_id": 340,
        "resource_location_id": row["resourceLocationId"],
        "consumed_service_id": row["consumedServiceId"],
        "department_id": 71004,
        "account_owner_email": "online.shop@enrollment.example",
        "account_name": "Online Shop",
        "service_administrator_id": "online.shop@enrollment.example",
        "subscription_id": 260000000101,
        "subscription_guid": row["subscriptionGuid"],
        "subscription_name": "shop-production",
        "date": "2026-01-01",
        "product": "Virtual Machines - Dsv5 Series - D4s v5 - EU West",
        "meter_id": row["meterId"],
        "meter_category": "Virtual Machines",
        "meter_sub_category": "Dsv5 Series",
        "meter_region": "EU West",
        "meter_name": "D4s v5",
        "consumed_quantity": row["consumedQuantity"],
        "resource_rate": Decimal("0.1857142857"),
        "resource_location": "westeurope",
        "consumed_service": "Microsoft.Compute",
        "instance_id": row["instanceId"],
        "service_info1": None,
        "service_info2": "Canonical",
        "additional_info": {
            "ImageType": "Canonical",
            "ServiceType": "Standard_D4s_v5",
            "VCPUs": 4,
            "UsageType": "ComputeHR",
        },
        "tags": {"app": "webshop", "owner": "commerce", "env": "production"},
        "store_service_identifier": None,
        "department_name": "Commerce",
        "cost_center": "CC-4100",
        "unit_of_measure": "1 Hour",
        "resource_group": "rg-shop-web-production",
        "etag": etag,
        "_sdc_deleted_at": None,
        "extra": None,
    }


def test_a_marketplace_record_is_whole(sandbox: Sandbox) -> None:
    run = sync(settings(sandbox))
    row = sandbox.bill.marketplace("202602")[0]
    assert run.records("marketplace_charges", billing_period_id="202602")[0] == {
        "enrollment_number": "8675309",
        "billing_period_id": "202602",
        "row_number": 1,
        "id": row["id"],
        "subscription_guid": row["subscriptionGuid"],
        "subscription_name": "platform-production",
        "meter_id": "4core",
        "usage_start_date": "2026-02-01T00:00:00Z",
        "usage_end_date": "2026-02-01T23:59:59Z",
        "offer_name": "Palisade Firewall",
        "resource_group": "rg-marketplace-production",
        "instance_id": "bundle-2-01",
        "additional_info": {"ImageType": None, "ServiceType": "bundle-2"},
        "tags": None,
        "order_number": row["orderNumber"],
        "unit_of_measure": "1 Hour",
        "cost_center": "CC-2000",
        "account_id": 410001,
        "account_name": "Engineering Cloud",
        "account_owner_id": "engineering.cloud@enrollment.example",
        "department_id": 71001,
        "department_name": "Engineering",
        "publisher_name": "Palisade Networks",
        "plan_name": "bundle-2",
        "consumed_quantity": 24,
        "resource_rate": Decimal("1.3142857143"),
        "extended_cost": Decimal("31.5428571432"),
        "is_recurring_charge": False,
        "etag": run.bookmark("marketplace_charges", "202602")["etag"],
        "_sdc_deleted_at": None,
        "extra": None,
    }


def test_a_price_and_a_balance_and_a_period_are_whole(sandbox: Sandbox) -> None:
    run = sync(settings(sandbox))
    price = sandbox.bill.prices("202601")[0]
    assert run.records("price_sheet", billing_period_id="202601")[0] == {
        "enrollment_number": "8675309",
        "billing_period_id": "202601",
        "row_number": 1,
        "offer_id": "MS-AZR-0017P",
        "id": "enrollments/8675309/billingperiods/202601/products/340/pricesheets",
        "meter_id": price["meterId"],
        "meter_name": "Virtual Machines - Dsv5 Series - D4s v5",
        "unit_of_measure": "100 Hours",
        "included_quantity": 0,
        "part_number": "AAD-10401",
        "unit_price": Decimal("18.57142857"),
        "currency_code": "USD",
        "etag": run.bookmark("price_sheet", "202601")["etag"],
        "_sdc_deleted_at": None,
        "extra": None,
    }
    balance = sandbox.bill.balance("202601")
    used = sum(bill_costs(sandbox, "202601"))
    separate = sum(row["cost"] for row in sandbox.bill.usage("202601") if row["chargesBilledSeparately"])
    assert run.records("balance_summary", billing_period_id="202601") == [
        {
            "enrollment_number": "8675309",
            "billing_period_id": "202601",
            "id": "enrollments/8675309/billingperiods/202601/balancesummaries",
            "currency_code": "USD",
            "beginning_balance": balance["beginningBalance"],
            "ending_balance": balance["beginningBalance"] + 320000 - (used - separate),
            "new_purchases": 320000,
            "adjustments": 0,
            "utilized": used - separate,
            "service_overage": 0,
            "charges_billed_separately": separate,
            "total_overage": separate,
            "total_usage": used,
            "azure_marketplace_service_charges": 0,
            "new_purchases_details": [{"name": "Azure Prepayment", "value": 320000}],
            "adjustment_details": [],
            "etag": run.bookmark("balance_summary", "202601")["etag"],
            "_sdc_deleted_at": None,
            "extra": None,
        }
    ]
    assert run.records("billing_periods", billing_period_id="202601") == [
        {
            "enrollment_number": "8675309",
            "billing_period_id": "202601",
            "billing_start": "2026-01-01",
            "billing_end": "2026-01-31",
            "balance_summary": "/v1/enrollments/8675309/billingperiods/202601/balancesummary",
            "usage_details": "/v1/enrollments/8675309/billingperiods/202601/usagedetails",
            "marketplace_charges": None,
            "price_sheet": "/v1/enrollments/8675309/billingperiods/202601/pricesheet",
            "extra": None,
        }
    ]


def test_the_first_run_asks_each_dataset_of_each_period_once_newest_first(sandbox: Sandbox) -> None:
    sync(settings(sandbox))
    asked = [request.target for request in sandbox.requests]
    root = "/v3/enrollments/8675309/billingPeriods"
    days = [sandbox.bill.days(period) for period in PERIODS]
    scopes = ["/v2/enrollments/8675309/Shared", "/v2/enrollments/8675309/Single"]
    usage = [[f"{root}/{p}/usagedetails", *_following(sandbox, p)] for p in PERIODS]
    assert asked == [
        "/v2/enrollments/8675309/billingperiods",
        *(f"{root}/{period}/balancesummary" for period in PERIODS),
        *(f"{root}/{period}/marketplacecharges" for period in ["202603", "202602"]),
        *(f"{root}/{period}/pricesheet" for period in PERIODS),
        *(f"/v4/enrollments/8675309/reservationcharges?startDate={a}&endDate={b}" for a, b in days),
        *(f"{scope}ReservationRecommendations?lookBackPeriod={d}" for scope in scopes for d in (7, 30, 60)),
        *(f"/v2/enrollments/8675309/reservationdetails?startDate={a}&endDate={b}" for a, b in days),
        *(f"/v2/enrollments/8675309/reservationsummaries?grain=daily&startdate={a}&enddate={b}" for a, b in days),
        *(target for targets in usage for target in targets),
    ]
    assert {request.headers["authorization"] for request in sandbox.requests} == {"bearer sandbox-api-key"}
    assert not [request for request in sandbox.requests if "if-none-match" in request.headers]


def _following(sandbox: Sandbox, period: str) -> list[str]:
    starts = range(1000, len(sandbox.bill.usage(period)), 1000)
    return [f"/v3/enrollments/8675309/billingPeriods/{period}/usagedetails?skiptoken={start}" for start in starts]


def test_the_second_run_asks_once_per_dataset_and_period_and_emits_no_row_of_them(sandbox: Sandbox) -> None:
    first = sync(settings(sandbox))
    sandbox.requests.clear()
    second = sync(settings(sandbox), first.state)
    assert {message["stream"] for message in second.messages if message["type"] == "RECORD"} == {"billing_periods"}
    assert second.state == first.state
    conditional = [request for request in sandbox.requests if "if-none-match" in request.headers]
    assert len(conditional) == len(sandbox.requests) - 1 == 4 + 2 + 4 + 4 + 6 + 4 + 4 + 4
    bookmarks = [
        partition
        for stream, bookmark in sorted(first.state["bookmarks"].items())
        for partition in bookmark.get("partitions", [])
        if "etag" in partition
    ]
    assert [request.headers["if-none-match"] for request in conditional] == [p["etag"] for p in bookmarks]


def test_only_what_was_restated_is_emitted_again(sandbox: Sandbox) -> None:
    target = Target()
    target.load(sync(settings(sandbox)).messages)
    sandbox.bill.restate("202602")
    run = sync(settings(sandbox), target.state)
    target.load(run.messages)
    assert restated(run, "usage_details") == ["202602"]
    assert restated(run, "marketplace_charges") == []
    assert restated(run, "balance_summary") == ["202602", "202603"]
    assert_equal_to_the_bill(target, sandbox)


def test_after_any_number_of_restatements_an_upserting_target_holds_exactly_azures_rows(sandbox: Sandbox) -> None:
    target = Target()
    sizes = []
    for _ in range(6):
        target.load(sync(settings(sandbox), target.state).messages)
        assert_equal_to_the_bill(target, sandbox)
        sizes.append(len(target.live("usage_details", billing_period_id="202601")))
        sandbox.bill.restate("202601")
    assert any(before > after for before, after in pairwise(sizes))


def test_rows_that_a_restatement_takes_away_become_tombstones_of_their_key_alone(sandbox: Sandbox) -> None:
    first = sync(settings(sandbox))
    before = first.bookmark("usage_details", "202512")["row_count"]
    sandbox.bill.restate("202512")
    run = sync(settings(sandbox), first.state)
    tombstones = [row for row in run.records("usage_details") if row["_sdc_deleted_at"] is not None]
    assert [row["row_number"] for row in tombstones] == list(range(before - 2, before + 1))
    for row in tombstones:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["_sdc_deleted_at"])
        assert {name for name, value in row.items() if value is not None} == {
            "enrollment_number",
            "billing_period_id",
            "row_number",
            "_sdc_deleted_at",
        }


def test_the_state_of_a_finished_period_is_written_at_once(sandbox: Sandbox) -> None:
    run = sync(settings(sandbox))
    finished: list[int] = []
    for message in run.messages:
        if message["type"] == "STATE":
            partitions = message["value"]["bookmarks"].get("usage_details", {}).get("partitions", [])
            finished.append(sum("etag" in partition for partition in partitions))
        elif message["type"] == "RECORD" and message["stream"] == "usage_details":
            period = message["record"]["billing_period_id"]
            assert max(finished) == PERIODS.index(period)
    assert finished[-1] == 4


def test_no_state_vouches_for_a_row_that_was_not_written_before_it(sandbox: Sandbox) -> None:
    first = sync(settings(sandbox))
    for period in PERIODS:
        sandbox.bill.restate(period)
    again = sync(settings(sandbox), first.state)
    for run, state in ((first, {}), (again, first.state)):
        written: dict[tuple[str, str], int] = {}
        latest: dict[str, Any] = {}
        known = {_partition(s, p): p for s, p in _partitions(state)}
        for message in run.messages:
            if message["type"] == "RECORD" and message["stream"] in PERIOD_STREAMS:
                record = message["record"]
                place = (message["stream"], record["billing_period_id"])
                written[place] = max(written.get(place, 0), record.get("row_number", 1))
                partition = next(p for s, p in _partitions(latest) if _partition(s, p) == place)
                assert "etag" not in partition
                assert written[place] <= max(partition.get("written_up_to", 0), partition.get("row_count", 0))
            elif message["type"] == "STATE":
                latest = message["value"]
                for stream, partition in _partitions(latest):
                    place = _partition(stream, partition)
                    if partition.get("etag") != known.get(place, {}).get("etag") and "etag" in partition:
                        assert written[place] >= partition["row_count"]


def _partitions(state: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    bookmarks = state.get("bookmarks", {})
    return [(stream, p) for stream in PERIOD_STREAMS for p in bookmarks.get(stream, {}).get("partitions", [])]


def _partition(stream: str, partition: dict[str, Any]) -> tuple[str, str]:
    return stream, partition["context"]["billing_period_id"]


@pytest.mark.parametrize("left_after", [1, 5, 700, 1500, 4000, 6000])
def test_a_run_that_breaks_off_anywhere_is_made_good_by_the_next(sandbox: Sandbox, left_after: int) -> None:
    target = Target()
    target.load(sync(settings(sandbox)).messages)
    for period in PERIODS:
        sandbox.bill.restate(period)
    target.load(sync(settings(sandbox), target.state).messages[:left_after])
    for period in PERIODS[1:]:
        sandbox.bill.restate(period)
        sandbox.bill.restate(period)
    target.load(sync(settings(sandbox), target.state).messages)
    assert_equal_to_the_bill(target, sandbox)


def test_a_version_that_returns_after_a_reading_broke_off_is_read_again(sandbox: Sandbox) -> None:
    target = Target()
    target.load(sync(settings(sandbox)).messages)
    sandbox.bill.restate("202602")
    broken = sync(settings(sandbox), target.state).messages
    rows = [n for n, m in enumerate(broken) if m["type"] == "RECORD" and m["stream"] == "usage_details"]
    target.load(broken[: rows[10]])
    sandbox.bill.restatements.clear()
    target.load(sync(settings(sandbox), target.state).messages)
    assert_equal_to_the_bill(target, sandbox)


def test_a_period_restated_between_its_pages_is_read_again_and_never_mixed(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.append(Fault("202601/usagedetails.skiptoken=1000", restate="202601"))
    target = Target()
    target.load(sync(settings(sandbox)).messages)
    assert live_costs(target, "202601") == bill_costs(sandbox, "202601")
    assert "202601/usagedetails was restated while it was being read: reading it again" in caplog.text
    sandbox.requests.clear()
    assert sync(settings(sandbox), target.state).records("usage_details") == []


def test_start_and_end_date_choose_periods_and_cut_the_outer_ones(sandbox: Sandbox) -> None:
    run = sync(settings(sandbox, start_date="2025-12-20", end_date="2026-02-10"))
    asked = [request.target for request in sandbox.requests]
    root = "/v3/enrollments/8675309"
    assert f"{root}/usagedetailsbycustomdate?startTime=2026-02-01&endTime=2026-02-10" in asked
    assert f"{root}/billingPeriods/202601/usagedetails" in asked
    assert f"{root}/usagedetailsbycustomdate?startTime=2025-12-20&endTime=2025-12-31" in asked
    assert f"{root}/marketplacechargesbycustomdate?startTime=2026-02-01&endTime=2026-02-10" in asked
    assert not [target for target in asked if "202603" in target]
    assert {record["billing_period_id"] for record in run.records("balance_summary")} == set(PERIODS[1:])
    rows = [row for period in PERIODS for row in sandbox.bill.usage(period)]
    expected = sum(row["cost"] for row in rows if "2025-12-20" <= row["date"][:10] <= "2026-02-10")
    assert sum(record["cost"] for record in run.records("usage_details")) == expected


def test_an_end_date_that_is_not_over_yet_cuts_nothing(sandbox: Sandbox) -> None:
    sync(settings(sandbox, start_date="2026-03-01", end_date="2999-12-31"))
    assert "/v3/enrollments/8675309/billingPeriods/202603/usagedetails" in {r.target for r in sandbox.requests}


def test_a_period_goes_from_whole_to_cut_and_back_exactly(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    target = Target()
    whole = settings(sandbox)
    cut = settings(sandbox, start_date="2026-02-10", end_date="2026-02-12")
    target.load(sync(whole).messages)
    target.load(sync(cut, target.state).messages)
    before = len(sandbox.bill.usage("202602"))
    assert f"Period 202602 (1 of 1): read with other settings, {before:,} rows before" in caplog.text
    days = {row["date"] for row in target.live("usage_details", billing_period_id="202602")}
    assert days == {"2026-02-10", "2026-02-11", "2026-02-12"}
    run = sync(cut, target.state)
    assert run.records("usage_details") == []
    target.load(sync(whole, run.state).messages)
    assert_equal_to_the_bill(target, sandbox)


def test_rows_outside_the_days_asked_for_are_left_out_and_told(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    body = '{"data": [{"date": "2026-02-09T00:00:00", "cost": 1}, {"date": "2026-02-10T00:00:00", "cost": 2}]}'
    sandbox.faults.append(Fault("usagedetailsbycustomdate", body=body))
    run = sync(settings(sandbox, start_date="2026-02-10", end_date="2026-02-12"))
    assert [record["cost"] for record in run.records("usage_details")] == [2]
    assert "left out 1 rows outside the days asked for" in caplog.text


def test_a_period_without_a_link_to_a_dataset_is_not_asked_for_it(sandbox: Sandbox) -> None:
    sync(settings(sandbox))
    assert not [r for r in sandbox.requests if "202601/marketplacecharges" in r.target]


@pytest.mark.parametrize("status", [400, 404])
def test_a_period_that_has_no_data_is_told_and_keeps_what_is_known(
    sandbox: Sandbox, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    first = sync(settings(sandbox))
    body = f'{{"error": {{"code": "{status}", "message": "No data is available"}}}}'
    sandbox.faults.append(Fault("202602/usagedetails", status=status, body=body))
    run = sync(settings(sandbox), first.state)
    assert run.state == first.state
    rows = first.bookmark("usage_details", "202602")["row_count"]
    assert f"Period 202602 (2 of 4): no data; {rows:,} rows of an earlier run stay." in caplog.text
    assert "No data is available" in caplog.text


def test_the_log_tells_of_each_period_and_closes_with_each_dataset(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    first = sync(settings(sandbox))
    count = first.bookmark("usage_details", "202512")["row_count"]
    assert f"Period 202512 (4 of 4): {count:,} rows" in caplog.text
    caplog.clear()
    sandbox.bill.restate("202512")
    sync(settings(sandbox), first.state)
    assert f"Period 202512 (4 of 4): restated, {count:,} rows before, {count - 3:,} now, 3 deleted" in caplog.text
    assert "Period 202603 (1 of 4): unchanged" in caplog.text
    assert "Finished billing_periods: 4 listed; 4 rows and 0 deletions emitted" in caplog.text
    assert f"Finished usage_details: 3 unchanged, 1 restated; {count - 3:,} rows and 3 deletions emitted" in caplog.text


def test_deselected_columns_are_not_emitted_and_a_column_selected_later_is_filled(sandbox: Sandbox) -> None:
    config = settings(sandbox)
    few = {"usage_details": ["tags", "etag", "extra", "_sdc_deleted_at", "row_number"]}
    first = sync(config, select=few)
    record = first.records("usage_details")[0]
    assert {"tags", "etag", "extra"}.isdisjoint(record)
    assert {"row_number", "_sdc_deleted_at", "cost"} <= set(record)
    schema = next(m for m in first.messages if m["type"] == "SCHEMA")["schema"]
    assert set(schema["properties"]) == set(record)
    assert sync(config, first.state, select=few).records("usage_details") == []
    more = sync(config, first.state, select={"usage_details": []})
    assert more.records("usage_details")[0]["tags"] == {"app": "webshop", "owner": "commerce", "env": "production"}


def test_a_deselected_stream_is_not_asked_for(sandbox: Sandbox) -> None:
    run = sync(settings(sandbox), select={"price_sheet": []})
    assert {m["stream"] for m in run.messages if m["type"] in {"SCHEMA", "RECORD"}} == {"price_sheet"}
    assert {r.target.rpartition("/")[2] for r in sandbox.requests} == {"billingperiods", "pricesheet"}


def test_stream_maps_and_flattening_apply(sandbox: Sandbox) -> None:
    maps = {"usage_details": {"account_owner_email": None, "cents": "cost * 100", "__filter__": "row_number < 3"}}
    run = sync(settings(sandbox, stream_maps=maps), select={"usage_details": []})
    records = run.records("usage_details")
    assert len(records) == 2 * 4
    assert "account_owner_email" not in records[0]
    flat = sync(settings(sandbox, flattening_enabled=True, flattening_max_depth=1), select={"usage_details": []})
    assert flat.records("usage_details")[0]["cost"] == sandbox.bill.usage("202603")[0]["cost"]


def test_every_wire_name_of_the_sandbox_has_its_column(sandbox: Sandbox) -> None:
    run = sync(settings(sandbox))
    assert all(r.get("extra") is None for m in run.messages if m["type"] == "RECORD" for r in [m["record"]])
    for stream, row in {
        "usage_details": sandbox.bill.usage("202602")[0],
        "marketplace_charges": sandbox.bill.marketplace("202602")[0],
        "price_sheet": sandbox.bill.prices("202602")[0],
        "balance_summary": sandbox.bill.balance("202602"),
    }.items():
        columns = {plain(name) for name in run.records(stream)[0]}
        assert {plain(name) for name in row} <= columns, stream


def test_activate_version_is_never_emitted_for_it_would_delete_unchanged_periods(sandbox: Sandbox) -> None:
    run = sync(settings(sandbox, emit_activate_version_messages=True))
    assert {message["type"] for message in run.messages} == {"SCHEMA", "RECORD", "STATE"}


def test_an_account_owners_key_is_told_what_it_may_read(sandbox: Sandbox) -> None:
    config = settings(sandbox, api_key="sandbox-account-owner-key")
    with pytest.raises(AzureError) as raised:
        sync(config)
    assert "Report Type: BalanceSummary, Report View: AccountOwner" in str(raised.value)
    assert "deselect balance_summary and price_sheet" in str(raised.value)
    assert "sandbox-account-owner-key" not in str(raised.value)
    run = sync(config, select={"usage_details": [], "marketplace_charges": [], "billing_periods": []})
    assert len(run.records("usage_details", billing_period_id="202601")) == len(sandbox.bill.usage("202601"))


def test_the_schema_marks_keys_and_nothing_else_as_required() -> None:
    assert json_schema((), ())["required"] == []
