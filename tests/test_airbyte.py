"""The Airbyte door as a process: what it says in the words of the protocol, and how it ends."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_azure_ea.airbyte.catalog import configured_streams
from tap_azure_ea.airbyte.command import read
from tap_azure_ea.airbyte.spec import flat, specification
from tap_azure_ea.airbyte.state import stream_states
from tap_azure_ea.airbyte.writer import AirbyteWriter
from tap_azure_ea.datasets.ea_reporting.billing_periods import BillingPeriods
from tap_azure_ea.sandbox import Fault, Sandbox, resource_usage
from tap_azure_ea.settings import CONFIG_JSONSCHEMA
from tap_azure_ea.tap import TapAzureEA
from tests import airbyte
from tests.conftest import Message, Record, billing_settings, decode, settings, sync, timeless
from tests.test_process import AUDIT, DATASETS, RESOURCE_MANAGER

SOURCE = str(Path(sys.executable).with_name("source-azure-ea"))
CURSOR, DELETED = "_ab_cdc_cursor", "_ab_cdc_deleted_at"
OWN = list(CONFIG_JSONSCHEMA["properties"])[: list(CONFIG_JSONSCHEMA["properties"]).index("sandbox") + 1]
EVERYTHING = dict.fromkeys(DATASETS, "incremental")


@dataclass
class Said:
    """What a command said, and how it ended."""

    code: int
    output: bytes
    errors: bytes

    @property
    def messages(self) -> list[Message]:
        return [decode(line) for line in self.output.splitlines()]

    def of(self, kind: str) -> list[Message]:
        found = (message for message in self.messages if message["type"] == kind)
        return [next(value for name, value in message.items() if name != "type") for message in found]

    def records(self, stream: str) -> list[Record]:
        return [record["data"] for record in self.of("RECORD") if record["stream"] == stream]

    @property
    def states(self) -> dict[str, Message]:
        """The last STATE of each stream, as Airbyte hands it to the next run."""
        return {state["stream"]["stream_descriptor"]["name"]: state for state in self.of("STATE")}

    def statuses(self, stream: str) -> list[str]:
        found = (trace["stream_status"] for trace in self.of("TRACE") if trace["type"] == "STREAM_STATUS")
        return [status["status"] for status in found if status["stream_descriptor"]["name"] == stream]

    @property
    def error(self) -> Message:
        (found,) = (trace["error"] for trace in self.of("TRACE") if trace["type"] == "ERROR")
        return dict(found)


@dataclass
class Destination:
    """A model of any destination that deduplicates: of each key the last cursor holds, and what is deleted is gone."""

    tables: dict[str, dict[tuple[Any, ...], Record]] = field(default_factory=dict)
    states: dict[str, Message] = field(default_factory=dict)

    def load(self, said: Said, keys: dict[str, list[str]]) -> None:
        self.states |= said.states
        records = said.of("RECORD")
        # The rows of a sync are sorted when they are merged, not when they come.
        random.Random(7).shuffle(records)
        for record in records:
            table = self.tables.setdefault(record["stream"], {})
            key = tuple(record["data"][name] for name in keys[record["stream"]])
            if key not in table or table[key][CURSOR] < record["data"][CURSOR]:
                table[key] = record["data"]

    def rows(self, stream: str) -> list[Record]:
        return [row for row in self.tables[stream].values() if row.get(DELETED) is None]


@dataclass
class Connection:
    """The source as Airbyte runs it: files in a folder, and messages on standard output."""

    folder: Path
    config: dict[str, Any]

    def command(self, name: str, **files: Any) -> list[str]:
        arguments = [SOURCE, name]
        for option, content in files.items():
            path = self.folder / f"{option}.json"
            path.write_text(content if isinstance(content, str) else json.dumps(content, default=str))
            arguments += [f"--{option}", str(path)]
        return arguments

    def run(self, name: str, **files: Any) -> Said:
        ended = subprocess.run(self.command(name, **files), capture_output=True, check=False)
        return Said(ended.returncode, ended.stdout, ended.stderr)

    def catalog(self, modes: dict[str, str]) -> Message:
        streams = discovered()
        chosen = [{"stream": streams[name], "sync_mode": mode} for name, mode in modes.items()]
        return {"streams": [{**stream, "destination_sync_mode": "append_dedup"} for stream in chosen]}

    def read(self, modes: dict[str, str], states: Any = ()) -> Said:
        given = list(states.values()) if isinstance(states, dict) else states
        return self.run("read", config=self.config, catalog=self.catalog(modes), state=given or [])


@dataclass
class FirstRun:
    sandbox: Sandbox
    connection: Connection
    said: Said


@cache
def discovered() -> dict[str, Message]:
    """What the source says of its streams, which depends on no server."""
    with TemporaryDirectory() as folder:
        (catalog,) = Connection(Path(folder), {}).run("discover", config={"sandbox": True}).of("CATALOG")
    return {stream["name"]: stream for stream in catalog["streams"]}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve an enrollment of three periods: 202601 to 202603, the last one open."""
    with Sandbox(today=date(2026, 3, 10), first_day=date(2026, 1, 1)) as served:
        yield served


