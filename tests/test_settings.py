from __future__ import annotations

from typing import Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_azure_ea.sandbox import Sandbox
from tap_azure_ea.tap import TapAzureEA
from tests.conftest import billing_settings, settings, sync

VALID = {"enrollment_number": "100", "api_key": "k.e-y_"}


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({}, "enrollment_number is not set. Set it, or set sandbox to true"),
        ({"enrollment_number": "100"}, "api_key is not set"),
        ({**VALID, "start_date": "31.01.2026"}, "start_date is '31.01.2026', which is not a day such as 2026-01-31"),
        ({**VALID, "end_date": "2026-02-30"}, "end_date is '2026-02-30', which is not a day"),
        (
            {**VALID, "start_date": "2026-02-01", "end_date": "2026-01-31"},
            "end_date 2026-01-31 is before start_date 2026-02-01",
        ),
        ({**VALID, "cloud": "private"}, "'private' is not one of ['public', 'us_government', 'china']"),
        ({**VALID, "ea_reporting_url": "consumption.azure.com"}, "ea_reporting_url is not a URL such as"),
        ({**VALID, "sandbox": "maybe"}, "'maybe' is not of type 'boolean'"),
        ({**VALID, "enrollment_number": 100}, "100 is not of type 'string'"),
    ],
)
def test_settings_that_do_not_parse_are_told_before_anything_is_asked(config: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigValidationError) as raised:
        TapAzureEA(config=config)
    assert any(problem in error for error in raised.value.errors), raised.value.errors


@pytest.mark.parametrize("api_key", ["top secret", 12345, ["top", "secret"], "top\nsecret", "tôpsecret"])
def test_a_key_that_cannot_be_one_is_told_without_being_shown(
    api_key: object, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigValidationError) as raised:
        TapAzureEA(config={**VALID, "api_key": api_key})
    said = f"{raised.value} {raised.value.errors} {caplog.text}"
    assert "12345" not in said
    assert "top" not in said
    assert raised.value.errors


@pytest.mark.parametrize("start_date", ["2026-02-10", "2026-02-10T00:00:00Z", "02/10/2026"])
def test_days_may_be_written_as_days_or_as_moments(sandbox: Sandbox, start_date: str) -> None:
    sync(settings(sandbox, start_date=start_date, end_date="2026-02-12"), select={"usage_details": []})
    target = "/v3/enrollments/8675309/usagedetailsbycustomdate?startTime=2026-02-10&endTime=2026-02-12"
    assert sandbox.requests[1].target == target


@pytest.mark.parametrize(
    ("config", "url"),
    [
        ({}, "https://consumption.azure.com"),
        ({"cloud": "us_government"}, "https://consumption.azure.us"),
        ({"cloud": "us_government", "ea_reporting_url": "https://proxy.example"}, "https://proxy.example"),
    ],
)
def test_the_cloud_decides_the_host_unless_it_is_overridden(
    config: dict[str, str], url: str, requests_mock: Any
) -> None:
    requests_mock.get(f"{url}/v2/enrollments/100/billingperiods", json=[])
    sync({**VALID, **config}, select={"usage_details": []})
    assert [request.url for request in requests_mock.request_history] == [f"{url}/v2/enrollments/100/billingperiods"]


def test_a_misspelt_setting_is_told(caplog: pytest.LogCaptureFixture) -> None:
    TapAzureEA(config={**VALID, "enrolment": "1"})
    assert "There is no setting enrolment: it is ignored" in caplog.text


def test_a_misspelt_setting_is_told_where_it_is_the_one_that_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConfigValidationError, match="api_key is not set"):
        TapAzureEA(config={"enrollment_number": "1", "apikey": "k"})
    assert "There is no setting apikey: it is ignored" in caplog.text


@pytest.mark.parametrize("name", ["ea_reporting_url", "management_url"])
def test_an_address_with_a_path_is_refused_and_not_asked_without_it(name: str) -> None:
    with pytest.raises(ConfigValidationError, match=rf"{name} holds a path \(/azure\)"):
        TapAzureEA(config={**VALID, name: "https://gateway.example/azure"})
    TapAzureEA(config={**VALID, name: "https://gateway.example/"})


def test_settings_that_are_null_are_not_set() -> None:
    nothing = dict.fromkeys(TapAzureEA.config_jsonschema["properties"])
    assert TapAzureEA(config={**nothing, **VALID}).config == TapAzureEA(config=VALID).config


def test_surrounding_blanks_of_pasted_settings_do_not_matter(sandbox: Sandbox) -> None:
    padded = {name: f" {value}\n" for name, value in settings(sandbox).items()}
    assert sync(padded).records("billing_periods")


def test_the_sandbox_needs_no_other_setting_and_stays_the_same_from_run_to_run() -> None:
    first = sync({"sandbox": True}, select={"balance_summary": []})
    second = sync({"sandbox": True}, first.state, select={"balance_summary": []})
    assert first.records("balance_summary")
    assert second.records("balance_summary") == []


