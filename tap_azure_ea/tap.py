"""The Singer door: what the settings open, signals, and the command line."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import weakref
from collections.abc import Mapping
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Stream, Tap
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TapCapabilities

from tap_azure_ea.api.ea_reporting import EAReportingAPI
from tap_azure_ea.api.entra import AccessToken, Identity, SignIn
from tap_azure_ea.api.errors import AzureError, UnfinishedError
from tap_azure_ea.api.resource_manager import CLOUDS, ResourceManagerAPI
from tap_azure_ea.api.urls import without_secrets
from tap_azure_ea.datasets import audit, billing, cost_management, datasets, ea_reporting
from tap_azure_ea.datasets.audit.period_reconciliation import PeriodReconciliation
from tap_azure_ea.datasets.audit.period_refreshes import PeriodRefreshes
from tap_azure_ea.datasets.cost_management.cost_details import as_path
from tap_azure_ea.records import collect_rarely
from tap_azure_ea.settings import CONFIG_JSONSCHEMA, SECRETS, Settings
from tap_azure_ea.stream import SnapshotStream
from tap_azure_ea.writer import BufferedWriter, ReaderGoneError, end_without_output

if TYPE_CHECKING:
    from tap_azure_ea.sandbox import Sandbox

SIGNALLED = 128


class _JSONFile(click.File):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        file = super().convert(value, param, ctx)
        try:
            text = file.read()
            content = json.loads(text)
        except ValueError as error:
            self.fail(f"{value} cannot be read as JSON: {error}", param, ctx)
        if not isinstance(content, dict):
            self.fail(f"{value} does not hold a JSON object", param, ctx)
        return io.StringIO(text)


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
    config_jsonschema: ClassVar[dict[str, Any]] = CONFIG_JSONSCHEMA

    _stopping = False

    def __init__(self, *, validate_config: bool = True, **options: Any) -> None:
        given = _given(options.get("config"))
        if given:
            options["config"] = {name: value for name, value in given.items() if value is not None}
        self.append_builtin_config(self.config_jsonschema)
        for name in given.keys() - self.config_jsonschema["properties"].keys():
            self.logger.warning("There is no setting %s: it is ignored", name)
        try:
            super().__init__(validate_config=validate_config, **options)
            problems = list(self.settings.problems()) if validate_config else []
        except ConfigValidationError as error:
            problems = [without_secrets(problem, _secrets(given)) for problem in error.errors]
        if problems:
            raise ConfigValidationError("; ".join(problems), errors=problems) from None

    @cached_property
    def settings(self) -> Settings:
        """The settings of this run."""
        return Settings(self.config)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the SDK's command line, which takes no catalog or state but a JSON object."""
        command = super().get_singer_command()
        for option in command.params:
            if isinstance(option.type, click.File):
                option.type = _JSONFile()
        return command

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Return the settings; refuse a file that holds none in a line."""
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError) as error:
            raise click.BadParameter(
                f"{' '.join(value)} cannot be read as a JSON object: {error}", ctx, param
            ) from None

    def discover_streams(self) -> list[Stream]:
        """Return every dataset that the settings open, or all if none; nothing is asked before the first request."""
        families = {
            ea_reporting: (bool(self.settings.text("api_key")), lambda: self.ea_reporting),
            billing: (self.settings.signs_in, lambda: self.resource_manager),
            cost_management: (self.settings.signs_in, lambda: self.resource_manager),
        }
        given = any(opened for opened, _ in families.values())
        families[audit] = (given, lambda: self.scopes)
        streams = [
            dataset(self, connect)
            for family, (opened, connect) in families.items()
            for dataset in datasets(family)
            if not given or self.settings.sandbox or (opened and any(map(self.config.get, dataset.needs_one_of)))
        ]
        for log in [stream for stream in streams if isinstance(stream, PeriodRefreshes)]:
            for stream in streams:
                stream.refreshed = log.append
        return streams

    def load_streams(self) -> list[Stream]:  # type: ignore[misc]  # the one place that orders them
        """Return the streams by name, those last that are about what the others have read."""
        return sorted(super().load_streams(), key=lambda stream: getattr(stream, "reads_last", False))

    def sync_all(self) -> None:  # type: ignore[misc]  # the one place that knows when all is read
        """Read all streams; raise ``UnfinishedError`` at the end if something was refused while the rest was read."""
        reconciliation = self.streams.get(PeriodReconciliation.name)
        if self.config["fail_on_difference"] and not (reconciliation and reconciliation.selected):
            self.logger.warning("fail_on_difference has no effect without %s", PeriodReconciliation.name)
        super().sync_all()
        streams = [stream for stream in self.streams.values() if isinstance(stream, SnapshotStream)]
        failures = [f"{_some(titles)}: {error}" for stream in streams for error, titles in stream.failures.items()]
        if failures:
            refusals = [error for stream in streams for error in stream.refusals]
            raise UnfinishedError("Not all was read. " + " ".join(failures), refusals)

    @cached_property
    def ea_reporting(self) -> EAReportingAPI:
        """The one connection that all datasets of the EA Reporting API share."""
        settings = self.settings
        if settings.sandbox:
            sandbox = self.sandbox
            return EAReportingAPI(sandbox.url, sandbox.enrollment_number, sandbox.api_key, self.logger)
        number, key = settings.text("enrollment_number"), settings.text("api_key")
        return EAReportingAPI(settings.ea_reporting_url, number, key, self.logger)

    @cached_property
    def resource_manager(self) -> ResourceManagerAPI:
        """The one connection, and the one sign-in, that all datasets of Azure Resource Manager share."""
        settings = self.settings
        if settings.sandbox:
            sandbox = self.sandbox
            ids = settings.subscription_ids or tuple(sandbox.subscription_ids)
            sign_in = SignIn(_identity(sandbox), self.logger)
            return ResourceManagerAPI(sandbox.url, sign_in, self.logger, sandbox.enrollment_number, ids)
        token, number = settings.text("access_token"), settings.text("enrollment_number")
        credentials = AccessToken(token) if token else SignIn(settings.identity, self.logger)
        return ResourceManagerAPI(settings.management_url, credentials, self.logger, number, settings.subscription_ids)

    @property
    def scopes(self) -> set[str]:
        """What this run reads the bill of: the enrollment, and the scope that is set."""
        settings = self.settings
        number = self.sandbox.enrollment_number if settings.sandbox else settings.text("enrollment_number")
        return {number, as_path(settings.text("scope"))}

    @cached_property
    def sandbox(self) -> Sandbox:
        """The sandbox, which serves for as long as the tap lives."""
        # Only who asks for the sandbox needs to load it.
        from tap_azure_ea.sandbox import Sandbox  # noqa: PLC0415

        number, key = self.settings.text("enrollment_number"), self.settings.text("api_key")
        sandbox = Sandbox(enrollment_number=number, api_key=key)
        weakref.finalize(self, sandbox.close)
        self.logger.info("Reading the sandbox: an invented enrollment, served at %s", sandbox.url)
        return sandbox

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
    collect_rarely()
    try:
        TapAzureEA.cli()
    except (AzureError, ConfigValidationError, ReaderGoneError) as error:
        logging.getLogger(TapAzureEA.name).critical("%s", error)
        if isinstance(error, ReaderGoneError):
            end_without_output()
        sys.exit(1)


def _identity(sandbox: Sandbox) -> Identity:
    return Identity(
        "client_secret",
        sandbox.login_url,
        CLOUDS["public"].scope,
        sandbox.tenant_id,
        sandbox.client_id,
        sandbox.client_secret,
        private=True,
        certificate_authority=sandbox.certificate,
    )


def _some(titles: list[str]) -> str:
    return f"{titles[0]}, and {len(titles) - 1} more" if len(titles) > 1 else titles[0]


def _given(config: object) -> Mapping[str, Any]:
    """Return the settings that are given as such, and not in files or by the environment."""
    return config if isinstance(config, Mapping) else {}


def _secrets(config: Mapping[str, Any]) -> list[str]:
    return [repr(value) for name, value in config.items() if name in SECRETS]