@pytest.fixture
def connection(sandbox: Sandbox, tmp_path: Path) -> Connection:
    return Connection(tmp_path, settings(sandbox))


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirstRun]:
    """Read everything once, for the tests that look at that alone, or begin where it ended."""
    with Sandbox(today=date(2026, 3, 10), first_day=date(2026, 1, 1)) as served:
        connection = Connection(tmp_path_factory.mktemp("connection"), settings(served))
        yield FirstRun(served, connection, connection.read(EVERYTHING))


def keys() -> dict[str, list[str]]:
    return {name: [key for (key,) in stream["source_defined_primary_key"]] for name, stream in discovered().items()}


def billed(sandbox: Sandbox) -> list[Any]:
    return sorted(row["cost"] for period in sandbox.bill.periods for row in sandbox.bill.usage(period))


def costs(rows: list[Record]) -> list[Any]:
    return sorted(row["cost"] for row in rows)


def uncounted(records: list[Record]) -> list[Record]:
    """Return them without Airbyte's cursor."""
    return [{name: value for name, value in record.items() if name != CURSOR} for record in records]


def renamed(records: list[Record]) -> list[Record]:
    """Return Singer's records with Airbyte's name for the mark of the deleted."""
    return [
        {DELETED if name == "_sdc_deleted_at" else name: value for name, value in record.items()} for record in records
    ]


def test_the_form_has_each_setting_once_and_marks_every_secret() -> None:
    form = specification()["connectionSpecification"]["properties"]
    options = form["sign_in"]["oneOf"]
    fields = [*form.items(), *(item for option in options for item in option["properties"].items())]
    names = Counter(name for name, _ in form.items())
    assert {name for name, _ in fields} - {"sign_in"} == set(OWN)
    assert set(names.values()) == {1}
    for name, schema in fields:
        if name in OWN:
            assert schema.get("airbyte_secret", False) == CONFIG_JSONSCHEMA["properties"][name].get("secret", False)
    assert sorted(schema["order"] for schema in form.values()) == list(range(len(form)))
    consts = [option["properties"]["credential"]["const"] for option in options]
    assert sorted({*consts} - {"none", "access_token"}) == sorted(CONFIG_JSONSCHEMA["properties"]["credential"]["enum"])


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, {}),
        ({"sign_in": {"credential": "none"}}, {}),
        (
            {"sign_in": {"credential": "client_secret", "tenant_id": "t", "client_id": "c", "client_secret": "s"}},
            {"credential": "client_secret", "tenant_id": "t", "client_id": "c", "client_secret": "s"},
        ),
        ({"sign_in": {"credential": "managed_identity"}}, {"credential": "managed_identity"}),
        ({"sign_in": {"credential": "access_token", "access_token": "a"}}, {"access_token": "a"}),
        ({"start_date": "2026-01-01", "__injected_by_airbyte": 1}, {"start_date": "2026-01-01"}),
    ],
)
def test_a_filled_in_form_is_the_taps_own_settings(form: dict[str, Any], expected: dict[str, Any]) -> None:
    assert flat({"api_key": "k", **form}) == {"api_key": "k", **expected}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"enrollment_number": None}, "enrollment_number is not set"),
        ({"restate_periods": "two"}, "'two' is not of type 'integer'"),
        ({"start_date": "soon"}, "start_date is 'soon', which is not a day"),
        ({"sign_in": "secret"}, "sign_in needs credential, which is one of none, client_secret"),
        ({"sign_in": {"credential": "client_secret"}}, "tenant_id is not set, which signing in by client_secret needs"),
        ({"restate_periods": 0}, "0 is less than the minimum of 1"),
    ],
)
def test_wrong_settings_are_told_as_such(connection: Connection, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigValidationError, match=words):
        TapAzureEA(config=flat({**connection.config, **change}))


def test_wrong_settings_fail_a_check_and_say_what_is_wrong(connection: Connection) -> None:
    checked = connection.run("check", config={**connection.config, "start_date": "soon", "sign_in": "secret"})
    (status,) = checked.of("CONNECTION_STATUS")
    assert (checked.code, status["status"]) == (0, "FAILED")
    assert "sign_in needs credential" in status["message"]


def test_a_setting_that_another_version_may_have_had_is_ignored_and_told(connection: Connection) -> None:
    sign_in = {"credential": "azure_cli", "client_id": "c"}
    checked = connection.run("check", config={**connection.config, "strat_date": "2026-01-01", "restate_periods": None})
    assert checked.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    warned = [log["message"] for log in checked.of("LOG") if log["level"] == "WARN"]
    assert warned == ["There is no setting strat_date: it is ignored"]
    assert flat({**connection.config, "tenant_id": "t", "sign_in": sign_in}) == {
        **connection.config,
        "credential": "azure_cli",
    }


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"api_key": "sandbox-api-key", "sandbox": "yes"}'])
def test_settings_that_are_none_are_a_config_error(connection: Connection, content: str) -> None:
    said = connection.run("discover", config=content)
    assert (said.code, said.error["failure_type"]) == (1, "config_error")
    assert b"sandbox-api-key" not in said.output + said.errors


def test_a_check_asks_azure_one_cheap_question_and_writes_no_record(connection: Connection, sandbox: Sandbox) -> None:
    checked = connection.run("check", config=connection.config)
    assert checked.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert {message["type"] for message in checked.messages} == {"CONNECTION_STATUS", "LOG"}
    assert [request.path for request in sandbox.requests] == ["/v2/enrollments/8675309/billingperiods"]


