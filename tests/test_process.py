"""The tap as a process: what it prints, how it ends, and what it says when it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tap_azure_ea.sandbox import Fault, Sandbox
from tests.conftest import Message, Target, parse_line, settings, sync, timeless

DATASETS = [
    "balance_summary",
    "billing_periods",
    "marketplace_charges",
    "price_sheet",
    "reserved_instance_charges",
    "reserved_instance_recommendations",
    "reserved_instance_usage_details",
    "reserved_instance_usage_summaries",
    "usage_details",
]
RESOURCE_MANAGER = [
    "actual_cost_details",
    "amortized_cost_details",
    "balances",
    "billing_accounts",
    "invoices",
    "marketplaces",
    "price_sheet_items",
    "rate_card_meters",
    "rate_card_offer_terms",
    "reservation_details",
    "reservation_recommendations",
    "reservation_summaries",
    "reservation_transactions",
    "resource_usage",
]
AUDIT = ["period_reconciliation", "period_refreshes"]
TAP = [str(Path(sys.executable).with_name("tap-azure-ea"))]


@pytest.fixture
def config(sandbox: Sandbox, tmp_path: Path) -> list[str]:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(settings(sandbox)))
    return ["--config", str(path)]


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*TAP, *arguments], capture_output=True, check=False, **options)


def parse(lines: bytes) -> list[Message]:
    return [parse_line(line) for line in lines.splitlines()]


def test_standard_output_holds_messages_and_nothing_else(sandbox: Sandbox, config: list[str]) -> None:
    ended = run(*config)
    assert ended.returncode == 0, ended.stderr
    assert timeless(parse(ended.stdout)) == timeless(sync(settings(sandbox)).messages)
    assert ended.stdout.endswith(b"}\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_the_module_runs_like_the_command_buffered_or_not(config: list[str], unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    module = subprocess.run(
        [sys.executable, "-m", "tap_azure_ea", *config], capture_output=True, check=True, env=environment
    )
    assert len(parse(module.stdout)) == len(parse(run(*config).stdout))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("lines_read", [1, 40, 3000])
def test_a_stopped_run_ends_non_zero_with_a_last_honest_state_and_whole_lines(
    sandbox: Sandbox, config: list[str], tmp_path: Path, number: int, code: int, lines_read: int
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file, subprocess.Popen([*TAP, *config], stdout=subprocess.PIPE, stderr=file) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(lines_read)]
        process.send_signal(number)
        rest = process.stdout.read()
    errors = log.read_bytes()
    assert process.returncode == code
    assert b"Stopped by signal %d: what is not finished will be read again" % number in errors
    assert b"Traceback" not in errors
    messages = parse(b"".join(lines) + rest)
    target = Target()
    target.load(messages)
    sandbox.bill.restate("202603")
    target.load(sync(settings(sandbox), target.state).messages)
    for period in sandbox.bill.periods:
        rows = target.live("usage_details", billing_period_id=period)
        assert sorted(row["cost"] for row in rows) == sorted(row["cost"] for row in sandbox.bill.usage(period))


@pytest.mark.parametrize("path", ["usagedetails", "usagedetails.skiptoken"])
def test_a_run_that_waits_for_azure_stops_at_once(sandbox: Sandbox, config: list[str], path: str) -> None:
    sandbox.faults.append(Fault(path, status=429, headers={"Retry-After": "3000"}))
    with subprocess.Popen([*TAP, *config], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if b"Waiting 3000.0 s" in line:
                break
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 143


def test_a_reader_that_goes_away_is_told_and_ends_the_run_non_zero(config: list[str]) -> None:
    with subprocess.Popen([*TAP, *config], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 1
    assert b"The reader of the output went away before it was all written" in errors
    assert b"Traceback" not in errors


def test_an_error_that_explains_itself_comes_without_a_traceback_and_without_the_key(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(settings(sandbox, api_key="a-secret-that-is-wrong")))
    for arguments in (["--config", str(path)], ["--config", str(path), "--test"]):
        ended = run(*arguments, env={**os.environ, "LOGLEVEL": "DEBUG"})
        assert ended.returncode == 1
        assert b"answered 401" in ended.stderr
        assert b"Traceback" not in ended.stderr
        assert b"a-secret-that-is-wrong" not in ended.stderr + ended.stdout


def test_no_secret_is_in_any_message_or_log(config: list[str]) -> None:
    ended = run(*config, env={**os.environ, "LOGLEVEL": "DEBUG"})
    assert ended.returncode == 0
    assert b"sandbox-api-key" not in ended.stdout + ended.stderr


def test_wrong_settings_are_told_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"start_date": "soon"}')
    ended = run("--config", str(path))
    assert ended.returncode == 1
    assert b"api_key is not set" in ended.stderr
    assert b"start_date is 'soon', which is not a day such as 2026-01-31" in ended.stderr


@pytest.mark.parametrize("option", ["--config", "--catalog", "--state"])
@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_told_in_a_line(
    config: list[str], tmp_path: Path, option: str, content: bytes | None
) -> None:
    path = tmp_path / "given.json"
    if content is not None:
        path.write_bytes(content)
    ended = run(*([] if option == "--config" else config), option, str(path))
    assert ended.returncode == 2
    assert f"Invalid value for '{option}'".encode() in ended.stderr
    assert b"given.json" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_discovery_needs_no_settings_and_lists_every_dataset() -> None:
    catalog = json.loads(run("--discover").stdout)
    assert sorted(stream["stream"] for stream in catalog["streams"]) == sorted(DATASETS + RESOURCE_MANAGER + AUDIT)


def test_the_connection_test_reads_a_record_of_each_dataset(config: list[str]) -> None:
    ended = run(*config, "--test")
    assert ended.returncode == 0, ended.stderr
    streams = [message["stream"] for message in parse(ended.stdout) if message["type"] == "RECORD"]
    assert sorted(streams) == DATASETS
    assert b"ERROR" not in ended.stderr
