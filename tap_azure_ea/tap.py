"""The Singer door: the settings, and which datasets they open."""

from __future__ import annotations

import logging
import os
import re
import sys
import weakref
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import FrameType
from typing import Any, ClassVar
from urllib.parse import urlsplit

from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TapCapabilities

from tap_azure_ea.api.ea_reporting import HOSTS, EAReportingAPI
from tap_azure_ea.api.http import AzureError
from tap_azure_ea.datasets import datasets, ea_reporting
from tap_azure_ea.fields import day
from tap_azure_ea.writer import BufferedWriter, ReaderGoneError

SIGNALLED = 128


class TapAzureEA(Tap):
    """Reads what Azure bills an enterprise: every charge once, to the last decimal, and only what has changed."""

    name = "tap-azure-ea"
    package_name = "tap-azure-ea"
    message_writer_class = BufferedWriter
    # Not ACTIVATE_VERSION: it tells a target to delete what a run did not emit, and unchanged periods are not emitted.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.BATCH,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "enrollment_number",
            th.StringType,
            title="Enrollment number",
            description="Number of the EA enrollment.",
            examples=["57354989"],
        ),
        th.Property(
            "api_key",
            th.StringType,
            secret=True,
            title="API key",
            description="Key of the EA Reporting API; its owner decides what it may read. Keys last six months.",
        ),
        th.Property(
            "start_date",
            th.StringType,
            title="Start date",
            description=(
                "First day to read, such as 2026-01-31; all there is if not set. A billing period that it cuts is read "
                "from that day."
            ),
        ),
        th.Property(
            "end_date",
            th.StringType,
            title="End date",
            description="Last day to read, included; today if not set.",
        ),
        th.Property(
            "usage_format",
            th.StringType,
            default="json",
            allowed_values=["json", "csv"],
            title="Usage format",
            description="How usage is read: json in pages, or csv in one report a period, for large enrollments.",
        ),
        th.Property(
            "cloud",
            th.StringType,
            default="public",
            allowed_values=list(HOSTS),
            title="Cloud",
            description="Azure cloud of the enrollment, which decides the host.",
        ),
        th.Property(
            "ea_reporting_url",
            th.StringType,
            title="EA Reporting URL",
            description="Address of the EA Reporting API, instead of the cloud's own.",
            examples=["http://127.0.0.1:8080"],
        ),
        th.Property(
            "sandbox",
            th.BooleanType,
            default=False,
            title="Sandbox",
            description="Read an invented enrollment from a local server that the tap starts: no Azure account needed.",
        ),
    ).to_dict()

    _stopping = False

    def __init__(self, *, validate_config: bool = True, **options: Any) -> None:
        try:
            super().__init__(validate_config=validate_config, **options)
            problems = list(self._problems()) if validate_config else []
        except ConfigValidationError as error:
            problems = [_without(_secrets(options.get("config")), problem) for problem in error.errors]
        if problems:
            raise ConfigValidationError("; ".join(problems), errors=problems) from None

    def discover_streams(self) -> list[Stream]:
        """Return every dataset that the settings reach; the credentials are not tried before the first request."""
        return [dataset(self, lambda: self.ea_reporting) for dataset in datasets(ea_reporting)]

    @cached_property
    def ea_reporting(self) -> EAReportingAPI:
        """The one connection that all datasets of the EA Reporting API share."""
        enrollment_number, api_key = self._setting("enrollment_number"), self._setting("api_key")
        if not self.config["sandbox"]:
            url = self._setting("ea_reporting_url") or HOSTS[self.config["cloud"]]
            return EAReportingAPI(url, enrollment_number, api_key, self.logger)
        # Only who asks for the sandbox needs to load it.
        from tap_azure_ea.sandbox import Sandbox  # noqa: PLC0415

        sandbox = Sandbox(enrollment_number=enrollment_number, api_key=api_key)
        weakref.finalize(self, sandbox.close)
        self.logger.info("Reading the sandbox: an invented enrollment, served at %s", sandbox.url)
        return EAReportingAPI(sandbox.url, sandbox.enrollment_number, sandbox.api_key, self.logger)

    def _setting(self, name: str) -> str:
        return str(self.config.get(name) or "").strip()

    def _problems(self) -> Iterator[str]:
        """Tell what JSON Schema cannot see, in words that say what to do."""
        if not self.config["sandbox"]:
            for name in ("enrollment_number", "api_key"):
                if not self._setting(name):
                    yield f"{name} is not set. Set it, or set sandbox to true to try the tap without an Azure account"
        if not re.fullmatch("[!-~]*", self._setting("api_key")):
            yield "api_key holds characters that no API key has, such as blanks: copy it again"
        url = urlsplit(self._setting("ea_reporting_url"))
        if url.geturl() and (url.scheme not in {"http", "https"} or not url.hostname):
            yield f"ea_reporting_url is not a URL such as {HOSTS['public']}"
        start, end = (_day(self._setting(name)) for name in ("start_date", "end_date"))
        for name, value in {"start_date": start, "end_date": end}.items():
            if self._setting(name) and not value:
                yield f"{name} is {self._setting(name)!r}, which is not a day such as 2026-01-31"
        if start and end and end < start:
            yield f"end_date {end} is before start_date {start}"
        for name in self.config.keys() - self.config_jsonschema["properties"].keys():
            self.logger.warning("There is no setting %s: it is ignored", name)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """End with a last honest STATE and a code that says it was not finished; the SDK alone would exit with 0."""
        del frame
        if self._stopping:
            # Asked again, while the reader of the output takes no more of it.
            os._exit(SIGNALLED + signum)
        self._stopping = True

        def end() -> None:
            self.logger.warning("Stopped by signal %d: what is not finished will be read again", signum)
            self.state_writer.write_state(self.state)
            sys.exit(SIGNALLED + signum)

        if isinstance(self.message_writer, BufferedWriter):
            self.message_writer.between_lines(end)
        else:
            end()


def main() -> None:
    """Run the command line; an error that explains itself is shown without a traceback."""
    try:
        TapAzureEA.cli()
    except (AzureError, ReaderGoneError) as error:
        logging.getLogger(TapAzureEA.name).critical("%s", error)
        if isinstance(error, ReaderGoneError):
            # What Python still holds for the closed pipe would raise again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _day(value: str) -> str | None:
    try:
        return day(value)
    except ValueError:
        return None


def _secrets(config: object) -> list[str]:
    if not isinstance(config, Mapping):
        return []
    secret = {name for name, schema in TapAzureEA.config_jsonschema["properties"].items() if schema.get("secret")}
    return [repr(value) for name, value in config.items() if name in secret]


def _without(secrets: list[str], problem: str) -> str:
    for secret in secrets:
        problem = problem.replace(secret, "***")
    return problem
