"""The sandbox's Azure Billing APIs: signing in, invoices, reported usage, list prices."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential

from tap_azure_ea.sandbox import Fault, Sandbox
from tap_azure_ea.sandbox.bill import Bill, days_between
from tap_azure_ea.sandbox.rate_card import card
from tap_azure_ea.sandbox.resource_usage import rows

SCOPE = "https://management.azure.com/.default"
INVOICES = "/providers/Microsoft.Billing/billingAccounts/8675309/invoices"
YEARS = {"api-version": "2024-04-01", "periodStartDate": "2025-01-01", "periodEndDate": "2026-12-31"}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DAILY = {"reportedStartTime": "2026-03-01T00:00:00Z", "reportedEndTime": "2026-03-02T00:00:00Z"}
FILTER = "OfferDurableId eq 'MS-AZR-0003P' and Currency eq 'USD' and Locale eq 'en-US' and RegionInfo eq 'US'"

decode = msgspec.json.Decoder(float_hook=Decimal).decode


def get(sandbox: Sandbox, path: str, query: dict[str, str] | None = None, **headers: str) -> requests.Response:
    url = path if path.startswith("http") else sandbox.url + path
    headers = {"Authorization": f"Bearer {sandbox.access_token}", **headers}
    return requests.get(url, query, headers=headers, timeout=10, allow_redirects=False)


def value(response: requests.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = decode(response.content)["value"]
    return found


def pages(sandbox: Sandbox, path: str, query: dict[str, str]) -> Iterator[list[dict[str, Any]]]:
    response = get(sandbox, path, query)
    yield value(response)
    while link := response.json().get("nextLink"):
        response = get(sandbox, link)
        yield value(response)


def usage(sandbox: Sandbox, query: dict[str, str], subscription: int = 0) -> requests.Response:
    path = f"/subscriptions/{sandbox.subscription_ids[subscription]}/providers/Microsoft.Commerce/UsageAggregates"
    return get(sandbox, path, {"api-version": "2015-06-01-preview", "showDetails": "true", **query})


def rate_card(sandbox: Sandbox, text: str = FILTER) -> requests.Response:
    path = f"/subscriptions/{sandbox.subscription_ids[0]}/providers/Microsoft.Commerce/RateCard"
    return get(sandbox, path, {"api-version": "2015-06-01-preview", "$filter": text})


def ask_for_token(sandbox: Sandbox, tenant_id: str = Sandbox.tenant_id, **form: str) -> requests.Response:
    given = {"grant_type": "client_credentials", "client_id": sandbox.client_id, "scope": SCOPE, **form}
    url = f"{sandbox.login_url}/{tenant_id}/oauth2/v2.0/token"
    return requests.post(url, given, verify=sandbox.certificate, timeout=10)


def credential(sandbox: Sandbox, secret: str = Sandbox.client_secret) -> ClientSecretCredential:
    return ClientSecretCredential(
        sandbox.tenant_id,
        sandbox.client_id,
        secret,
        authority=sandbox.login_url,
        disable_instance_discovery=True,
        connection_verify=sandbox.certificate,
    )


def test_azure_identity_signs_in_and_each_sign_in_issues_another_token(sandbox: Sandbox) -> None:
    tokens = []
    for _ in range(2):
        with credential(sandbox) as signed_in:
            tokens.append(signed_in.get_token(SCOPE).token)
    assert tokens == ["sandbox-token-0001", "sandbox-token-0002"]
    assert [request.method for request in sandbox.requests] == ["GET", "POST"] * 2
    assert sandbox.requests[1].form["client_secret"] == sandbox.client_secret
    for token in tokens:
        assert get(sandbox, INVOICES, YEARS, Authorization=f"Bearer {token}").status_code == 200


def test_azure_identity_tells_what_was_wrong(sandbox: Sandbox) -> None:
    with (
        credential(sandbox, "wrong") as refused,
        pytest.raises(ClientAuthenticationError, match=r"AADSTS7000215: Invalid client secret provided\."),
    ):
        refused.get_token(SCOPE)


def test_an_assertion_signs_in_too(sandbox: Sandbox) -> None:
    answer = ask_for_token(sandbox, client_assertion="a.b.c", client_assertion_type=ASSERTION)
    assert answer.json()["expires_in"] == 3599


@pytest.mark.parametrize(
    ("form", "status", "kind", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({}, 401, "invalid_client", 7000218),
        ({"client_assertion": "a.b.c"}, 401, "invalid_client", 7000218),
        ({"client_id": "other"}, 400, "unauthorized_client", 700016),
        ({"tenant_id": "other"}, 400, "invalid_request", 90002),
        ({"scope": "https://management.azure.com/"}, 400, "invalid_scope", 1002012),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_it_signs_nobody_else_in(sandbox: Sandbox, form: dict[str, str], status: int, kind: str, code: int) -> None:
    answer = ask_for_token(sandbox, **form)
    assert (answer.status_code, answer.json()["error"], answer.json()["error_codes"]) == (status, kind, [code])
    assert answer.json()["error_description"].startswith(f"AADSTS{code}: ")
    assert "Trace ID: " in answer.json()["error_description"]


def test_an_unknown_tenant_has_no_configuration(sandbox: Sandbox) -> None:
    url = f"{sandbox.login_url}/other/v2.0/.well-known/openid-configuration"
    answer = requests.get(url, verify=sandbox.certificate, timeout=10)
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


def test_faults_strike_sign_ins(sandbox: Sandbox) -> None:
    sandbox.faults += [Fault("token", status=503), Fault("token", reset=True), Fault("token", cut=True)]
    assert ask_for_token(sandbox, client_secret=sandbox.client_secret).status_code == 503
    for _ in range(2):
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            ask_for_token(sandbox, client_secret=sandbox.client_secret)
    assert ask_for_token(sandbox, client_secret=sandbox.client_secret).status_code == 200


def test_the_strictest_clients_trust_the_certificate_and_the_others_do_not(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(sandbox.login_url, timeout=10)
    context = ssl.create_default_context(cafile=sandbox.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for host in ("localhost", "127.0.0.1"):
        connection = HTTPSConnection(host, urlsplit(sandbox.login_url).port, timeout=10, context=context)
        connection.request("GET", f"/{sandbox.tenant_id}/v2.0/.well-known/openid-configuration")
        assert connection.getresponse().status == 200
        connection.close()
    assert capfd.readouterr().err == ""


def test_closing_it_closes_both_listeners_and_removes_the_certificate() -> None:
    with Sandbox(today=date(2026, 3, 10)) as sandbox:
        assert ask_for_token(sandbox, client_secret=sandbox.client_secret).status_code == 200
        urls, certificate = (sandbox.url, sandbox.login_url), Path(sandbox.certificate)
        assert [path.name for path in certificate.parent.iterdir()] == ["certificate.pem"], "the key is kept nowhere"
    assert not certificate.parent.exists()
    for url in urls:
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=10)


def test_without_a_sign_in_there_is_no_listener_for_it(sandbox: Sandbox) -> None:
    assert get(sandbox, INVOICES, YEARS).status_code == 200
    assert "login_url" not in vars(sandbox)


def test_expired_tokens_are_refused_until_the_next_sign_in(sandbox: Sandbox) -> None:
    sandbox.expire_tokens()
    refusal = get(sandbox, INVOICES, YEARS)
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (401, "ExpiredAuthenticationToken")
    assert "is earlier than current UTC time" in refusal.json()["error"]["message"]
    token = ask_for_token(sandbox, client_secret=sandbox.client_secret).json()["access_token"]
    assert get(sandbox, INVOICES, YEARS, Authorization=f"Bearer {token}").status_code == 200


@pytest.mark.parametrize(
    ("path", "query", "authorization", "status", "code", "message"),
    [
        (INVOICES, {}, "", 401, "AuthenticationFailed", "The 'Authorization' header is missing."),
        (INVOICES, {}, "Bearer other", 401, "InvalidAuthenticationToken", "The access token is invalid."),
        (INVOICES, {"api-version": ""}, None, 400, "MissingApiVersionParameter", "is required for all requests"),
        (
            INVOICES,
            {"api-version": "2019-10-01"},
            None,
            404,
            "InvalidResourceType",
            "for api version '2019-10-01'. The supported api-versions are '2020-05-01,2024-04-01'.",
        ),
        (INVOICES, {"periodEndDate": ""}, None, 400, "BadRequest", "periodStartDate and periodEndDate are required"),
        (INVOICES.replace("8675309", "1"), {}, None, 401, "401", "No claims present for the caller in the system"),
        (f"{INVOICES}/nothing", {}, None, 404, "InvalidRequestUri", "The request URI is not valid"),
        ("/subscriptions/none/providers/Microsoft.Commerce/RateCard", {"api-version": "2016-08-31-preview"}, None, 404,
         "SubscriptionNotFound", "The subscription 'none' could not be found."),
    ],
)  # fmt: skip
def test_it_refuses_what_resource_manager_refuses(
    sandbox: Sandbox,
    path: str,
    query: dict[str, str],
    authorization: str | None,
    status: int,
    code: str,
    message: str,
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = get(sandbox, path, {**YEARS, **query}, **headers)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert message in response.json()["error"]["message"]


def test_a_forbidden_subscription_is_refused_and_the_others_are_not(sandbox: Sandbox) -> None:
    sandbox.forbidden.add(sandbox.subscription_ids[0])
    refusal = usage(sandbox, DAILY)
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (403, "AuthorizationFailed")
    action = "does not have authorization to perform action 'Microsoft.Commerce/UsageAggregates/read'"
    assert action in refusal.json()["error"]["message"]
    assert f"over scope '/subscriptions/{sandbox.subscription_ids[0]}'" in refusal.json()["error"]["message"]
    assert usage(sandbox, DAILY, subscription=1).status_code == 200


def test_paths_are_written_in_any_case(sandbox: Sandbox) -> None:
    assert value(get(sandbox, INVOICES.upper(), YEARS)) == value(get(sandbox, INVOICES, YEARS))


def test_invoices_add_up_to_the_balances(sandbox: Sandbox) -> None:
    found = [invoice["properties"] for invoice in value(get(sandbox, INVOICES, YEARS))]
    assert [(i["invoicePeriodEndDate"], i["invoiceType"], i["status"], i["dueDate"]) for i in found] == [
        ("2026-02-28T00:00:00Z", "AzureServices", "Due", "2026-04-04T00:00:00Z"),
        ("2026-02-28T00:00:00Z", "AzureMarketplace", "Due", "2026-04-04T00:00:00Z"),
        ("2026-01-31T00:00:00Z", "AzureServices", "Paid", "2026-03-07T00:00:00Z"),
        ("2025-12-31T00:00:00Z", "AzureServices", "Paid", "2026-02-04T00:00:00Z"),
    ]
    for invoice in found:
        balance = sandbox.bill.balance(invoice["invoicePeriodEndDate"][:7].replace("-", ""))
        services = balance["serviceOverage"] + balance["chargesBilledSeparately"]
        marketplace = balance["azureMarketplaceServiceCharges"]
        total = services if invoice["invoiceType"] == "AzureServices" else marketplace
        assert invoice["totalAmount"] == {"currency": "USD", "value": total}
        assert invoice["amountDue"]["value"] == (total if invoice["status"] == "Due" else 0)
        assert [payment["amount"]["value"] for payment in invoice["payments"]] == [total] * (
            invoice["status"] == "Paid"
        )


def test_an_invoice_is_sent_on_the_fifth(sandbox: Sandbox) -> None:
    counts = []
    for day in (4, 5):
        sandbox.bill.today = date(2026, 3, day)
        counts.append(len(value(get(sandbox, INVOICES, YEARS))))
    assert counts == [2, 4]


def test_an_invoice_is_listed_when_its_period_ends_within_the_days(sandbox: Sandbox) -> None:
    january = {**YEARS, "periodStartDate": "2026-01-31", "periodEndDate": "2026-02-27"}
    assert [i["properties"]["invoicePeriodStartDate"][:10] for i in value(get(sandbox, INVOICES, january))] == [
        "2026-01-01"
    ]


def test_invoices_come_in_pages_and_each_has_its_own_name() -> None:
    with Sandbox(today=date(2026, 11, 21), first_day=date(2026, 1, 1)) as sandbox:
        found = list(pages(sandbox, INVOICES, YEARS))
    names = [invoice["name"] for page in found for invoice in page]
    assert [len(page) for page in found] == [10, 8]
    assert len(set(names)) == 18
    assert all(name.startswith("E0800") and len(name) == 11 for name in names)


def test_the_invoices_of_the_subscriptions_add_up_to_the_usage(sandbox: Sandbox) -> None:
    root = "/providers/Microsoft.Billing/billingAccounts/default/billingSubscriptions"
    found = [i for s in sandbox.subscription_ids for i in value(get(sandbox, f"{root}/{s}/invoices", YEARS))]
    assert len({invoice["name"] for invoice in found}) == 18
    for period in ("202512", "202601", "202602"):
        end = f"{sandbox.bill.days(period)[1]}T00:00:00Z"
        own = [i["properties"] for i in found if i["properties"]["invoicePeriodEndDate"] == end]
        assert [invoice["subscriptionId"] for invoice in own] == sandbox.subscription_ids
        total = sum(invoice["totalAmount"]["value"] for invoice in own)
        assert total == sum(row["cost"] for row in sandbox.bill.usage(period))
    assert found[0]["id"] == (
        f"/subscriptions/{sandbox.subscription_ids[0]}/providers/Microsoft.Billing/invoices/{found[0]['name']}"
    )
    assert found[0]["name"].startswith("S")
    assert found[0]["properties"]["subscriptionDisplayName"] == "shop-production"


@pytest.mark.parametrize("scope", ["8675309", "default/billingSubscriptions/{}"])
def test_an_invoice_is_downloaded_after_it_was_prepared(sandbox: Sandbox, scope: str) -> None:
    root = f"/providers/Microsoft.Billing/billingAccounts/{scope.format(sandbox.subscription_ids[0])}"
    invoice = value(get(sandbox, f"{root}/invoices", YEARS))[0]
    key = {"Authorization": f"Bearer {sandbox.access_token}"}
    begun = requests.post(invoice["properties"]["documents"][0]["url"], headers=key, timeout=10)
    assert (begun.status_code, begun.content, begun.headers["Retry-After"]) == (202, b"", "0")
    location = begun.headers["Location"]
    assert location.startswith(f"{sandbox.url}{root}/operationResults/invoiceDownload_")
    assert get(sandbox, location, Authorization="").status_code == 401
    waiting, done = get(sandbox, location), get(sandbox, location)
    assert (waiting.status_code, waiting.content, waiting.headers["Retry-After"]) == (202, b"", "0")
    assert done.json().keys() == {"url", "expiryTime"}
    assert get(sandbox, done.json()["url"]).status_code == 403, "a blob is for nobody who sends a token"
    document = requests.get(done.json()["url"], timeout=10)
    assert document.headers["Content-Type"] == "application/pdf"
    assert document.content.startswith(b"%PDF-1.4\n")
    assert document.content.endswith(b"%%EOF\n")
    for words in ("Enrollment 8675309", invoice["name"], "2026-02-01 to 2026-02-28"):
        assert words.encode() in document.content
    assert str(invoice["properties"]["totalAmount"]["value"]).encode() in document.content
    table = document.content.index(b"xref\n")
    assert f"startxref\n{table}\n".encode() in document.content
    assert document.content[int(document.content[table + 29 : table + 39]) :].startswith(b"1 0 obj")


def test_what_was_not_issued_cannot_be_downloaded(sandbox: Sandbox) -> None:
    key, query = {"Authorization": f"Bearer {sandbox.access_token}"}, {"api-version": "2024-04-01"}
    answer = requests.post(f"{sandbox.url}{INVOICES}/E1/download", params=query, headers=key, timeout=10)
    assert answer.status_code == 404
    operation = f"{INVOICES.removesuffix('/invoices')}/operationResults/none"
    assert get(sandbox, operation, query).status_code == 404


def quantities(found: list[dict[str, Any]]) -> Decimal:
    return sum((row["properties"]["quantity"] for row in found), Decimal(0))


def started_on(row: dict[str, Any]) -> str:
    start = datetime.fromisoformat(row["properties"]["usageStartTime"])
    return str((start - (start.utcoffset() or timedelta())).date())


@pytest.mark.parametrize("granularity", ["Daily", "Hourly"])
def test_reported_usage_adds_up_to_the_used_quantities(sandbox: Sandbox, granularity: str) -> None:
    bill = sandbox.bill
    for subscription in sandbox.subscription_ids:
        reported = [
            row
            for day in days_between(bill.first_day, date(2026, 1, 3))
            for row in rows(bill, subscription, day, granularity)
            if started_on(row) < "2026-01-01"
        ]
        used = [row for day in days_between(bill.first_day, date(2025, 12, 31)) for row in bill.usage_of_day(day)]
        own = [row for row in used if row["subscriptionGuid"] == subscription]
        assert quantities(reported) == sum(row["consumedQuantity"] for row in own)
        assert len(reported) == len(own) * (24 if granularity == "Hourly" else 1)


def test_a_reported_row_is_whole(sandbox: Sandbox) -> None:
    row, used = value(usage(sandbox, DAILY))[0], sandbox.bill.usage_of_day(date(2026, 2, 28))[0]
    scope = f"/subscriptions/{sandbox.subscription_ids[0]}"
    instance = decode(row["properties"].pop("instanceData"))
    assert row == {
        "id": f"{scope}/providers/Microsoft.Commerce/UsageAggregates/Daily_BRSDT_20260301_0000",
        "name": "Daily_BRSDT_20260301_0000",
        "type": "Microsoft.Commerce/UsageAggregate",
        "properties": {
            "subscriptionId": sandbox.subscription_ids[0],
            "usageStartTime": "2026-02-28T00:00:00+00:00",
            "usageEndTime": "2026-03-01T00:00:00+00:00",
            "meterId": used["meterId"],
            "meterName": "D4s v5",
            "meterCategory": "Virtual Machines",
            "meterSubCategory": "Dsv5 Series",
            "meterRegion": "EU West",
            "unit": "1 Hour",
            "quantity": used["consumedQuantity"],
            "infoFields": {},
        },
    }
    assert instance["Microsoft.Resources"]["resourceUri"] == used["instanceId"]
    assert instance["Microsoft.Resources"]["location"] == "westeurope"
    assert instance["Microsoft.Resources"]["tags"]["app"] == "webshop"
    assert instance["Microsoft.Resources"]["additionalInfo"]["VCPUs"] == 4


def test_some_usage_is_late_some_is_classic_and_some_has_another_offset(sandbox: Sandbox) -> None:
    day = date(2026, 3, 1)
    found = [row["properties"] for s in sandbox.subscription_ids for row in rows(sandbox.bill, s, day)]
    late = {row["usageStartTime"] for row in found if row["meterCategory"] == "Bandwidth"}
    assert late == {"2026-02-27T00:00:00+00:00"}
    classic = [row for row in found if "instanceData" not in row]
    project = {"meteredRegion": "EU West", "meteredService": "Microsoft.VisualStudio", "project": "devops-01"}
    assert [row["infoFields"] for row in classic] == [project]
    elsewhere = {row["usageStartTime"] for row in found if row["meterCategory"] == "Storage"}
    assert elsewhere == {"2026-02-27T17:00:00-07:00"}


def test_yesterday_is_incomplete_until_tomorrow(sandbox: Sandbox) -> None:
    bill, subscription = sandbox.bill, sandbox.subscription_ids[0]
    begun = rows(bill, subscription, date(2026, 3, 9))
    assert rows(bill, subscription, date(2026, 3, 10)) == []
    bill.today = date(2026, 3, 11)
    complete = rows(bill, subscription, date(2026, 3, 9))
    assert begun == complete[: len(complete) * 9 // 10]
    assert len(begun) < len(complete)


def test_a_reported_day_is_restated(sandbox: Sandbox) -> None:
    counts = []
    for _ in range(4):
        counts.append(len(rows(sandbox.bill, sandbox.subscription_ids[0], date(2026, 3, 7))))
        sandbox.bill.restate("2026-03-07")
    assert [count - counts[0] for count in counts] == [0, 2, -1, -4]


def test_usage_comes_in_pages_whose_links_are_to_be_followed_as_they_are() -> None:
    with Sandbox(today=date(2026, 3, 10), first_day=date(2025, 12, 1)) as sandbox:
        winter = {"reportedStartTime": "2025-12-01T00:00:00Z", "reportedEndTime": "2026-03-11T00:00:00+00:00"}
        first = usage(sandbox, winter)
        link = first.json()["nextLink"]
        path = urlsplit(link).path
        found = list(pages(sandbox, path, {"api-version": "2015-06-01-preview", **winter}))
        days = days_between(date(2025, 12, 1), date(2026, 3, 10))
        assert [len(page) for page in found[:-1]] == [1000] * (len(found) - 1)
        assert [row for page in found for row in page] == [
            row for day in days for row in rows(sandbox.bill, sandbox.subscription_ids[0], day)
        ]
        assert link.startswith(f"{sandbox.url}/subscriptions/")
        assert all(code in link.partition("continuationToken=")[2] for code in ("%2B", "%2F", "%3D"))
        assert get(sandbox, link.replace("%2", "%252")).status_code == 400, "encoded once more"
        assert get(sandbox, link.replace("%2B", "+")).status_code == 400, "decoded"


def test_hours_are_asked_for_and_a_day_is_the_sum_of_its_hours(sandbox: Sandbox) -> None:
    hours = {
        "aggregationGranularity": "Hourly",
        "reportedStartTime": "2026-03-01T22:00:00Z",
        "reportedEndTime": "2026-03-02T01:00:00Z",
    }
    found = value(usage(sandbox, hours, subscription=2))
    starts = {row["properties"]["usageStartTime"] for row in found if row["properties"]["meterCategory"] != "Storage"}
    assert starts == {
        "2026-02-28T22:00:00+00:00",
        "2026-02-28T23:00:00+00:00",
        "2026-03-01T00:00:00+00:00",
    }
    assert {row["name"] for row in found} == {"Hourly_BRSDT_20260301_0000", "Hourly_BRSDT_20260302_0000"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("reportedStartTime=2026-03-01T00:00:00+00:00&reportedEndTime=2026-03-02T00:00:00Z", "is not a time"),
        ("reportedEndTime=2026-03-02T00:00:00Z", "reportedStartTime '' is not a time"),
        ("reportedStartTime=2026-03-02T00:00:00Z&reportedEndTime=2026-03-02T00:00:00Z", "must be later"),
        ("reportedStartTime=2026-03-01T01:00:00Z&reportedEndTime=2026-03-02T00:00:00Z", "must be midnight"),
        (
            "reportedStartTime=2026-03-01T01:30:00Z&reportedEndTime=2026-03-02T00:00:00Z&aggregationGranularity=Hourly",
            "a full hour",
        ),
        ("reportedStartTime=2026-03-01T00:00:00Z&reportedEndTime=2026-03-12T00:00:00Z", "in the future"),
        (f"{urlencode(DAILY)}&aggregationGranularity=Weekly", "must be Daily or Hourly"),
    ],
)
def test_odd_times_are_refused(sandbox: Sandbox, query: str, message: str) -> None:
    path = f"/subscriptions/{sandbox.subscription_ids[0]}/providers/Microsoft.Commerce/UsageAggregates"
    refusal = get(sandbox, f"{path}?api-version=2015-06-01-preview&{query}")
    assert (refusal.status_code, refusal.json()["error"]["code"]) == (400, "InvalidInput")
    assert message in refusal.json()["error"]["message"]


def test_the_rate_card_is_at_another_origin_and_for_nobody_who_sends_a_token(sandbox: Sandbox) -> None:
    answer = rate_card(sandbox)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (302, b"", "0")
    link = urlsplit(answer.headers["Location"])
    assert link.netloc == urlsplit(sandbox.url.replace("127.0.0.1", "localhost")).netloc
    assert link.path.startswith("/blobs/ratecards/V1/")
    assert link.path.endswith("/MS-AZR-0003P/USD/en/False/V20150515/2026-03-01.json")
    assert get(sandbox, link.geturl()).status_code == 403
    assert requests.get(link._replace(query="").geturl(), timeout=10).status_code == 403
    body = decode(requests.get(link.geturl(), timeout=10).content)
    assert body == card(sandbox.bill, "MS-AZR-0003P")
    assert {name: body[name] for name in ("Currency", "Locale", "IsTaxIncluded")} == {
        "Currency": "USD",
        "Locale": "en",
        "IsTaxIncluded": False,
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        FILTER.replace(" eq ", " = "),
        FILTER.replace("USD", "JPY"),
        FILTER.replace("en-US", "fr-FR"),
        FILTER.replace("'US'", "'FR'"),
        FILTER.replace("0003P", "3P"),
        FILTER.replace("0003P", "0017P"),
        FILTER.replace("0003P", "0145P"),
        f"{FILTER} and Currency eq 'USD'",
        FILTER.partition(" and ")[2],
    ],
)
def test_a_rate_card_that_does_not_exist_is_refused_without_the_usual_envelope(sandbox: Sandbox, text: str) -> None:
    answer = rate_card(sandbox, text)
    assert answer.status_code == 400
    assert answer.json() == {
        "Message": "Invalid query specified. "
        "Please specify valid values for OfferDurableId, Currency, Locale and RegionInfo."
    }


def meters(bill: Bill, offer: str = "MS-AZR-0003P", currency: str = "USD") -> dict[str, dict[str, Any]]:
    return {meter["MeterId"]: meter for meter in card(bill, offer, currency)["Meters"]}


def test_every_used_meter_has_one_price_in_the_price_sheet_and_in_the_rate_card(sandbox: Sandbox) -> None:
    bill = sandbox.bill
    rates, prices = meters(bill), {price["meterId"]: price for price in bill.prices("202602")}
    used = {row["meterId"]: row for row in bill.usage("202602")}
    assert len(prices) == len(bill.prices("202602"))
    assert used.keys() == prices.keys()
    for meter, row in used.items():
        assert rates[meter]["MeterRegion"] == row["meterRegion"]
        assert prices[meter]["id"] == (
            f"enrollments/8675309/billingperiods/202602/products/{row['productId']}/pricesheets"
        )


def test_list_prices_have_tiers_and_depend_on_region_offer_and_currency(sandbox: Sandbox) -> None:
    bill = sandbox.bill
    used = {row["instanceId"].rpartition("/")[2]: row for row in bill.usage("202602")}

    def rates(resource: str, offer: str = "MS-AZR-0003P", currency: str = "USD") -> dict[str, Decimal]:
        found: dict[str, Decimal] = meters(bill, offer, currency)[used[resource]["meterId"]]["MeterRates"]
        return found

    assert rates("shop-web-01") == {"0": Decimal("0.2191428571")}
    assert rates("shop-web-us-01") == {"0": Decimal("0.1928457143")}
    assert rates("shop-web-01", "MS-AZR-0148P") == {"0": Decimal("0.1205285714")}
    assert rates("shop-web-01", currency="EUR") == {"0": Decimal("0.2016114286")}
    assert list(rates("shop-media-01")) == ["0", "51200", "512000"]
    assert list(rates("shop-cdn-01")) == ["0", "100", "10240", "51200"]
    assert rates("shop-cdn-01")["0"] == 0


@pytest.mark.parametrize(
    ("offer", "names"),
    [
        ("MS-AZR-0003P", ["Recurring Charge"]),
        ("MS-AZR-0023P", ["Monetary Credit"]),
        ("MS-AZR-0026P", ["Monetary Commitment"]),
        ("MS-AZR-0044P", ["Monetary Credit"]),
        ("MS-AZR-0148P", []),
    ],
)
def test_offers_have_their_terms(sandbox: Sandbox, offer: str, names: list[str]) -> None:
    assert [term["Name"] for term in card(sandbox.bill, offer)["OfferTerms"]] == names


def test_a_restated_rate_card_has_another_price_and_another_date(sandbox: Sandbox) -> None:
    before = meters(sandbox.bill)
    sandbox.bill.restate("rate card")
    after = meters(sandbox.bill)
    changed = {after[meter]["MeterCategory"] for meter in after if after[meter] != before[meter]}
    assert changed == {"Log Analytics"}
    assert "/2026-03-02.json" in rate_card(sandbox).headers["Location"]


def test_size_lengthens_the_rate_card() -> None:
    day = date(2026, 3, 10)
    assert [len(meters(Bill("1", day, day, size))) for size in (1, 20)] == [145, 2900]