@pytest.mark.parametrize("wrong", ["api_key", "access_token"])
def test_a_check_with_a_wrong_key_fails_with_azures_reason_and_without_the_key(
    sandbox: Sandbox, tmp_path: Path, wrong: str
) -> None:
    token = "not-it-at-all" if wrong == "access_token" else sandbox.access_token
    config = {
        **settings(sandbox, management_url=sandbox.url, **({"api_key": "not-it-at-all"} if wrong == "api_key" else {})),
        "sign_in": {"credential": "access_token", "access_token": token},
    }
    checked = Connection(tmp_path, config).run("check", config=config)
    (status,) = checked.of("CONNECTION_STATUS")
    assert (checked.code, status["status"]) == (0, "FAILED")
    assert "answered 401" in status["message"]
    assert b"not-it-at-all" not in checked.output + checked.errors


@pytest.mark.parametrize(("secret", "status"), [(None, "SUCCEEDED"), ("not-it-at-all", "FAILED")])
def test_a_sign_in_chosen_in_the_form_signs_in(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str | None, status: str
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", sandbox.certificate)
    sign_in = {"credential": "client_secret", "tenant_id": sandbox.tenant_id, "client_id": sandbox.client_id}
    config = {
        "enrollment_number": sandbox.enrollment_number,
        "management_url": sandbox.url,
        "login_url": sandbox.login_url,
        "sign_in": {**sign_in, "client_secret": secret or sandbox.client_secret},
    }
    connection = Connection(tmp_path, config)
    (found,) = connection.run("check", config=config).of("CONNECTION_STATUS")
    assert found["status"] == status
    if secret:
        said = connection.read({"billing_accounts": "full_refresh"})
        assert (said.code, said.error["failure_type"]) == (1, "config_error")
        assert "AADSTS7000215" in said.error["message"]
        assert secret.encode() not in said.output + said.errors


def test_streams_have_their_keys_their_types_and_the_modes_that_they_really_have() -> None:
    streams = deepcopy(discovered())
    assert sorted(streams) == sorted(DATASETS + RESOURCE_MANAGER + AUDIT)
    full_only = {name for name, stream in streams.items() if stream["supported_sync_modes"] == ["full_refresh"]}
    assert full_only == {"billing_periods", "billing_accounts"}
    assert streams["period_refreshes"]["supported_sync_modes"] == ["incremental"]
    usage = streams["usage_details"]
    columns = usage.pop("json_schema")["properties"]
    assert usage == {
        "name": "usage_details",
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "default_cursor_field": [CURSOR],
        "source_defined_primary_key": [["enrollment_number"], ["billing_period_id"], ["row_number"]],
        "is_resumable": False,
    }
    types = {
        name: (column["type"], column.get("format"), column.get("airbyte_type")) for name, column in columns.items()
    }
    assert types["cost"] == (["number", "null"], None, None)
    assert types["date"] == (["string", "null"], "date", None)
    assert types[DELETED] == (["string", "null"], "date-time", "timestamp_with_timezone")
    assert types[CURSOR] == ("integer", None, None)
    assert "_sdc_deleted_at" not in types


def test_records_are_those_of_the_singer_door_with_every_digit(first_run: FirstRun) -> None:
    said, sandbox = first_run.said, first_run.sandbox
    assert said.code == 0, said.error
    assert {message["type"] for message in said.messages} == {"RECORD", "STATE", "LOG", "TRACE"}
    singer = sync(settings(sandbox))
    for stream in DATASETS:
        assert uncounted(said.records(stream)) == renamed(singer.records(stream))
    cursors = [record["data"][CURSOR] for record in said.of("RECORD")]
    assert cursors == list(range(cursors[0], cursors[0] + len(cursors)))
    assert str(sum(costs(said.records("usage_details")))) == str(sum(billed(sandbox)))


@pytest.mark.parametrize("more", [(), AUDIT], ids=["datasets", "with the log"])
@pytest.mark.parametrize("mode", ["incremental", "full_refresh"])
def test_each_stream_is_started_running_and_complete_and_its_states_count_its_records(
    connection: Connection, mode: str, more: tuple[str, ...]
) -> None:
    modes = {**dict.fromkeys(DATASETS, mode), **dict.fromkeys(more, "incremental")}
    said = connection.read(modes)
    counted = Counter[str]()
    for state in said.of("STATE"):
        counted[state["stream"]["stream_descriptor"]["name"]] += state["sourceStats"]["recordCount"]
    for stream in modes:
        assert said.statuses(stream) == ["STARTED", "RUNNING", "COMPLETE"]
        assert counted[stream] == len(said.records(stream)) > 0
    assert_nothing_follows_an_end(said)


def assert_nothing_follows_an_end(said: Said) -> None:
    ended = set[str]()
    for message in said.messages:
        if message["type"] == "RECORD":
            assert message["record"]["stream"] not in ended
        elif message["type"] == "TRACE" and message["trace"]["type"] == "STREAM_STATUS":
            status = message["trace"]["stream_status"]
            if status["status"] in {"COMPLETE", "INCOMPLETE"}:
                assert status["stream_descriptor"]["name"] not in ended
                ended.add(status["stream_descriptor"]["name"])


@pytest.mark.parametrize("mode", ["incremental", "full_refresh"])
def test_a_stream_that_breaks_off_is_never_complete_though_the_log_began_in_its_middle(
    connection: Connection, sandbox: Sandbox, mode: str
) -> None:
    sandbox.faults.append(Fault("202602/balancesummary", status=429, headers={"Retry-After": "9999"}))
    said = connection.read({"balance_summary": mode, "period_refreshes": "incremental"})
    assert (said.code, said.error["failure_type"]) == (1, "transient_error")
    assert said.statuses("balance_summary") == ["STARTED", "RUNNING", "INCOMPLETE"]
    assert len(said.records("balance_summary")) == len(said.records("period_refreshes")) == 1


def test_no_state_vouches_for_a_period_whose_refresh_is_not_vouched_for(connection: Connection) -> None:
    said = connection.read({**EVERYTHING, "period_refreshes": "incremental"})
    logged, vouched = set[tuple[str, str]](), set[tuple[str, str]]()
    for message in said.messages:
        match message:
            case {"type": "RECORD", "record": {"stream": "period_refreshes", "data": data}}:
                logged.add((data["dataset"], data["billing_period_id"]))
            case {"type": "STATE", "state": {"stream": {"stream_descriptor": {"name": "period_refreshes"}}}}:
                vouched |= logged
            case {"type": "STATE", "state": {"stream": {"stream_descriptor": {"name": name}, "stream_state": state}}}:
                parts = state["bookmark"].get("partitions", ())
                told = {(name, part["context"]["billing_period_id"]) for part in parts if "refresh" in part}
                assert told <= vouched
    assert vouched == logged
    assert len(logged) == len(said.records("period_refreshes")) > 0


def test_the_log_and_the_reconciliation_are_read_as_any_stream_and_the_log_ends_with_the_run(
    connection: Connection, sandbox: Sandbox
) -> None:
    said = connection.read({**EVERYTHING, "period_refreshes": "incremental", "period_reconciliation": "incremental"})
    assert said.code == 0, said.error
    singer = sync(settings(sandbox))
    for stream in ("period_refreshes", "period_reconciliation"):
        assert timeless(uncounted(said.records(stream))) == timeless(renamed(singer.records(stream)))
        assert said.statuses(stream) == ["STARTED", "RUNNING", "COMPLETE"]


def test_no_state_comes_before_the_rows_that_it_vouches_for(first_run: FirstRun) -> None:
    written = Counter[str]()
    for message in first_run.said.messages:
        if message["type"] == "RECORD" and message["record"]["stream"] == "usage_details":
            written[message["record"]["data"]["billing_period_id"]] += 1
        elif message["type"] == "STATE" and message["state"]["stream"]["stream_descriptor"]["name"] == "usage_details":
            for part in message["state"]["stream"]["stream_state"]["bookmark"]["partitions"]:
                assert "etag" not in part or part["row_count"] == written[part["context"]["billing_period_id"]]


def test_a_second_run_emits_nothing_of_what_has_not_changed(first_run: FirstRun) -> None:
    second = first_run.connection.read(EVERYTHING, first_run.said.states)
    assert second.code == 0
    assert {record["stream"] for record in second.of("RECORD")} == {"billing_periods"}
    assert {*second.states} == {"billing_periods"}
    for stream in DATASETS:
        assert second.statuses(stream) == ["STARTED", *(["RUNNING"] if stream == "billing_periods" else []), "COMPLETE"]


def test_a_restated_month_replaces_the_old_one_and_what_is_gone_is_deleted(
    connection: Connection, sandbox: Sandbox
) -> None:
    destination, key = Destination(), keys()
    for restatement in range(4):  # a price is corrected, then there are fewer rows
        said = connection.read({"usage_details": "incremental"}, destination.states)
        destination.load(said, key)
        assert costs(destination.rows("usage_details")) == billed(sandbox), restatement
        sandbox.bill.restate("202602")
    gone = [record for record in said.records("usage_details") if record[DELETED]]
    assert gone
    assert {record["billing_period_id"] for record in said.records("usage_details")} == {"202602"}
    assert all(
        value is None
        for record in gone
        for name, value in record.items()
        if name not in {*key["usage_details"], CURSOR, DELETED}
    )


def test_a_cursor_goes_on_from_the_last_one_though_the_clock_was_set_back(
    connection: Connection, sandbox: Sandbox
) -> None:
    first = connection.read({"usage_details": "incremental"})
    ahead = first.states
    ahead["usage_details"]["stream"]["stream_state"]["cursor"] += 10**12
    sandbox.bill.restate("202602")
    second = connection.read({"usage_details": "incremental"}, ahead)
    assert second.records("usage_details")[0][CURSOR] == ahead["usage_details"]["stream"]["stream_state"]["cursor"] + 1


def test_a_full_refresh_returns_everything_whatever_the_state_says(first_run: FirstRun) -> None:
    again = first_run.connection.read({**EVERYTHING, "usage_details": "full_refresh"}, first_run.said.states)
    bill = billed(first_run.sandbox)
    assert costs(again.records("usage_details")) == bill
    assert again.records("price_sheet") == []
    (state,) = (state for state in again.of("STATE") if state["stream"]["stream_descriptor"]["name"] == "usage_details")
    assert state["stream"]["stream_state"] == {"__ab_no_cursor_state_message": True}
    assert state["sourceStats"] == {"recordCount": len(bill)}


def test_a_full_refresh_that_becomes_incremental_begins_with_everything(
    connection: Connection, sandbox: Sandbox
) -> None:
    states = connection.read({"usage_details": "full_refresh"}).states
    assert costs(connection.read({"usage_details": "incremental"}, states).records("usage_details")) == billed(sandbox)


@pytest.mark.parametrize("place", ["202602/usagedetails.*skiptoken", "202602/usagedetails"])
def test_a_period_that_was_not_read_to_its_end_is_left_out_of_a_full_refresh(
    connection: Connection, sandbox: Sandbox, place: str
) -> None:
    sandbox.faults.append(Fault(place, status=410))
    said = connection.read({"usage_details": "full_refresh", "period_refreshes": "incremental"})
    others = {*sandbox.bill.periods} - {"202602"}
    assert said.code == 1
    assert said.statuses("usage_details") == ["STARTED", "RUNNING", "INCOMPLETE"]
    assert {row["billing_period_id"] for row in said.records("usage_details")} == others
    assert {record["billing_period_id"] for record in said.records("period_refreshes")} == others
    assert said.records("period_refreshes")


def test_days_that_azure_is_still_preparing_make_a_full_refresh_incomplete_and_are_left_out(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_usage, "PAGE_SIZE", 2)
    subscription_ids = sandbox.subscription_ids[:1]
    connection = azure_resource_manager(sandbox, tmp_path, subscription_ids=subscription_ids, end_date="2026-03-04")
    whole = connection.read({"resource_usage": "full_refresh"})
    assert (whole.code, whole.statuses("resource_usage")[-1]) == (0, "COMPLETE")
    second_page = "reportedStartTime=2026-03-02.*continuationToken"
    unready = Fault(second_page, status=202, times=4, headers={"Retry-After": "0"})
    for mode, code in (("full_refresh", 1), ("incremental", 0)):
        sandbox.faults.append(unready)
        said = connection.read({"resource_usage": mode})
        assert (said.code, said.statuses("resource_usage")[-1]) == (code, "INCOMPLETE" if code else "COMPLETE")
        if code:
            assert said.error["failure_type"] == "transient_error"
            assert "is still processing" in said.error["message"]
            own = [row for row in whole.records("resource_usage") if row["reported_date"] != "2026-03-02"]
            assert uncounted(said.records("resource_usage")) == uncounted(own)


def test_rows_that_are_all_outside_the_days_asked_for_are_none(connection: Connection, sandbox: Sandbox) -> None:
    connection.config["start_date"] = "2026-03-05"
    sandbox.faults.append(Fault("usagedetails", body='{"data": [{"date": "2026-03-01", "cost": 1}]}'))
    for mode in ("full_refresh", "incremental"):
        said = connection.read({"usage_details": mode})
        assert (said.code, said.records("usage_details")) == (0, [])
        assert said.statuses("usage_details") == ["STARTED", "COMPLETE"]
        sandbox.faults.append(Fault("usagedetails", body='{"data": [{"date": "2026-03-01", "cost": 1}]}'))


def test_a_month_restated_between_its_pages_is_emitted_once_in_a_full_refresh(
    connection: Connection, sandbox: Sandbox
) -> None:
    sandbox.faults.append(Fault("202602/usagedetails.skiptoken=1000", restate="202602"))
    said = connection.read({"usage_details": "full_refresh"})
    rows = said.records("usage_details")
    assert any("was restated while it was being read" in log["message"] for log in said.of("LOG"))
    assert costs(rows) == billed(sandbox)
    assert len({(row["billing_period_id"], row["row_number"]) for row in rows}) == len(rows)
    (state,) = said.of("STATE")
    assert state["sourceStats"] == {"recordCount": len(rows)}


def test_a_month_restated_between_its_pages_ends_with_the_last_reading(
    connection: Connection, sandbox: Sandbox
) -> None:
    # It has a price corrected, also of rows that were written before.
    sandbox.faults.append(Fault("202602/usagedetails.skiptoken=1000", restate="202602"))
    destination = Destination()
    destination.load(connection.read({"usage_details": "incremental"}), keys())
    assert costs(destination.rows("usage_details")) == billed(sandbox)


def test_only_the_chosen_fields_are_read(connection: Connection) -> None:
    catalog = connection.catalog({"usage_details": "incremental"})
    schema = catalog["streams"][0]["stream"]["json_schema"].copy()
    catalog["streams"][0]["stream"] = {"name": "usage_details", "json_schema": schema}
    schema["properties"] = {name: schema["properties"][name] for name in ("cost", "date")}
    said = connection.run("read", config=connection.config, catalog=catalog)
    kept = {"cost", "date", "enrollment_number", "billing_period_id", "row_number", DELETED, CURSOR}
    assert {frozenset(record) for record in said.records("usage_details")} == {frozenset(kept)}


def _chosen(stream: Any, mode: str = "incremental") -> Message:
    return {"streams": [{"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"}]}


@pytest.mark.parametrize(
    ("catalog", "words"),
    [
        (_chosen({"name": "usage_details"}, "INVALID"), "there is no sync mode INVALID"),
        ({"streams": ["usage_details"]}, "the configured catalog is not one of Airbyte's"),
        (
            {"streams": [{"stream": {"name": "usage_details", "json_schema": 1}, "sync_mode": "incremental"}]},
            "is not one",
        ),
        ([], "the configured catalog is not one of Airbyte's"),
    ],
)
def test_a_catalog_that_is_none_is_told_as_such(catalog: Any, words: str) -> None:
    with pytest.raises(ConfigValidationError, match=words):
        configured_streams(catalog)


@pytest.mark.parametrize(
    ("stream", "mode", "words"),
    [
        ("usage", "incremental", "there is no stream usage with these settings: the streams are balance_summary"),
        ("invoices", "full_refresh", "there is no stream invoices with these settings"),
    ],
)
def test_a_stream_that_cannot_be_read_is_incomplete_and_a_config_error_and_the_rest_is_read(
    connection: Connection, stream: str, mode: str, words: str
) -> None:
    catalog = connection.catalog({"balance_summary": "incremental"})
    catalog["streams"] += _chosen({"name": stream}, mode)["streams"]
    said = connection.run("read", config=connection.config, catalog=catalog)
    assert (said.code, said.error["failure_type"]) == (1, "config_error")
    assert words in said.error["message"]
    assert said.statuses(stream) == ["INCOMPLETE"]
    assert said.statuses("balance_summary") == ["STARTED", "RUNNING", "COMPLETE"]
    assert len(said.records("balance_summary")) == 3


def test_a_full_refresh_of_the_log_is_told_to_hold_this_run_alone(connection: Connection) -> None:
    said = connection.read({"balance_summary": "incremental", "period_refreshes": "full_refresh"})
    assert said.code == 0
    assert "Stream period_refreshes is a log: a full refresh of it holds nothing of earlier runs" in [
        log["message"] for log in said.of("LOG") if log["level"] == "WARN"
    ]
    assert said.statuses("period_refreshes") == ["STARTED", "RUNNING", "COMPLETE"]
    states = [s for s in said.of("STATE") if s["stream"]["stream_descriptor"]["name"] == "period_refreshes"]
    assert [state["sourceStats"]["recordCount"] for state in states] == [3]


def test_a_field_that_is_not_there_is_told_and_the_others_are_read(connection: Connection) -> None:
    schema: Message = {"properties": {"total_usage": {}, "price": {}}}
    catalog = _chosen({"name": "balance_summary", "json_schema": schema})
    said = connection.run("read", config=connection.config, catalog=catalog)
    assert said.code == 0
    assert "Stream balance_summary has no field price: refresh the source schema" in [
        log["message"] for log in said.of("LOG") if log["level"] == "WARN"
    ]
    assert {name for record in said.records("balance_summary") for name in record} >= {"total_usage"}
    assert len(said.records("balance_summary")) == 3


def _state(value: Any) -> list[Message]:
    return [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "balance_summary"}, "stream_state": value}}]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (_state({"version": 2, "cursor": 1, "bookmark": {}}), "was written by another version of this source"),
        (_state({"partitions": []}), "was written by another version of this source"),
        (_state(17), "was written by another version of this source"),
        (_state({"version": 1, "cursor": 1, "bookmark": {"partitions": [1]}}), "is damaged"),
        (_state({"version": 1, "cursor": 1, "bookmark": {"partitions": [{"row_count": "x"}]}}), "is damaged"),
        ([{"type": "LEGACY", "data": {"balance_summary": {}}}], "of the form LEGACY, which this source never wrote"),
        ({"bookmarks": {"balance_summary": {}}}, "of the form LEGACY, which this source never wrote"),
        ([{"type": "GLOBAL", "global": {"stream_states": []}}], "of the form GLOBAL, which this source never wrote"),
        ([{"type": "STREAM"}], "is not a list of Airbyte's state messages"),
        (["text"], "is not a list of Airbyte's state messages"),
    ],
)
def test_a_state_that_nobody_here_wrote_is_told_as_such(state: Any, words: str) -> None:
    with pytest.raises(ConfigValidationError, match=f"{words}.*refresh it, and everything is read again"):
        stream_states(state, ["balance_summary"])


