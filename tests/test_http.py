"""One behaviour of one request at a time; whole syncs through real HTTP are elsewhere."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import requests
import requests_mock

from tap_azure_ea.api.ea_reporting import EAReportingAPI, listing, one_row
from tap_azure_ea.api.errors import AzureError, NoDataError
from tap_azure_ea.api.http import MAX_TRIES

HOST = "https://consumption.azure.com"
PATH = "/v3/enrollments/100/billingPeriods/202601/usagedetails"
KEY = "eyJhbGciOi.secret-part.signature"


@pytest.fixture
def api() -> EAReportingAPI:
    return EAReportingAPI(HOST, "100", KEY, logging.getLogger("tap-azure-ea"))


@pytest.fixture
def azure() -> Any:
    with requests_mock.Mocker() as mocker:
        yield mocker


def rows(api: EAReportingAPI, etag: str | None = None) -> list[Any] | None:
    pages = api.pages(PATH, listing, etag)
    return None if pages is None else [row for page in pages for row in page.rows]


def failure(api: EAReportingAPI) -> str:
    with pytest.raises(AzureError) as raised:
        rows(api)
    assert KEY not in str(raised.value)
    return str(raised.value)


def test_the_request_is_authenticated_and_asks_for_json(api: EAReportingAPI, azure: requests_mock.Mocker) -> None:
    azure.get(PATH, json=[])
    assert rows(api) == []
    request = azure.request_history[0]
    assert (request.method, request.url) == ("GET", HOST + PATH)
    assert request.headers["Authorization"] == f"bearer {KEY}"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["User-Agent"] == "tap-azure-ea"


def test_an_etag_is_sent_back_byte_for_byte_and_304_means_unchanged(
    api: EAReportingAPI, azure: requests_mock.Mocker
) -> None:
    azure.get(PATH, status_code=304)
    assert rows(api, 'W/"a b"') is None
    assert azure.request_history[0].headers["If-None-Match"] == 'W/"a b"'


def test_an_answer_of_304_that_was_not_asked_for_is_an_error(api: EAReportingAPI, azure: requests_mock.Mocker) -> None:
    azure.get(PATH, status_code=304)
    assert "JSON that is not what it should be" in failure(api)


def test_only_the_first_page_is_asked_conditionally(api: EAReportingAPI, azure: requests_mock.Mocker) -> None:
    azure.get(PATH, json={"data": [{"n": 1}], "nextLink": f"{HOST}{PATH}2"})
    azure.get(f"{PATH}2", json={"data": [{"n": 2}], "nextLink": None})
    assert rows(api, '"old"') == [{"n": 1}, {"n": 2}]
    assert ["If-None-Match" in request.headers for request in azure.request_history] == [True, False]


@pytest.mark.parametrize(
    ("link", "followed"),
    [
        (f"{HOST}/v3/next?token=a%2Bb", f"{HOST}/v3/next?token=a%2Bb"),
        (f"{HOST}:443/v3/next", f"{HOST}:443/v3/next"),
        ("/v3/next?token=1", f"{HOST}/v3/next?token=1"),
        ("?token=1", f"{HOST}{PATH}?token=1"),
        ("/v3/next?filter=a b", f"{HOST}/v3/next?filter=a%20b"),
    ],
)
def test_a_next_link_is_followed_verbatim(
    api: EAReportingAPI, azure: requests_mock.Mocker, link: str, followed: str
) -> None:
    azure.get(PATH, json={"data": [], "nextLink": link})
    azure.get(followed, json={"data": [{"n": 2}], "nextLink": ""})
    assert rows(api) == [{"n": 2}]
    assert azure.request_history[1].url == followed
    assert azure.request_history[1].headers["Authorization"] == f"bearer {KEY}"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v3",
        "http://consumption.azure.com/v3",
        "https://consumption.azure.com:8443/v3",
        "https://consumption.azure.com.evil.example/v3",
        "https://consumption.azure.com@evil.example/v3",
        "https://evil.example\\@consumption.azure.com/v3",
        "//evil.example/v3",
        "ftp://consumption.azure.com/v3",
        "file:///etc/passwd",
    ],
)
def test_a_link_to_another_host_is_an_error_and_never_shown_the_key(
    api: EAReportingAPI, azure: requests_mock.Mocker, link: str
) -> None:
    azure.get(PATH, json={"data": [], "nextLink": link})
    assert "link" in failure(api) or "address" in failure(api)
    assert {request.url for request in azure.request_history} == {HOST + PATH}


def test_a_link_back_to_a_page_already_read_is_an_error_and_not_a_loop(
    api: EAReportingAPI, azure: requests_mock.Mocker
) -> None:
    azure.get(PATH, json={"data": [{"n": 1}], "nextLink": "/v3/next"})
    azure.get("/v3/next", json={"data": [{"n": 2}], "nextLink": f"{HOST}{PATH}"})
    assert "a page already read" in failure(api)
    assert len(azure.request_history) == 3


def test_a_redirect_is_not_followed(api: EAReportingAPI, azure: requests_mock.Mocker) -> None:
    azure.get(PATH, status_code=302, headers={"Location": "https://evil.example/"})
    assert "302" in (message := failure(api))
    assert "a redirect to https://evil.example/, which is not followed" in message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"x-ms-ratelimit-microsoft.consumption-retry-after": "11"}, 11),
        ({"Retry-After": "3", "X-Ms-RateLimit-Microsoft.Consumption-Retry-After": "42"}, 42),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2026 09:28:30 +0200", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "-5"}, 0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_throttled_request_waits_as_long_as_the_longest_header_asks(
    api: EAReportingAPI,
    azure: requests_mock.Mocker,
    waits: list[float],
    headers: dict[str, str],
    seconds: float,
    status: int,
) -> None:
    azure.get(PATH, [{"status_code": status, "headers": headers}, {"json": [{"n": 1}]}])
    assert rows(api) == [{"n": 1}]
    assert waits == [seconds]


def test_a_long_wait_gives_signs_of_life(
    api: EAReportingAPI, azure: requests_mock.Mocker, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    azure.get(PATH, [{"status_code": 429, "headers": {"Retry-After": "150"}}, {"json": []}])
    assert rows(api) == []
    assert waits == [60, 60, 30]
    assert (
        "Waiting 150.0 s before try 2 of 8 of /v3/enrollments/100/billingPeriods/202601/usagedetails: 429"
        in caplog.text
    )
    assert "Still waiting, 90 s to go" in caplog.text


def test_a_wait_of_more_than_an_hour_is_an_error_instead(
    api: EAReportingAPI, azure: requests_mock.Mocker, waits: list[float]
) -> None:
    azure.get(PATH, status_code=429, headers={"Retry-After": "999999"})
    assert "asks to wait 999999 seconds" in failure(api)
    assert waits == []


@pytest.mark.parametrize(
    "fault",
    [
        {"status_code": 429},
        {"status_code": 500},
        {"status_code": 502},
        {"status_code": 503, "headers": {"Retry-After": "soon"}},
        {"status_code": 504},
        {"exc": requests.exceptions.ConnectTimeout},
        {"exc": requests.exceptions.ReadTimeout},
        {"exc": requests.exceptions.ConnectionError("reset")},
        {"exc": requests.exceptions.ChunkedEncodingError("cut")},
        {"text": '{"data": [{"cost": 1.'},
        {"text": "<html>Service unavailable</html>", "headers": {"Content-Type": "text/html"}},
        {"text": ""},
        {"content": b'["\xff"]'},
        {"text": "[1e99999999999999999999]"},
    ],
)
def test_a_passing_failure_is_retried_with_growing_waits(
    api: EAReportingAPI, azure: requests_mock.Mocker, waits: list[float], fault: dict[str, Any]
) -> None:
    azure.get(PATH, [fault, fault, fault, {"json": [{"n": 1}]}])
    assert rows(api) == [{"n": 1}]
    assert [lowest <= wait <= 2 * lowest for wait, lowest in zip(waits, [1, 2, 4], strict=True)] == [True] * 3


def test_after_the_last_try_the_error_says_what_was_asked_what_came_back_and_what_to_do(
    api: EAReportingAPI, azure: requests_mock.Mocker, waits: list[float]
) -> None:
    azure.get(PATH, status_code=503, reason="Service Unavailable", text="<h1>Down</h1>\n for now")
    message = failure(api)
    assert message.startswith(
        f'GET {HOST}{PATH} answered 503 Service Unavailable: "<h1>Down</h1> for now" ({MAX_TRIES} times). Azure failed'
    )
    assert len(azure.request_history) == MAX_TRIES == len(waits) + 1
    assert max(waits) <= 60


def test_html_instead_of_json_is_told_as_such(api: EAReportingAPI, azure: requests_mock.Mocker) -> None:
    azure.get(PATH, text="<html>Sign in</html>", headers={"Content-Type": "text/html"})
    assert "200 with a body that is not JSON (text/html" in (message := failure(api))
    assert '"<html>Sign in</html>"' in message


def test_an_unreachable_host_is_told_with_the_likely_reason(api: EAReportingAPI, azure: requests_mock.Mocker) -> None:
    azure.get(PATH, exc=requests.exceptions.ConnectionError("Name or service not known"))
    assert "the connection failed (ConnectionError: Name or service not known)" in (message := failure(api))
    assert "retired the public EA Reporting API on 1 May 2024" in message


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "keys last six months"), (403, "enterprise administrator's key"), (410, "1 May 2024")]
)
def test_a_refusal_is_final_and_carries_azures_words_and_the_remedy(
    api: EAReportingAPI, azure: requests_mock.Mocker, waits: list[float], status: int, remedy: str
) -> None:
    azure.get(PATH, status_code=status, json={"error": {"code": str(status), "message": f"Azure says no to {KEY}"}})
    message = failure(api)
    assert f'"Azure says no to *** (code {status})"' in message
    assert remedy in message
    assert len(azure.request_history) == 1
    assert waits == []


@pytest.mark.parametrize("status", [400, 404])
def test_no_data_is_told_from_other_refusals(api: EAReportingAPI, azure: requests_mock.Mocker, status: int) -> None:
    azure.get(PATH, status_code=status)
    with pytest.raises(NoDataError, match=f"answered {status}"):
        rows(api)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (rb"cut \ud83d", "cut \ufffd"),
        (rb"\ude00 cut", "\ufffd cut"),
        (rb"\ud83d\ude00 \uD83D", "\U0001f600 \ufffd"),
        (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),
    ],
)
def test_half_of_a_character_does_not_cost_the_period(
    api: EAReportingAPI, azure: requests_mock.Mocker, sent: bytes, read: str
) -> None:
    azure.get(PATH, content=b'[{"tags": "' + sent + b'", "cost": 1.10}]')
    (row,) = rows(api) or []
    assert (row["tags"], str(row["cost"])) == (read, "1.10")


def test_numbers_keep_every_digit_and_a_byte_order_mark_is_dropped(
    api: EAReportingAPI, azure: requests_mock.Mocker
) -> None:
    azure.get(PATH, content=b'\xef\xbb\xbf[{"cost": 43.147032659819189000, "id": 123456789012345678901}]')
    (row,) = rows(api) or []
    assert (str(row["cost"]), row["id"]) == ("43.147032659819189000", 123456789012345678901)


@pytest.mark.parametrize(
    "body", ['{"value": []}', "[1]", '"text"', "null", '[{"error": {"code": "1"}}]', '{"data": 5}']
)
def test_json_that_holds_no_rows_is_an_error(api: EAReportingAPI, azure: requests_mock.Mocker, body: str) -> None:
    azure.get(PATH, text=body)
    assert "answered JSON that is not what it should be" in failure(api)


def test_a_page_without_rows_does_not_end_the_listing(api: EAReportingAPI, azure: requests_mock.Mocker) -> None:
    azure.get(PATH, json={"data": [], "nextLink": "/v3/next"})
    azure.get("/v3/next", json={"data": [{"n": 2}]})
    assert rows(api) == [{"n": 2}]


@pytest.mark.parametrize("body", ['{"totalUsage": 1}', '[{"totalUsage": 1}]'])
def test_a_balance_is_read_as_an_object_or_as_an_array_of_one(
    api: EAReportingAPI, azure: requests_mock.Mocker, body: str
) -> None:
    azure.get(PATH, text=body)
    pages = api.pages(PATH, one_row)
    assert pages is not None
    assert [page.rows for page in pages] == [[{"totalUsage": 1}]]


def test_two_balances_are_an_error(api: EAReportingAPI, azure: requests_mock.Mocker) -> None:
    azure.get(PATH, text="[{}, {}]")
    with pytest.raises(AzureError, match="2 rows where there is one at most"):
        list(api.pages(PATH, one_row) or [])


def tagged(*etags: str | None, following: str | None = None) -> list[dict[str, Any]]:
    return [{"json": {"data": [{}], "nextLink": following}, "headers": {"ETag": tag} if tag else {}} for tag in etags]


def page_etags(api: EAReportingAPI) -> list[tuple[int, str | None]]:
    return [(page.number, page.etag) for page in api.pages(PATH, listing) or ()]


def test_a_listing_whose_etag_changes_between_pages_is_read_again_from_its_first(
    api: EAReportingAPI, azure: requests_mock.Mocker
) -> None:
    azure.get(PATH, tagged('"a"', '"b"', following="/v3/next"))
    azure.get("/v3/next", tagged('"b"', '"b"'))
    assert page_etags(api) == [(1, '"a"'), (1, '"b"'), (2, '"b"')]


def test_where_the_same_etags_differ_again_the_server_tags_pages(
    api: EAReportingAPI, azure: requests_mock.Mocker, caplog: pytest.LogCaptureFixture
) -> None:
    azure.get(PATH, tagged('"a"', following="/v3/next"))
    azure.get("/v3/next", tagged('"b"', following="/v3/last"))
    azure.get("/v3/last", tagged('"c"'))
    assert page_etags(api) == [(1, '"a"'), (1, '"a"'), (2, '"b"'), (3, '"c"')]
    assert "bears an ETag per page" in caplog.text


def test_a_listing_that_never_holds_still_is_an_error(api: EAReportingAPI, azure: requests_mock.Mocker) -> None:
    azure.get(PATH, tagged(*(f'"a{n}"' for n in range(9)), following="/v3/next"))
    azure.get("/v3/next", tagged(*(f'"b{n}"' for n in range(9))))
    assert "was restated during each of 5 readings" in failure(api)


def test_pages_without_etag_after_a_first_that_has_one_do_not_contradict_it(
    api: EAReportingAPI, azure: requests_mock.Mocker
) -> None:
    azure.get(PATH, tagged('"a"', following="/v3/next"))
    azure.get("/v3/next", tagged(None))
    assert page_etags(api) == [(1, '"a"'), (2, None)]


def test_an_entry_in_netrc_does_not_replace_the_key(
    api: EAReportingAPI, azure: requests_mock.Mocker, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine consumption.azure.com login a password b")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    azure.get(PATH, json=[])
    rows(api)
    assert azure.request_history[0].headers["Authorization"] == f"bearer {KEY}"
