"""The rate card against the sandbox, over real HTTP."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.sandbox import Fault, Sandbox
from tests.conftest import Run, Target, billing_settings, decode, sync

pytestmark = pytest.mark.usefixtures("today")

METERS: dict[str, list[str] | None] = {"rate_card_meters": None}
BOTH: dict[str, list[str] | None] = {**METERS, "rate_card_offer_terms": None}
CARD = {"offer_id": "MS-AZR-0003P", "currency": "USD", "locale": "en-US", "region": "US"}
BLOB = "^/blobs/ratecards/"


def read(sandbox: Sandbox, state: Any = None, select: Any = None, **more: Any) -> Run:
    return sync(billing_settings(sandbox, **more), state, select=select or BOTH)


def served(sandbox: Sandbox) -> dict[str, Any]:
    """Return the card that the sandbox has served."""
    link = next(request.target for request in sandbox.requests if request.path.startswith("/blobs/"))
    card: dict[str, Any] = decode(requests.get(sandbox.url.replace("127.0.0.1", "localhost") + link, timeout=9).content)
    return card


def card(**more: Any) -> str:
    return json.dumps({"OfferTerms": [], "Meters": [], "Currency": "USD", "Locale": "en", **more})


def meters(sandbox: Sandbox, *rows: dict[str, Any]) -> Run:
    sandbox.faults.append(Fault(BLOB, body=card(Meters=rows)))
    return read(sandbox, select=METERS)


def test_every_meter_is_read_once_with_its_rates_to_the_last_digit(sandbox: Sandbox) -> None:
    records = read(sandbox).records("rate_card_meters")
    expected = [
        (meter["MeterId"], [(Decimal(tier), rate) for tier, rate in meter["MeterRates"].items()])
        for meter in served(sandbox)["Meters"]
    ]
    assert [
        (record["meter_id"], [(tier["from_quantity"], tier["rate"]) for tier in record["meter_rates"]])
        for record in records
    ] == expected
    assert len({record["meter_id"] for record in records}) == len(records)


def test_a_meter_is_whole_and_its_tiers_are_in_order(sandbox: Sandbox) -> None:
    row = {
        "EffectiveDate": "2024-05-01T00:00:00Z",
        "IncludedQuantity": 5.0,
        "MeterCategory": "Bandwidth",
        "MeterId": "9995d93a-7d35-4d3f-9c69-7a7fea447ef4",
        "MeterName": "Standard Data Transfer Out",
        "MeterRates": {"10240": 0.083, "0": 0.0, "100": 0.08700000001},
        "MeterRegion": "Zone 1",
        "MeterSubCategory": "Rtn Preference: MGN",
        "MeterTags": ["Third Party"],
        "Unit": "1 GB",
    }
    (record,) = meters(sandbox, row).records("rate_card_meters")
    assert record == {
        **CARD,
        "meter_id": "9995d93a-7d35-4d3f-9c69-7a7fea447ef4",
        "meter_name": "Standard Data Transfer Out",
        "meter_category": "Bandwidth",
        "meter_sub_category": "Rtn Preference: MGN",
        "meter_region": "Zone 1",
        "unit": "1 GB",
        "meter_rates": [
            {"from_quantity": 0, "rate": 0},
            {"from_quantity": 100, "rate": Decimal("0.08700000001")},
            {"from_quantity": 10240, "rate": Decimal("0.083")},
        ],
        "included_quantity": 5,
        "effective_date": "2024-05-01T00:00:00Z",
        "meter_tags": ["Third Party"],
        "is_tax_included": None,
        "snapshot_at": "2026-03-10T12:00:00Z",
        "extra": None,
    }


def test_an_offer_term_is_whole(sandbox: Sandbox) -> None:
    terms = [
        {"Name": "Recurring Charge", "RecurringCharge": 29, "EffectiveDate": "0001-01-01T00:00:00Z"},
        {
            "Name": "Monetary Commitment",
            "TieredDiscount": {"0": 0.0, "6000": 0.205},
            "ExcludedMeterIds": ["4e62a388-c558-44dd-be07-b7dce949efcd"],
            "EffectiveDate": "2013-12-23T00:00:00Z",
        },
        {"Name": "Monetary Credit", "Credit": 100.0, "ExcludedMeterIds": [], "EffectiveDate": "2013-12-23T00:00:00Z"},
    ]
    sandbox.faults.append(Fault(BLOB, body=card(OfferTerms=terms, IsTaxIncluded=False)))
    records = read(sandbox, select={"rate_card_offer_terms": None}).records("rate_card_offer_terms")
    none = dict.fromkeys(
        ["effective_date", "recurring_charge", "credit", "tiered_discount", "excluded_meter_ids", "_sdc_deleted_at"]
    )
    same = {**CARD, **none, "is_tax_included": False, "snapshot_at": "2026-03-10T12:00:00Z", "extra": None}
    discounts = [{"from_quantity": 0, "rate": 0}, {"from_quantity": 6000, "rate": Decimal("0.205")}]
    since = {"effective_date": "2013-12-23T00:00:00Z"}
    excluded = {"excluded_meter_ids": ["4e62a388-c558-44dd-be07-b7dce949efcd"]}
    assert records == [
        {**same, "row_number": 1, "name": "Recurring Charge", "recurring_charge": 29},
        {
            **same, **since, **excluded,
            "row_number": 2, "name": "Monetary Commitment", "tiered_discount": discounts,
        },
        {**same, **since, "row_number": 3, "name": "Monetary Credit", "credit": 100, "excluded_meter_ids": []},
    ]  # fmt: skip


def test_a_date_that_is_none_is_null(sandbox: Sandbox) -> None:
    run = meters(sandbox, {"MeterId": "m", "EffectiveDate": "0001-01-01T00:00:00Z"})
    assert run.records("rate_card_meters")[0]["effective_date"] is None
    assert run.records("rate_card_meters")[0]["extra"] is None


def test_the_filter_names_offer_currency_locale_and_region_and_so_does_the_key(sandbox: Sandbox) -> None:
    more = {
        "rate_card_offer": "MS-AZR-0044P",
        "rate_card_currency": "EUR",
        "rate_card_locale": "de-DE",
        "rate_card_region": "DE",
    }
    run = read(sandbox, **more)
    asked = "OfferDurableId eq 'MS-AZR-0044P' and Currency eq 'EUR' and Locale eq 'de-DE' and RegionInfo eq 'DE'"
    target = unquote(sandbox.requests[0].target)
    root = f"/subscriptions/{sandbox.subscription_ids[0]}/providers/Microsoft.Commerce/RateCard"
    assert target == f"{root}?api-version=2015-06-01-preview&$filter={asked}"
    for record in run.records("rate_card_meters") + run.records("rate_card_offer_terms"):
        key = tuple(record[name] for name in CARD)
        assert key == ("MS-AZR-0044P", "EUR", "de-DE", "DE")
    keys = {message["stream"]: message["key_properties"] for message in run.messages if message["type"] == "SCHEMA"}
    assert keys == {"rate_card_meters": [*CARD, "meter_id"], "rate_card_offer_terms": [*CARD, "row_number"]}


def test_the_redirect_is_followed_once_for_both_lists_and_without_the_token(sandbox: Sandbox) -> None:
    read(sandbox)
    asked, blob = sandbox.requests
    assert asked.headers["authorization"] == f"Bearer {sandbox.access_token}"
    assert blob.path.startswith("/blobs/ratecards/")
    assert blob.headers["host"].startswith("localhost:")
    assert "authorization" not in blob.headers


def test_a_card_that_has_not_changed_is_not_emitted_again(sandbox: Sandbox) -> None:
    first = read(sandbox)
    second = read(sandbox, first.state)
    assert second.records("rate_card_meters") == second.records("rate_card_offer_terms") == []
    assert second.state == first.state
    sandbox.bill.restate("rate card")
    target = Target()
    for run in (first, read(sandbox, first.state)):
        target.load(run.messages)
    sandbox.requests.clear()
    read(sandbox)
    assert [row["meter_rates"][-1]["rate"] for row in target.live("rate_card_meters")] == [
        list(meter["MeterRates"].values())[-1] for meter in served(sandbox)["Meters"]
    ]


def test_terms_that_are_gone_become_tombstones(sandbox: Sandbox) -> None:
    only = {"rate_card_offer_terms": None}
    sandbox.faults.append(Fault(BLOB, body=card(OfferTerms=[{"Name": "a"}, {"Name": "b"}])))
    target = Target()
    target.load(read(sandbox, select=only).messages)
    sandbox.faults.append(Fault(BLOB, body=card(OfferTerms=[{"Name": "c"}])))
    target.load(read(sandbox, target.state, select=only).messages)
    assert [row["name"] for row in target.live("rate_card_offer_terms")] == ["c"]


def test_thousands_of_meters_need_one_state_alone(sandbox: Sandbox) -> None:
    run = meters(sandbox, *({"MeterId": str(number), "MeterRates": {"0": 1}} for number in range(3000)))
    assert len(run.records("rate_card_meters")) == 3000
    assert len(run.states) <= 2


def test_an_offer_that_is_refused_is_told_in_azures_words(sandbox: Sandbox) -> None:
    with pytest.raises(AzureError) as raised:
        read(sandbox, rate_card_offer="MS-AZR-0017P", select=METERS)
    words = "Invalid query specified. Please specify valid values for OfferDurableId, Currency, Locale and RegionInfo."
    assert f'answered 400 Bad Request: "{words}"' in str(raised.value)
    assert "rate_card_offer, currency, locale and region." in str(raised.value)
    assert len(sandbox.requests) == 1


def test_a_forbidden_subscription_is_passed_over_for_one_that_may_ask(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    forbidden, second, *_ = sandbox.subscription_ids
    sandbox.forbidden.add(forbidden)
    assert read(sandbox, select=METERS).records("rate_card_meters")
    assert f"Subscription {forbidden} cannot be asked for the rate card" in caplog.text
    assert f"/subscriptions/{second}/" in sandbox.requests[1].target


def test_an_expired_link_is_asked_for_anew(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault(BLOB, status=403))
    assert read(sandbox, select=METERS).records("rate_card_meters")
    assert len(sandbox.requests) == 4


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"Meters": [', "is not the JSON that it should be"),
        ("<html>", "is not the JSON that it should be"),
        ('{"Meters": []}', "is not the JSON that it should be"),
        ('{"Meters": {}, "Currency": "USD"}', "is not the JSON that it should be"),
        ('{"Meters": [1], "Currency": "USD"}', "is not the JSON that it should be"),
        ('{"Meters": [], "Currency": "EUR"}', "was asked for in USD and answered in EUR"),
    ],
)
def test_a_card_that_is_not_what_it_should_be_is_an_error(sandbox: Sandbox, body: str, words: str) -> None:
    sandbox.faults.append(Fault(BLOB, body=body))
    with pytest.raises(AzureError, match=words):
        read(sandbox, select=METERS)


def test_a_card_that_is_answered_without_a_redirect_is_read_too(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault("RateCard", status=200, body=card(Meters=[{"MeterId": "m"}])))
    assert [row["meter_id"] for row in read(sandbox, select=METERS).records("rate_card_meters")] == ["m"]


def test_rates_that_cannot_be_read_are_kept_and_told(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    (record,) = meters(sandbox, {"MeterId": "m", "MeterRates": {"from": 1}, "New": {"a": 1.50}}).records(
        "rate_card_meters"
    )
    assert record["meter_rates"] is None
    assert record["extra"] == {"MeterRates": {"from": 1}, "New": {"a": Decimal("1.5")}}
    assert "kept in extra: MeterRates (1)" in caplog.text


def test_a_meter_that_is_listed_twice_is_told(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    meters(sandbox, {"MeterId": "m"}, {"MeterId": "n"}, {"MeterId": "m"})
    assert "1 meters are listed twice: a target that upserts keeps the last of each" in caplog.text