def test_a_state_of_another_version_is_a_config_error(connection: Connection) -> None:
    said = connection.read({"balance_summary": "incremental"}, _state({"version": 2, "cursor": 1, "bookmark": {}}))
    assert (said.code, said.error["failure_type"]) == (1, "config_error")
    assert said.of("RECORD") == []


@pytest.mark.parametrize("state", [None, {}, [], [{"type": "LEGACY", "data": {}}], _state(None), _state({})])
def test_a_state_that_says_nothing_is_where_the_first_run_begins(state: Any) -> None:
    assert stream_states(state, ["balance_summary"]) == {}


def test_an_empty_file_of_state_is_where_the_first_run_begins(connection: Connection) -> None:
    catalog = connection.catalog({"balance_summary": "incremental"})
    said = connection.run("read", config=connection.config, catalog=catalog, state="")
    assert (said.code, len(said.records("balance_summary"))) == (0, 3)


def test_the_state_of_a_stream_that_is_not_chosen_is_of_no_concern() -> None:
    assert stream_states(_state({"version": 9}), ["usage_details"]) == {}


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault("usagedetails", status=403), "config_error", "answered 403"),
        (Fault("usagedetails", status=429, headers={"Retry-After": "9999"}), "transient_error", "answered 429"),
        (Fault("usagedetails", status=503, headers={"Retry-After": "9999"}), "transient_error", "answered 503"),
        (Fault("usagedetails", body='{"data": 1}'), "system_error", "JSON that is not what it should be"),
    ],
)
def test_what_a_person_must_mend_is_told_from_what_time_mends(
    connection: Connection, sandbox: Sandbox, fault: Fault, kind: str, words: str
) -> None:
    sandbox.faults.append(fault)
    said = connection.read({"balance_summary": "incremental", "usage_details": "incremental"})
    assert said.code == 1
    assert said.error["failure_type"] == kind
    assert words in said.error["message"]
    assert said.statuses("balance_summary") == ["STARTED", "RUNNING", "COMPLETE"]
    assert said.statuses("usage_details")[-1] == "INCOMPLETE"
    assert b"Traceback" not in said.errors
    assert ("stack_trace" in said.error) == (kind == "system_error")


