from __future__ import annotations

from typing import Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_azure_ea.sandbox import Sandbox
from tap_azure_ea.tap import TapAzureEA
from tests.conftest import settings, sync

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
        ({**VALID, "cloud": "private"}, "'private' is not one of ['public', 'us_government']"),
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


def test_surrounding_blanks_of_pasted_settings_do_not_matter(sandbox: Sandbox) -> None:
    padded = {name: f" {value}\n" for name, value in settings(sandbox).items()}
    assert sync(padded).records("billing_periods")


def test_the_sandbox_needs_no_other_setting_and_stays_the_same_from_run_to_run() -> None:
    first = sync({"sandbox": True}, select={"balance_summary": []})
    second = sync({"sandbox": True}, first.state, select={"balance_summary": []})
    assert first.records("balance_summary")
    assert second.records("balance_summary") == []
