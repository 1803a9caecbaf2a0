"""The settings: their names, defaults and descriptions, and what is wrong with those that JSON Schema cannot judge."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from singer_sdk import typing as th

from tap_azure_ea.api import ea_reporting, resource_manager
from tap_azure_ea.api.entra import METHODS, Identity
from tap_azure_ea.fields import day

NEEDED = {
    "client_secret": ("tenant_id", "client_id", "client_secret"),
    "client_certificate": ("tenant_id", "client_id", "client_certificate_path"),
}


def _text(name: str, title: str, description: str, **more: Any) -> th.Property[Any]:
    return th.Property(name, th.StringType, title=title, description=description, **more)


def _choice(name: str, title: str, description: str, values: Collection[str], default: str | None) -> th.Property[Any]:
    return _text(name, title, description, default=default, allowed_values=[*values])


CONFIG_JSONSCHEMA: dict[str, Any] = th.PropertiesList(
    _text("enrollment_number", "Enrollment number", "Number of the EA enrollment.", examples=["57354989"]),
    _text(
        "api_key",
        "API key",
        "Key of the EA Reporting API; its owner decides what it may read. Keys last six months.",
        secret=True,
    ),
    _text("tenant_id", "Tenant id", "Microsoft Entra tenant to sign in to, for all but the EA Reporting API."),
    _text("client_id", "Client id", "Application (client) id to sign in as, or the id of a managed identity."),
    _text("client_secret", "Client secret", "Secret of the application.", secret=True),
    _text(
        "client_certificate_path",
        "Client certificate",
        "File with certificate and private key of the application, PEM or PKCS12, instead of a secret.",
    ),
    _text(
        "client_certificate_password",
        "Client certificate password",
        "Password of the client certificate, if it has one.",
        secret=True,
    ),
    _choice(
        "credential",
        "Credential",
        "How to sign in; if not set, with the secret or the certificate that is set, else with the default chain of "
        "azure-identity.",
        METHODS,
        None,
    ),
    _text("access_token", "Access token", "Ready bearer token for Azure Resource Manager, instead.", secret=True),
    th.Property(
        "subscription_ids",
        th.ArrayType(th.StringType),
        title="Subscription ids",
        description="Subscriptions whose resource usage is read; the first that may asks for the rate card.",
    ),
    _text(
        "scope",
        "Scope",
        "What to read cost details of instead of the whole enrollment: a department, an enrollment account, a "
        "subscription or a billing profile, as Azure Resource Manager names it.",
        examples=["/subscriptions/00000000-0000-0000-0000-000000000000"],
    ),
    _text(
        "start_date",
        "Start date",
        "First day to read, such as 2026-01-31; all there is if not set. A billing period that it cuts is read from "
        "that day.",
    ),
    _text("end_date", "End date", "Last day to read, included; today if not set."),
    _choice(
        "usage_format",
        "Usage format",
        "How usage details are read: json in pages, or csv in one report a period, for large enrollments.",
        ["json", "csv"],
        "json",
    ),
    _choice(
        "usage_granularity", "Usage granularity", "Whether resource usage is by day or by hour.", ["daily", "hourly"],
        "daily",
    ),
    _text("rate_card_offer", "Rate card offer", "Offer whose rate card is read.", default="MS-AZR-0003P"),
    _text("rate_card_currency", "Rate card currency", "Currency of the rate card, ISO 4217.", default="USD"),
    _text("rate_card_locale", "Rate card locale", "Language of the rate card's names.", default="en-US"),
    _text("rate_card_region", "Rate card region", "Country where the offer was purchased.", default="US"),
    th.Property(
        "restate_periods",
        th.IntegerType(minimum=1),
        default=2,
        title="Restate periods",
        description="How many of the newest months Cost Management is asked for again in every run.",
    ),
    th.Property(
        "charge_id",
        th.BooleanType,
        default=False,
        title="Charge id",
        description="Give usage, cost and marketplace rows a charge_id, which stays with a charge when rows move.",
    ),
    th.Property(
        "fail_on_difference",
        th.BooleanType,
        default=False,
        title="Fail on difference",
        description="End with an error when period_reconciliation finds that a closed billing period differs.",
    ),
    _text(
        "invoice_directory", "Invoice directory", "Folder for the PDFs of invoices; they are not downloaded if not set."
    ),
    _choice("cloud", "Cloud", "Azure cloud, which decides the hosts.", resource_manager.CLOUDS, "public"),
    _text(
        "ea_reporting_url",
        "EA Reporting URL",
        "Address of the EA Reporting API, instead of the cloud's own.",
        examples=["http://127.0.0.1:8080"],
    ),
    _text("management_url", "Management URL", "Address of Azure Resource Manager, instead of the cloud's own."),
    _text("login_url", "Login URL", "Address of Microsoft Entra, instead of the cloud's own; it must be https."),
    th.Property(
        "sandbox",
        th.BooleanType,
        default=False,
        title="Sandbox",
        description="Read an invented enrollment from a local server that the tap starts: no Azure account needed.",
    ),
).to_dict()  # fmt: skip


SECRETS = frozenset(name for name, schema in CONFIG_JSONSCHEMA["properties"].items() if schema.get("secret"))


class Settings:
    """The settings of one run, trimmed."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def text(self, name: str) -> str:
        """Return a setting without surrounding blanks, empty if it is not set."""
        return str(self._config.get(name) or "").strip()

    @property
    def sandbox(self) -> bool:
        """Whether to read the sandbox."""
        return bool(self._config["sandbox"])

    @property
    def subscription_ids(self) -> tuple[str, ...]:
        """The subscriptions, each once, in the order given."""
        given = (str(value).strip() for value in self._config.get("subscription_ids") or ())
        return tuple(dict.fromkeys(value.lower() for value in given if value))

    @property
    def signs_in(self) -> bool:
        """Whether anything opens Azure Resource Manager."""
        return any(map(self.text, ("access_token", "tenant_id", "credential")))

    @property
    def method(self) -> str:
        """How to sign in."""
        given = (name for name, needed in NEEDED.items() if self.text(needed[-1]))
        return self.text("credential") or next(given, "default")

    @property
    def identity(self) -> Identity:
        """Who signs in, and where."""
        cloud = resource_manager.CLOUDS[self.text("cloud")]
        names = (
            "tenant_id", "client_id", "client_secret", "client_certificate_path", "client_certificate_password",
        )  # fmt: skip
        return Identity(
            self.method,
            self.text("login_url") or cloud.login_url,
            cloud.scope,
            **{name: self.text(name) for name in names},
            private=bool(self.text("login_url")),
        )

    @property
    def ea_reporting_url(self) -> str:
        """Where the EA Reporting API is."""
        return self.text("ea_reporting_url") or ea_reporting.HOSTS[self.text("cloud")]

    @property
    def management_url(self) -> str:
        """Where Azure Resource Manager is."""
        return self.text("management_url") or resource_manager.CLOUDS[self.text("cloud")].management_url

    def problems(self) -> Iterator[str]:
        """Tell what JSON Schema cannot see, in words that say what to do."""
        if not self.sandbox:
            yield from self._missing()
        for name in ("api_key", "access_token"):
            if not re.fullmatch("[!-~]*", self.text(name)):
                yield f"{name} holds characters that no key or token has, such as blanks: copy it again"
        yield from self._misaddressed()
        start, end = (_day(self.text(name)) for name in ("start_date", "end_date"))
        for name, value in {"start_date": start, "end_date": end}.items():
            if self.text(name) and not value:
                yield f"{name} is {self.text(name)!r}, which is not a day such as 2026-01-31"
        if start and end and end < start:
            yield f"end_date {end} is before start_date {start}"

    def _misaddressed(self) -> Iterator[str]:
        for name in ("ea_reporting_url", "management_url", "login_url"):
            url, schemes = urlsplit(self.text(name)), {"https"} if name == "login_url" else {"http", "https"}
            if url.geturl() and (url.scheme not in schemes or not url.hostname):
                yield f"{name} is not a URL such as https://{name.split('_')[0]}.example"
            elif url.path.strip("/") and name != "login_url":
                yield f"{name} holds a path ({url.path}), which would be lost: set scheme, host and port alone"

    def _missing(self) -> Iterator[str]:
        opened = bool(self.text("api_key")) or self.signs_in
        if not opened:
            yield (
                "api_key is not set, and neither is tenant_id or access_token. Set api_key for the EA Reporting API; "
                "tenant_id, client_id and client_secret for all else; or set sandbox to true to try the "
                "tap without an Azure account"
            )
        asked = self.subscription_ids or self.text("scope")
        if not self.text("enrollment_number") and (self.text("api_key") or not asked):
            yield (
                "enrollment_number is not set. Set it, or set sandbox to true to try the tap without an Azure account"
                + ("; or set subscription_ids or scope" if self.signs_in and not self.text("api_key") else "")
            )
        if self.text("api_key") and not self.text("ea_reporting_url") and self.text("cloud") not in ea_reporting.HOSTS:
            yield f"api_key opens nothing in cloud {self.text('cloud')}, unless ea_reporting_url says where"
        if not self.text("access_token") and (self.signs_in or self.text("client_id") or self.text("client_secret")):
            for name in NEEDED.get(self.method, ()):
                if not self.text(name):
                    yield f"{name} is not set, which signing in by {self.method} needs"


def _day(value: str) -> str | None:
    try:
        return day(value)
    except ValueError:
        return None