def test_a_stream_that_is_refused_in_part_is_incomplete_and_the_rest_is_read(sandbox: Sandbox, tmp_path: Path) -> None:
    refused, served = sandbox.subscription_ids[:2]
    sandbox.forbidden.add(refused)
    modes = {"rate_card_meters": "incremental", "resource_usage": "incremental"}
    said = azure_resource_manager(sandbox, tmp_path).read(modes)
    assert said.code == 1
    assert said.error["failure_type"] == "config_error"
    assert said.statuses("resource_usage")[-1] == "INCOMPLETE"
    assert said.statuses("rate_card_meters") == ["STARTED", "RUNNING", "COMPLETE"]
    assert {row["subscription_id"] for row in said.records("resource_usage")} >= {served}


@pytest.mark.parametrize(
    ("number", "lines_read", "commits"),
    [
        (signal.SIGTERM, 30, "with state"),
        (signal.SIGTERM, 2000, "all"),
        (signal.SIGINT, 2000, "with state"),
    ],
)
def test_a_stopped_run_is_incomplete_and_the_next_one_makes_up_for_it(
    connection: Connection, sandbox: Sandbox, number: int, lines_read: int, commits: str
) -> None:
    catalog = connection.catalog({"usage_details": "incremental"})
    command = connection.command("read", config=connection.config, catalog=catalog)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(lines_read)]
        process.send_signal(number)
        output, errors = b"".join(lines) + process.stdout.read(), process.stderr.read()
    said = Said(process.returncode, output, errors)
    assert said.code == -number
    assert said.statuses("usage_details")[-1] == "INCOMPLETE"
    assert said.error["failure_type"] == "transient_error"
    assert said.error["message"].startswith("The source was stopped by a signal")
    if commits == "with state":
        last = max((n for n, m in enumerate(said.messages) if m["type"] == "STATE"), default=-1)
        said.output = b"".join(output.splitlines(keepends=True)[: last + 1])
    destination, key = Destination(), keys()
    destination.load(said, key)
    sandbox.bill.restate("202603")
    destination.load(connection.read({"usage_details": "incremental"}, destination.states), key)
    assert costs(destination.rows("usage_details")) == billed(sandbox)


