"""Signing in with Microsoft Entra: the real azure-identity, over real TLS where it is the sandbox that answers."""

from __future__ import annotations

import datetime as dt
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.sandbox import Fault, Sandbox
from tap_azure_ea.tap import TapAzureEA
from tests.conftest import Run, Target, billing_settings, sync

pytestmark = pytest.mark.usefixtures("today", "trusted")

ONLY: dict[str, list[str] | None] = {"resource_usage": None}
TOKENS = "/oauth2/v2.0/token"


@pytest.fixture
def trusted(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the sandbox's certificate, and leave nothing in the environment to sign in with."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", sandbox.certificate)
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST"):
        monkeypatch.delenv(name, raising=False)


def identity(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    config = billing_settings(sandbox, start_date="2026-03-08", login_url=sandbox.login_url)
    del config["access_token"]
    config |= {"tenant_id": sandbox.tenant_id, "client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    return {name: value for name, value in {**config, **more}.items() if value is not None}


def read(sandbox: Sandbox, **more: Any) -> Run:
    return sync(identity(sandbox, **more), select=ONLY)


def failure(sandbox: Sandbox, **more: Any) -> str:
    with pytest.raises(AzureError) as raised:
        read(sandbox, **more)
    return str(raised.value)


def sign_ins(sandbox: Sandbox) -> list[dict[str, list[str]]]:
    return [parse_qs(request.body.decode()) for request in sandbox.requests if request.path.endswith(TOKENS)]


def bearers(sandbox: Sandbox) -> list[str]:
    asked = [request for request in sandbox.requests if request.path.startswith("/subscriptions/")]
    return [request.headers["authorization"] for request in asked]


def test_one_sign_in_with_a_client_secret_serves_all_streams(sandbox: Sandbox) -> None:
    config = identity(sandbox, start_date="2026-01-01")
    run = sync(config)
    read_from = {message["stream"] for message in run.messages if message["type"] == "RECORD"}
    assert read_from == set(TapAzureEA(config=config).streams)
    (form,) = sign_ins(sandbox)
    assert form["grant_type"] == ["client_credentials"]
    assert form["client_id"] == [sandbox.client_id]
    assert form["scope"] == ["https://management.azure.com/.default"]
    assert set(bearers(sandbox)) == {"Bearer sandbox-token-0001"}


@pytest.mark.parametrize(
    ("wrong", "words", "remedy"),
    [
        (
            {"client_secret": "a-secret-that-is-wrong"},
            "AADSTS7000215: Invalid client secret provided.",
            "set the secret's value, not its id",
        ),
        (
            {"client_id": "00000000-0000-0000-0000-000000000001"},
            "AADSTS700016: Application with identifier '00000000-0000-0000-0000-000000000001' was not found",
            "client_id is not an application of the tenant",
        ),
        (
            {"tenant_id": "00000000-0000-0000-0000-000000000002"},
            "Unable to get authority configuration",
            "Check tenant_id, client_id",
        ),
        ({"tenant_id": "not/a tenant"}, "Invalid tenant", "Check tenant_id"),
    ],
)
def test_a_refused_sign_in_shows_entras_words_and_the_remedy_and_never_the_secret(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, wrong: dict[str, str], words: str, remedy: str
) -> None:
    caplog.set_level(logging.DEBUG)
    said = failure(sandbox, **wrong)
    assert said.startswith("Signing in with Microsoft Entra failed: ")
    assert words in said
    assert remedy in said
    assert bearers(sandbox) == []
    assert "secret-that-is-wrong" not in said + caplog.text
    assert sandbox.client_secret not in said + caplog.text


def test_neither_secret_nor_token_is_in_any_log_or_message(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    run = read(sandbox)
    assert "sandbox-token" not in caplog.text + str(run.messages)
    assert sandbox.client_secret not in caplog.text + str(run.messages)


def test_a_token_that_expires_in_the_middle_is_renewed_once_and_nothing_is_lost(sandbox: Sandbox) -> None:
    whole = Target()
    whole.load(read(sandbox).messages)
    sandbox.requests.clear()
    expired = '{"error": {"code": "ExpiredAuthenticationToken", "message": "The access token expired."}}'
    sandbox.faults.append(Fault("UsageAggregates", skip=5, status=401, body=expired))
    target = Target()
    target.load(read(sandbox).messages)
    assert target.tables == whole.tables
    assert len(sign_ins(sandbox)) == 2
    assert bearers(sandbox) == ["Bearer sandbox-token-0002"] * 6 + ["Bearer sandbox-token-0003"] * 7


def test_a_fresh_token_that_is_refused_too_ends_the_run(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault("UsageAggregates", times=99, status=401))
    said = failure(sandbox, subscription_ids=sandbox.subscription_ids[:1])
    assert "answered 401" in said
    assert len(sign_ins(sandbox)) == 2


def test_an_access_token_needs_no_sign_in_and_tells_when_it_has_expired(sandbox: Sandbox) -> None:
    config = identity(sandbox, access_token=sandbox.access_token)
    assert sync(config, select=ONLY).records("resource_usage")
    assert sign_ins(sandbox) == []
    sandbox.expire_tokens()
    with pytest.raises(AzureError) as raised:
        sync(config, select=ONLY)
    assert "ExpiredAuthenticationToken" in str(raised.value)
    assert "it has expired: set a new one" in str(raised.value)
    assert sandbox.access_token not in str(raised.value)


def test_a_missing_role_is_not_taken_for_an_old_token(sandbox: Sandbox) -> None:
    with pytest.raises(AzureError) as raised:
        sync(identity(sandbox, enrollment_number="100", start_date="2026-01-01"), select={"invoices": None})
    said = str(raised.value)
    assert '"No claims present for the caller in the system (code 401)"' in said
    assert "an EA role such as EnrollmentReader" in said
    assert len(sign_ins(sandbox)) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_throttled_token_endpoint_is_asked_again(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    sandbox.faults.append(Fault(TOKENS, status=status, headers={"Retry-After": "0"}))
    assert read(sandbox).records("resource_usage")
    assert f"Signing in with Microsoft Entra was answered {status}: trying again" in caplog.text


def test_an_authority_that_nobody_trusts_is_an_error(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert "CERTIFICATE_VERIFY_FAILED" in failure(sandbox)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """An application's certificate with its key, in a file with a password."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tap-azure-ea")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=36500))
    path = tmp_path / "application.pem"
    encryption = serialization.BestAvailableEncryption(b"a-password")
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    path.write_bytes(private + built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


def test_a_client_certificate_signs_in_instead_of_a_secret(sandbox: Sandbox, certificate: Path) -> None:
    more = {"client_certificate_path": str(certificate), "client_certificate_password": "a-password"}
    assert read(sandbox, client_secret=None, **more).records("resource_usage")
    (form,) = sign_ins(sandbox)
    assert "client_secret" not in form
    assert form["client_assertion"][0].count(".") == 2


def test_a_certificate_that_is_not_there_or_not_opened_is_told(sandbox: Sandbox, certificate: Path) -> None:
    said = failure(sandbox, client_secret=None, client_certificate_path="nowhere.pem")
    assert "nowhere.pem" in said
    wrong = {"client_certificate_path": str(certificate), "client_certificate_password": "a-wrong-password"}
    said = failure(sandbox, client_secret=None, **wrong)
    assert said.startswith("Signing in with Microsoft Entra failed")
    assert "a-wrong-password" not in said


def test_workload_identity_signs_in_with_its_federated_token(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("federated.jwt.token")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    assert read(sandbox, client_secret=None, credential="workload_identity").records("resource_usage")
    (form,) = sign_ins(sandbox)
    assert form["client_assertion"] == ["federated.jwt.token"]


def test_a_managed_identity_asks_its_host_for_the_token(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{sandbox.url}/identity")
    monkeypatch.setenv("IDENTITY_HEADER", "a-header")
    expires = int(dt.datetime.now(dt.timezone.utc).timestamp()) + 3600
    answer = {"access_token": sandbox.access_token, "expires_on": str(expires), "resource": "r", "token_type": "Bearer"}
    sandbox.faults.append(Fault("/identity", status=200, body=json.dumps(answer)))
    config = identity(sandbox, credential="managed_identity", tenant_id=None, client_secret=None)
    assert sync(config, select=ONLY).records("resource_usage")
    asked = next(request for request in sandbox.requests if request.path == "/identity")
    assert asked.query["resource"] == "https://management.azure.com"
    assert asked.query["client_id"] == sandbox.client_id
    assert asked.headers["x-identity-header"] == "a-header"


@pytest.fixture
def azure_cli(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command ``az`` that hands out a token and notes how it was called."""
    answer = {"accessToken": sandbox.access_token, "expires_on": 4102444800, "tokenType": "Bearer"}
    called = tmp_path / "called"
    script = tmp_path / "az"
    script.write_text(f"#!/bin/sh\necho \"$@\" >> {called}\necho '{json.dumps(answer)}'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return called


def test_azure_cli_is_asked_for_the_token(sandbox: Sandbox, azure_cli: Path) -> None:
    assert read(sandbox, client_id=None, client_secret=None, credential="azure_cli").records("resource_usage")
    (called,) = azure_cli.read_text().splitlines()
    assert "account get-access-token" in called
    assert "https://management.azure.com" in called
    assert sandbox.tenant_id in called


def test_with_a_tenant_alone_the_default_chain_finds_who_signs_in(
    sandbox: Sandbox, azure_cli: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    assert read(sandbox, client_id=None, client_secret=None).records("resource_usage")
    assert sandbox.tenant_id in azure_cli.read_text()


def test_a_default_chain_that_finds_nobody_says_whom_it_asked(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "azureclicredential")
    monkeypatch.setenv("PATH", str(tmp_path))
    said = failure(sandbox, client_id=None, client_secret=None)
    assert "Azure CLI not found on path" in said


@pytest.mark.parametrize(
    ("cloud", "login", "management", "scope"),
    [
        ("public", "login.microsoftonline.com", "management.azure.com", "https://management.azure.com/.default"),
        (
            "us_government",
            "login.microsoftonline.us",
            "management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net/.default",
        ),
        (
            "china",
            "login.chinacloudapi.cn",
            "management.chinacloudapi.cn",
            "https://management.chinacloudapi.cn/.default",
        ),
    ],
)
def test_the_cloud_decides_authority_host_and_scope(
    sandbox: Sandbox, requests_mock: Any, cloud: str, login: str, management: str, scope: str
) -> None:
    authority = f"https://{login}/{sandbox.tenant_id}"
    endpoints = {"issuer": f"{authority}/v2.0", "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize"}
    endpoints["token_endpoint"] = f"{authority}{TOKENS}"
    requests_mock.get(f"{authority}/v2.0/.well-known/openid-configuration", json=endpoints)
    requests_mock.post(endpoints["token_endpoint"], json={"access_token": "a-token", "expires_in": 3599})
    requests_mock.get(
        f"https://{management}/subscriptions/s/providers/Microsoft.Commerce/UsageAggregates", json={"value": []}
    )
    config = {"cloud": cloud, "login_url": None, "management_url": None, "subscription_ids": ["s"]}
    read(sandbox, **config)
    asked = requests_mock.request_history
    assert {request.hostname for request in asked} == {login, management}
    assert [parse_qs(request.text)["scope"] for request in asked if request.method == "POST"] == [[scope]]
    assert {r.headers["Authorization"] for r in asked if r.hostname == management} == {"Bearer a-token"}
