from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

from tap_azure_ea.sandbox import Fault, Sandbox, reservations
from tests.conftest import Target, settings, sync

CHARGES = "reserved_instance_charges"
DETAILS = "reserved_instance_usage_details"
SUMMARIES = "reserved_instance_usage_summaries"
RECOMMENDATIONS = "reserved_instance_recommendations"


def whole_year() -> Sandbox:
    return Sandbox(today=date(2025, 4, 10), first_day=date(2025, 1, 1))


def test_a_charge_is_whole_and_a_refund_is_negative() -> None:
    with whole_year() as sandbox:
        run = sync(settings(sandbox), select={CHARGES: []})
    (purchase,) = run.records(CHARGES, billing_period_id="202501")
    assert purchase == {
        "enrollment_number": "8675309",
        "billing_period_id": "202501",
        "row_number": 1,
        "purchasing_enrollment": "8675309",
        "arm_sku_name": "Standard_D4s_v5",
        "term": "P3Y",
        "region": "westeurope",
        "purchasing_subscription_guid": purchase["purchasing_subscription_guid"],
        "purchasing_subscription_name": "shop-production",
        "account_name": "Online Shop",
        "account_owner_email": "online.shop@enrollment.example",
        "department_name": "Commerce",
        "cost_center": None,
        "current_enrollment": "8675309",
        "billing_frequency": "OneTime",
        "event_date": "2025-01-05T09:30:00Z",
        "reservation_order_id": purchase["reservation_order_id"],
        "description": "Standard_D4s_v5 westeurope 3 Year",
        "event_type": "Purchase",
        "quantity": 6,
        "amount": Decimal("14208.60"),
        "currency": "USD",
        "reservation_order_name": "shop-web-reservation",
        "etag": purchase["etag"],
        "_sdc_deleted_at": None,
        "extra": None,
    }
    events = [(row["billing_period_id"], row["event_type"], row["amount"]) for row in run.records(CHARGES)]
    assert events == [
        ("202504", "Purchase", Decimal("612.4500")),
        ("202503", "Purchase", Decimal("612.4500")),
        ("202502", "Refund", Decimal("-2368.10")),
        ("202502", "Purchase", Decimal("612.4500")),
        ("202501", "Purchase", Decimal("14208.60")),
    ]


def test_usage_and_utilization_are_whole_and_agree() -> None:
    with whole_year() as sandbox:
        run = sync(settings(sandbox), select={DETAILS: [], SUMMARIES: []})
        expected = reservations.details(sandbox.bill, date(2025, 3, 1), date(2025, 3, 31))
    details = run.records(DETAILS, billing_period_id="202503")
    assert [row["used_hours"] for row in details] == [row["usedHours"] for row in expected]
    assert details[0] == {
        "enrollment_number": "8675309",
        "billing_period_id": "202503",
        "row_number": 1,
        "reservation_order_id": expected[0]["reservationOrderId"],
        "reservation_id": expected[0]["reservationId"],
        "usage_date": "2025-03-01",
        "sku_name": "Standard_D4s_v5",
        "instance_id": expected[0]["instanceId"],
        "total_reserved_quantity": Decimal("5.000000000000000"),
        "reserved_hours": Decimal("120.000000000000000"),
        "used_hours": expected[0]["usedHours"],
        "etag": details[0]["etag"],
        "_sdc_deleted_at": None,
        "extra": None,
    }
    for summary in run.records(SUMMARIES):
        same = [
            row["used_hours"]
            for row in run.records(DETAILS, billing_period_id=summary["billing_period_id"])
            if (row["usage_date"], row["reservation_id"]) == (summary["usage_date"], summary["reservation_id"])
        ]
        assert sum(same) == summary["used_hours"]
        assert summary["avg_utilization_percentage"] == round(sum(same) / summary["reserved_hours"] * 100, 2)


def test_recommendations_are_read_by_scope_and_look_back_and_are_snapshots(sandbox: Sandbox) -> None:
    target = Target()
    target.load(sync(settings(sandbox), select={RECOMMENDATIONS: []}).messages)
    rows = target.live(RECOMMENDATIONS)
    keys = [(row["scope"], row["look_back_period"], row["row_number"]) for row in rows]
    periods = ["Last7Days", "Last30Days", "Last60Days"]
    assert keys == [(scope, period, n) for scope in ("Shared", "Single") for period in periods for n in (1, 2)]
    assert {row["subscription_id"] is None for row in rows if row["scope"] == "Shared"} == {True}
    assert {row["subscription_id"] is None for row in rows if row["scope"] == "Single"} == {False}
    assert rows[0]["cost_with_no_ri"] == Decimal("139.248210975999972")
    assert rows[0]["sku_properties"] == [{"name": "Cores", "value": "2"}, {"name": "Ram", "value": "8"}]
    assert rows[0]["first_usage_date"] == "2026-03-03"

    run = sync(settings(sandbox), target.state, select={RECOMMENDATIONS: []})
    assert run.records(RECOMMENDATIONS) == []
    sandbox.faults.append(Fault("SharedReservationRecommendations.*=7", body="[]", status=200))
    sandbox.requests.clear()
    target.load(sync(settings(sandbox), target.state, select={RECOMMENDATIONS: []}).messages)
    assert [row["row_number"] for row in target.live(RECOMMENDATIONS)] == [1, 2] * 5


def test_cut_periods_are_asked_by_their_days(sandbox: Sandbox) -> None:
    config = settings(sandbox, start_date="2026-02-10", end_date="2026-02-12")
    run = sync(config, select={DETAILS: [], CHARGES: [], SUMMARIES: []})
    assert [request.target for request in sandbox.requests[1:]] == [
        "/v4/enrollments/8675309/reservationcharges?startDate=2026-02-10&endDate=2026-02-12",
        "/v2/enrollments/8675309/reservationdetails?startDate=2026-02-10&endDate=2026-02-12",
        "/v2/enrollments/8675309/reservationsummaries?grain=daily&startdate=2026-02-10&enddate=2026-02-12",
    ]
    assert {row["usage_date"] for row in run.records(SUMMARIES)} == {"2026-02-10", "2026-02-11", "2026-02-12"}


def test_the_documented_pascal_case_of_two_names_is_read_too(sandbox: Sandbox) -> None:
    row = {
        "PurchasingsubscriptionGuid": "guid",
        "PurchasingsubscriptionName": "name",
        "CurrentEnrollment": "1",
        "amount": "12.30",
    }
    body = json.dumps([row])
    sandbox.faults.append(Fault("reservationcharges", body=body))
    run = sync(settings(sandbox, start_date="2026-02-01", end_date="2026-02-28"), select={CHARGES: []})
    (record,) = run.records(CHARGES)
    assert record["purchasing_subscription_guid"] == row["PurchasingsubscriptionGuid"]
    assert record["purchasing_subscription_name"] == row["PurchasingsubscriptionName"]
    assert record["current_enrollment"] == row["CurrentEnrollment"]
    assert (record["amount"], record["extra"]) == (Decimal("12.30"), None)
