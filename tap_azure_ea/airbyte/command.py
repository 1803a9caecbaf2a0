"""The commands that Airbyte gives a source: spec, check, discover and read."""

from __future__ import annotations

import atexit
import json
import logging
import os
import signal
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.metrics import METRICS_LOGGER_NAME

from tap_azure_ea.airbyte.catalog import (
    FULL_REFRESH,
    airbyte_stream,
    configured_streams,
    singer_catalog,
    unknown_fields,
)
from tap_azure_ea.airbyte.output import LogHandler
from tap_azure_ea.airbyte.spec import flat, secrets, specification
from tap_azure_ea.airbyte.state import stream_states
from tap_azure_ea.airbyte.writer import AirbyteWriter
from tap_azure_ea.api.errors import AzureError, UnfinishedError
from tap_azure_ea.records import collect_rarely
from tap_azure_ea.stream import SnapshotStream
from tap_azure_ea.tap import SIGNALLED, TapAzureEA
from tap_azure_ea.writer import ReaderGoneError, end_without_output

# One question each, which only who is let in gets answered.
CHECKED = ("billing_periods", "billing_accounts")


def main() -> None:
    """Run the command line; whatever goes wrong is told as a TRACE message, and ends with another code than 0."""
    collect_rarely()
    arguments = _parser().parse_args()
    output = AirbyteWriter()
    _log_to(output, logging.DEBUG if arguments.debug else _log_level())
    signals: list[int] = []
    # The first that is registered is the last that runs.
    atexit.register(_end_by, signals)
    try:
        _run(output, arguments, signals)
    except ReaderGoneError as error:
        sys.stderr.write(f"{error}\n")
        end_without_output()


def spec(output: AirbyteWriter, _arguments: Namespace) -> None:
    """Say what can be set."""
    output.say("SPEC", spec=specification())


def check(output: AirbyteWriter, arguments: Namespace) -> None:
    """Say whether the settings are right, and whether they let in."""
    try:
        tap = TapAzureEA(config=_settings(output, arguments), message_writer=output)
        asked = [stream for stream in _streams(tap) if stream.name in CHECKED]
        for stream in asked:
            stream.api.hurry()
        tap.run_sync_dry_run(streams=asked)
        status = {"status": "SUCCEEDED"}
    except (AzureError, ConfigValidationError) as error:
        status = {"status": "FAILED", "message": output.redacted(str(error))}
    output.say("CONNECTION_STATUS", connectionStatus=status)


def discover(output: AirbyteWriter, arguments: Namespace) -> None:
    """Say what can be read."""
    tap = TapAzureEA(config=_settings(output, arguments), message_writer=output)
    output.say("CATALOG", catalog={"streams": [airbyte_stream(stream) for stream in _streams(tap)]})


def read(output: AirbyteWriter, arguments: Namespace) -> None:
    """Read what was chosen: of an incremental stream what has changed, of a full refresh everything."""
    config = _settings(output, arguments)
    known = TapAzureEA(config=config, message_writer=output)
    configured, unread = _chosen(output, arguments, known)
    anew = {name for name, chosen in configured.items() if chosen["sync_mode"] == FULL_REFRESH}
    states = stream_states(_file(arguments.state) if arguments.state else [], configured.keys() - anew)
    tap = TapAzureEA(
        config=config,
        catalog=singer_catalog(known.catalog_dict, configured),
        state={"bookmarks": {name: state.bookmark for name, state in states.items()}},
        message_writer=output,
    )
    output.expect([stream for stream in _streams(tap) if stream.name in configured], anew, states)
    try:
        tap.sync_all()
    except UnfinishedError as error:
        unread.append(error)
    except BaseException:
        output.abandon()
        raise
    unread += output.finish()
    if unread:
        raise UnfinishedError(" ".join(map(str, unread)), unread)


def _chosen(
    output: AirbyteWriter, arguments: Namespace, known: TapAzureEA
) -> tuple[dict[str, dict[str, Any]], list[Exception]]:
    """Return the streams that were chosen and can be read, and why others cannot."""
    streams = {stream.name: stream for stream in _streams(known)}
    configured, unread = configured_streams(_file(arguments.catalog)), list[Exception]()
    for name in [name for name in configured if name not in streams]:
        del configured[name]
        output.leave_out(name)
        problem = f"there is no stream {name} with these settings: the streams are {', '.join(streams)}"
        unread.append(ConfigValidationError(f"{problem}. Refresh the source schema."))
    for name, chosen in configured.items():
        if streams[name].written_by_others and chosen["sync_mode"] == FULL_REFRESH:
            known.logger.warning("Stream %s is a log: a full refresh of it holds nothing of earlier runs", name)
        if strangers := unknown_fields(chosen, streams[name]):
            known.logger.warning("Stream %s has no field %s: refresh the source schema", name, ", ".join(strangers))
    return configured, unread


COMMANDS = {"spec": spec, "check": check, "discover": discover, "read": read}
FILES = {"spec": (), "check": ("config",), "discover": ("config",), "read": ("config", "catalog", "state")}


def _run(output: AirbyteWriter, arguments: Namespace, signals: list[int]) -> None:
    """Run a command, and tell how it failed; ``signals`` gets the one that stopped it."""
    try:
        COMMANDS[arguments.command](output, arguments)
    except ReaderGoneError:
        raise
    except SystemExit as stopped:
        signals.append(int(stopped.code or SIGNALLED) - SIGNALLED)
        output.fail(stopped, "The source was stopped by a signal: what is not finished will be read again.")
        raise
    except Exception as error:  # noqa: BLE001 - it is told in the words of the protocol
        output.fail(error)
        sys.exit(1)


def _end_by(signals: list[int]) -> None:
    """End by the signal itself, as who sent it expects of a process that can be stopped: PyAirbyte tells it so."""
    for number in signals:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="source-azure-ea", description=TapAzureEA.__doc__)
    parser.add_argument("--debug", action="store_true", help="log more")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in COMMANDS.items():
        command = commands.add_parser(name, help=run.__doc__)
        command.add_argument("--debug", action="store_true", default=SUPPRESS, help="log more")
        for option in FILES[name]:
            command.add_argument(f"--{option}", required=option != "state", type=Path, help=f"file with the {option}")
    return parser


def _log_level() -> int:
    """Return the level that the environment asks for; where that is none, the SDK is not to stumble over it."""
    level = logging.getLevelName(os.environ.get("LOGLEVEL", "").upper())
    if isinstance(level, int):
        return level
    os.environ.pop("LOGLEVEL", None)
    return logging.INFO


def _log_to(output: AirbyteWriter, level: int) -> None:
    """Send the log the way of all messages, but what the SDK measures for Singer's runners."""
    handler = LogHandler(output)
    handler.addFilter(lambda record: record.name != METRICS_LOGGER_NAME)
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(capture=True)


def _settings(output: AirbyteWriter, arguments: Namespace) -> dict[str, Any]:
    given = _file(arguments.config)
    output.secrets = secrets(given)
    return flat(given)


def _streams(tap: TapAzureEA) -> list[SnapshotStream[Any]]:
    return [stream for stream in tap.streams.values() if isinstance(stream, SnapshotStream)]


def _file(path: Path) -> Any:
    """Return what a file of JSON holds, nothing if it is empty."""
    try:
        return json.loads(path.read_text(encoding="utf-8") or "null")
    except (OSError, ValueError) as error:
        raise ConfigValidationError(f"{path.name} cannot be read as JSON: {error}") from None