SIGN_IN = {"tenant_id": "t", "client_id": "c", "client_secret": "s"}


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({}, "api_key is not set, and neither is tenant_id or access_token"),
        (
            SIGN_IN,
            "enrollment_number is not set. Set it, or set sandbox to true to try the tap without an Azure account",
        ),
        (SIGN_IN, "or set subscription_ids"),
        ({"subscription_ids": ["s"], "api_key": "k"}, "enrollment_number is not set"),
        ({"enrollment_number": "1", "client_secret": "s"}, "tenant_id is not set, which signing in by client_secret"),
        (
            {"enrollment_number": "1", "tenant_id": "t", "client_secret": "s"},
            "client_id is not set, which signing in by client_secret needs",
        ),
        (
            {"enrollment_number": "1", "credential": "client_certificate", "tenant_id": "t", "client_id": "c"},
            "client_certificate_path is not set, which signing in by client_certificate needs",
        ),
        ({"enrollment_number": "1", "access_token": "a b"}, "access_token holds characters that no key or token has"),
        ({"enrollment_number": "1", "credential": "magic"}, "'magic' is not one of ['client_secret', 'client_cert"),
        (
            {"enrollment_number": "1", **SIGN_IN, "login_url": "http://login.example"},
            "login_url is not a URL such as https://login.example",
        ),
        ({"enrollment_number": "1", **SIGN_IN, "management_url": "management"}, "management_url is not a URL"),
        ({"enrollment_number": "1", "api_key": "k", "cloud": "china"}, "api_key opens nothing in cloud china"),
        ({"enrollment_number": "1", "access_token": "t", "usage_granularity": "monthly"}, "'monthly' is not one of"),
    ],
)
def test_a_sign_in_that_cannot_succeed_is_told_before_anything_is_asked(config: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigValidationError) as raised:
        TapAzureEA(config=config)
    assert any(problem in error for error in raised.value.errors), raised.value.errors


@pytest.mark.parametrize("name", ["client_secret", "client_certificate_password", "access_token"])
def test_no_secret_is_shown_in_what_is_wrong_with_it(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConfigValidationError) as raised:
        TapAzureEA(config={**VALID, name: ["top", "secret"]})
    assert "secret" not in f"{raised.value} {raised.value.errors} {caplog.text}".replace("client_secret", "")


EA_REPORTING = ["balance_summary", "billing_periods", "marketplace_charges", "price_sheet", "usage_details"]
COST_MANAGEMENT = [
    "actual_cost_details",
    "amortized_cost_details",
    "balances",
    "billing_accounts",
    "marketplaces",
    "price_sheet_items",
    "reservation_details",
    "reservation_recommendations",
    "reservation_summaries",
    "reservation_transactions",
]
BY_SUBSCRIPTION = ["rate_card_meters", "rate_card_offer_terms", "resource_usage"]


EVERYTHING = [*EA_REPORTING, "invoices", *BY_SUBSCRIPTION, *COST_MANAGEMENT]


@pytest.mark.parametrize(
    ("config", "streams"),
    [
        (VALID, EA_REPORTING),
        ({"enrollment_number": "1", "access_token": "t"}, [*COST_MANAGEMENT, "invoices"]),
        ({"subscription_ids": ["s"], **SIGN_IN}, ["billing_accounts", "invoices", *BY_SUBSCRIPTION]),
        (
            {"subscription_ids": ["s"], "credential": "managed_identity"},
            ["billing_accounts", "invoices", *BY_SUBSCRIPTION],
        ),
        (
            {"scope": "/subscriptions/s", "access_token": "t"},
            ["actual_cost_details", "amortized_cost_details", "billing_accounts"],
        ),
        ({**VALID, "tenant_id": "t", "subscription_ids": ["s"]}, EVERYTHING),
        ({"sandbox": True}, EVERYTHING),
    ],
)
def test_discovery_lists_what_the_settings_open(config: dict[str, Any], streams: list[str]) -> None:
    listed = TapAzureEA(config=config).streams
    periods = {"actual_cost_details", "usage_details"} & {*streams}
    audited = ["period_reconciliation", "period_refreshes"] if periods else []
    assert sorted(name for name in listed if not name.startswith("reserved_instance")) == sorted([*streams, *audited])


def test_a_subscription_that_is_named_twice_is_read_once(sandbox: Sandbox) -> None:
    first, *_ = sandbox.subscription_ids
    config = billing_settings(sandbox, subscription_ids=[first, f" {first.upper()} "], start_date="2026-03-05")
    run = sync({**config, "end_date": "2026-03-05"}, select={"resource_usage": []})
    assert [partition["context"] for partition in run.state["bookmarks"]["resource_usage"]["partitions"]] == [
        {"subscription_id": first}
    ]