def test_a_reader_that_goes_away_ends_the_run_non_zero_and_quietly(connection: Connection) -> None:
    command = connection.command("read", config=connection.config, catalog=connection.catalog(EVERYTHING))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 1
    assert b"Traceback" not in errors


@pytest.mark.parametrize(
    ("redirection", "words"),
    [(">&-", b"There is no standard output to write to"), (">/dev/full", b"The output cannot be written: No space")],
)
def test_an_output_that_cannot_be_written_is_told_in_a_line(
    connection: Connection, redirection: str, words: bytes
) -> None:
    read_all = connection.command("read", config=connection.config, catalog=connection.catalog(EVERYTHING))
    for command in ([SOURCE, "spec"], read_all):
        shell = ["/bin/sh", "-c", f'"$0" "$@" {redirection}', *command]
        ended = subprocess.run(shell, capture_output=True, check=False)
        assert ended.returncode == 1
        assert words in ended.stderr
        assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("level", ["", "bogus"])
def test_a_level_of_logging_that_there_is_none_of_is_the_usual_one(connection: Connection, level: str) -> None:
    ended = subprocess.run(
        connection.command("check", config=connection.config),
        capture_output=True, check=True, env={**os.environ, "LOGLEVEL": level},
    )  # fmt: skip
    assert {log["level"] for log in Said(0, ended.stdout, b"").of("LOG")} == {"INFO"}


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "600"}])
def test_a_check_gives_up_soon_for_somebody_waits(
    connection: Connection, sandbox: Sandbox, headers: dict[str, str]
) -> None:
    sandbox.faults.append(Fault("billingperiods", status=503, headers=headers, times=9))
    (status,) = connection.run("check", config=connection.config).of("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert "answered 503" in status["message"]
    assert len(sandbox.requests) == (1 if headers else 2)


def test_what_is_logged_by_any_thread_is_a_whole_message_and_holds_no_secret(
    connection: Connection, sandbox: Sandbox
) -> None:
    sandbox.faults.append(Fault("skiptoken", status=429, headers={"Retry-After": "0"}, times=5))
    command = connection.command(
        "read", config=connection.config, catalog=connection.catalog(dict.fromkeys(DATASETS, "incremental"))
    )
    ended = subprocess.run(
        [*command, "--debug"], capture_output=True, check=False, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    said = Said(ended.returncode, ended.stdout, ended.stderr)
    logs = Counter(log["level"] for log in said.of("LOG"))
    assert (said.code, ended.stderr) == (0, b"")
    assert logs["WARN"] == 5
    assert logs["DEBUG"]
    assert b"sandbox-api-key" not in ended.stdout
    assert costs(said.records("usage_details")) == billed(sandbox)


def test_a_run_that_waits_for_azure_says_so_at_once_and_can_be_stopped(
    connection: Connection, sandbox: Sandbox
) -> None:
    sandbox.faults.append(Fault("usagedetails.skiptoken", status=429, headers={"Retry-After": "3000"}))
    catalog = connection.catalog({"usage_details": "incremental"})
    command = connection.command("read", config=connection.config, catalog=catalog)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if b"Waiting 3000.0 s" in line:
                break
        process.terminate()
        rest, _ = process.communicate(timeout=20)
    said = Said(process.returncode, line + rest, b"")
    assert (said.code, said.statuses("usage_details")[-1]) == (-signal.SIGTERM, "INCOMPLETE")


def test_a_stream_whose_records_others_may_write_is_open_until_the_end(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(BillingPeriods, "written_by_others", True)
    files = {"config": connection.config, "catalog": connection.catalog(EVERYTHING)}
    _, _, *arguments = connection.command("read", **files)
    options = {name.strip("-"): Path(value) for name, value in zip(arguments[::2], arguments[1::2], strict=True)}
    read(AirbyteWriter(), Namespace(**options, state=None))
    said = Said(0, capsysbinary.readouterr().out, b"")
    ended = [trace["stream_status"] for trace in said.of("TRACE") if trace["stream_status"]["status"] == "COMPLETE"]
    names = [status["stream_descriptor"]["name"] for status in ended]
    assert names[-2:] == ["billing_periods", "usage_details"]
    assert sorted(names) == sorted(DATASETS)


def test_the_log_is_as_loud_as_the_singer_doors(connection: Connection) -> None:
    ended = subprocess.run(
        connection.command("check", config=connection.config),
        capture_output=True, check=True, env={**os.environ, "LOGLEVEL": "WARNING"},
    )  # fmt: skip
    assert [message["type"] for message in Said(0, ended.stdout, b"").messages] == ["CONNECTION_STATUS"]


def azure_resource_manager(sandbox: Sandbox, folder: Path, **more: Any) -> Connection:
    config = billing_settings(sandbox, **{"start_date": "2026-03-01", **more})
    config["sign_in"] = {"credential": "access_token", "access_token": config.pop("access_token")}
    return Connection(folder, config)


def test_azure_resource_manager_is_read_again_from_its_own_states(tmp_path: Path) -> None:
    today = datetime.now(timezone.utc).date()
    last_month = (today.replace(day=1) - timedelta(1)).replace(day=1)
    with Sandbox(today=today, first_day=last_month) as sandbox:
        connection = azure_resource_manager(sandbox, tmp_path, start_date=str(last_month))
        assert_read_again(connection)


def assert_read_again(connection: Connection) -> None:
    incremental = [name for name in RESOURCE_MANAGER if name != "billing_accounts"]
    destination, key = Destination(), keys()
    destination.load(connection.read(dict.fromkeys([*incremental, *AUDIT], "incremental")), key)
    before = {name: len(destination.rows(name)) for name in destination.tables}
    second = connection.read(dict.fromkeys([*incremental, *AUDIT], "incremental"), destination.states)
    destination.load(second, key)
    assert second.code == 0, second.error
    before["period_refreshes"] += len(second.records("period_refreshes"))
    assert {name: len(destination.rows(name)) for name in destination.tables} == before
    assert second.records("rate_card_meters") == second.records("period_reconciliation") == []


def test_every_message_is_one_of_airbytes_protocol(connection: Connection, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.append(Fault("202601/pricesheet", status=403))
    said = [
        connection.run("spec"),
        connection.run("check", config=connection.config),
        connection.run("check", config={}),
        connection.run("discover", config=connection.config),
        connection.read(EVERYTHING),
        connection.read({"usage_details": "full_refresh"}),
        azure_resource_manager(sandbox, tmp_path).read(
            dict.fromkeys([*RESOURCE_MANAGER, "period_refreshes", "period_reconciliation"], "incremental")
        ),
    ]
    kinds = {message["type"] for one in said for message in one.messages}
    assert kinds == {"SPEC", "CONNECTION_STATUS", "CATALOG", "RECORD", "STATE", "TRACE", "LOG"}
    judged = airbyte.run("protocol.py", folder=tmp_path, input=b"".join(one.output for one in said))
    assert judged.returncode == 0, judged.stderr.decode()
    assert int(judged.stdout) == sum(len(one.messages) for one in said)
