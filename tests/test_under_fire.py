"""Whole syncs through real HTTP, while the server and the machine misbehave; the target ends equal to the sandbox."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pendulum
import pytest

from tap_azure_ea.sandbox import Fault, Sandbox, reservations
from tests.conftest import Recorder, Run, Target, parse_line, settings, sync

PROJECT = Path(__file__).parent.parent
TAP = str(Path(sys.executable).with_name("tap-azure-ea"))
STREAMS: dict[str, list[str] | None] = dict.fromkeys(
    ["usage_details", "marketplace_charges", "reserved_instance_usage_details"]
)


@pytest.fixture(autouse=True)
def polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_azure_ea.api.ea_report.sleep", lambda _: None)


@pytest.fixture
def small() -> Any:
    """Two periods, the last one open."""
    with Sandbox(today=date(2026, 3, 10), first_day=date(2026, 2, 1)) as served:
        yield served


def assert_equal_to_the_sandbox(target: Target, sandbox: Sandbox) -> None:
    bill = sandbox.bill
    for period in bill.periods:
        usage = sorted(target.live("usage_details", billing_period_id=period), key=lambda row: row["row_number"])
        assert [row["cost"] for row in usage] == [row["cost"] for row in bill.usage(period)]
        charges = target.live("marketplace_charges", billing_period_id=period)
        assert [row["extended_cost"] for row in charges] == [row["extendedCost"] for row in bill.marketplace(period)]
        hours = target.live("reserved_instance_usage_details", billing_period_id=period)
        expected = reservations.details(bill, *bill.days(period))
        assert [row["used_hours"] for row in hours] == [row["usedHours"] for row in expected]


def read(sandbox: Sandbox, usage_format: str, state: Any = None) -> Run:
    return sync(settings(sandbox, usage_format=usage_format), state, select=STREAMS)


FAULTS = {
    "429": Fault(status=429, headers={"Retry-After": "2"}),
    "500": Fault(status=500),
    "502": Fault(status=502),
    "503": Fault(status=503, headers={"Retry-After": "2"}),
    "504": Fault(status=504),
    "reset": Fault(reset=True),
    "time-out": Fault(hang=True),
    "cut": Fault(cut=True),
    "garbled": Fault(body='{"data": [{"cost": 12.'),
}


@pytest.mark.parametrize("usage_format", ["json", "csv"])
@pytest.mark.parametrize("name", FAULTS)
def test_every_request_may_fail_once(
    small: Sandbox, usage_format: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_azure_ea.api.http.READ_TIMEOUT", 0.5 if name == "time-out" else 30)
    read(small, usage_format)
    count = len(small.requests)
    # A garbled CSV cannot be told from a whole one before its header is missed: a blob is cut, but not garbled, here.
    path = "^(?!/blobs/)" if name == "garbled" else ""
    small.requests.clear()
    small.faults += [Fault(**{**vars(FAULTS[name]), "path": path, "skip": number}) for number in range(count)]
    target = Target()
    target.load(read(small, usage_format).messages)
    assert_equal_to_the_sandbox(target, small)
    # A poll whose answer is lost counts for Azure, so each of the two reports may need one poll less; and see above.
    assert sum(fault.times for fault in small.faults) <= (4 if path else 2)


def test_a_server_that_throttles_every_request_in_turn_is_read_to_the_end(small: Sandbox) -> None:
    small.faults += [
        Fault(status=429, skip=number // 3, headers={"x-ms-ratelimit-microsoft.consumption-retry-after": str(number)})
        for number in range(60)
    ]
    target = Target()
    target.load(read(small, "json").messages)
    assert_equal_to_the_sandbox(target, small)


@pytest.mark.parametrize("usage_format", ["json", "csv"])
def test_a_period_restated_at_any_request_ends_exact(small: Sandbox, usage_format: str) -> None:
    read(small, usage_format)
    count = len(small.requests)
    for number in range(count):
        target = Target()
        small.faults[:] = [Fault(skip=number, restate="202602")]
        target.load(read(small, usage_format).messages)
        target.load(read(small, usage_format, target.state).messages)
        assert_equal_to_the_sandbox(target, small)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_killed_at_any_tenth_is_made_good_while_periods_grow_and_shrink(
    small: Sandbox, tmp_path: Path, number: int
) -> None:
    config, state = tmp_path / "config.json", tmp_path / "state.json"
    config.write_text(json.dumps(settings(small)))
    command = [TAP, "--config", str(config), "--state", str(state)]
    state.write_text("{}")
    whole = subprocess.run(command, capture_output=True, check=True).stdout.splitlines()
    target = Target()
    for tenth in range(1, 10):
        small.bill.restate(small.bill.periods[tenth % 2])
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(len(whole) * tenth // 10)]
            process.send_signal(number)
            lines += process.stdout.readlines()
        target.load([parse_line(line) for line in lines if line.endswith(b"}\n")])
        state.write_text(json.dumps(target.state))
    small.bill.restate("202602")
    finished = subprocess.run(command, capture_output=True, check=True).stdout
    target.load([parse_line(line) for line in finished.splitlines()])
    assert_equal_to_the_sandbox(target, small)


def test_a_clock_that_jumps_changes_nothing(small: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = iter(range(10**6))

    def now(tz: str = "UTC") -> pendulum.DateTime:
        return pendulum.datetime(2000 + 37 * (next(jumps) % 2), 1, 1, tz=tz)

    target = Target()
    target.load(read(small, "json").messages)
    monkeypatch.setattr(pendulum, "now", now)
    for _ in range(4):
        small.bill.restate("202602")
        target.load(read(small, "json", target.state).messages)
        assert_equal_to_the_sandbox(target, small)


def test_a_page_without_rows_and_with_a_link_is_not_the_last(small: Sandbox) -> None:
    path = "/v3/enrollments/8675309/billingPeriods/202602/usagedetails"
    body = json.dumps({"data": [], "nextLink": f"{small.url}{path}?skiptoken=0"})
    small.faults.append(Fault("202602/usagedetails$", body=body))
    target = Target()
    target.load(read(small, "json").messages)
    assert_equal_to_the_sandbox(target, small)


@pytest.mark.parametrize("etag", ["bare", 'W/"weak"', '"strong"'])
def test_any_form_of_etag_is_sent_back_as_it_came(small: Sandbox, etag: str) -> None:
    small.faults.append(Fault("usagedetails", times=9, headers={"ETag": etag}))
    first = read(small, "json")
    small.faults.clear()
    small.requests.clear()
    read(small, "json", first.state)
    sent = {r.headers.get("if-none-match") for r in small.requests if r.target.endswith("usagedetails")}
    assert sent == {etag}


def test_a_period_that_is_listed_twice_is_read_once(small: Sandbox) -> None:
    period = {"billingPeriodId": "202602", "usageDetails": "/link"}
    small.faults.append(Fault("billingperiods", body=json.dumps([period, period])))
    run = read(small, "json")
    assert len(run.records("usage_details")) == len(small.bill.usage("202602"))


class LastState(Recorder):
    """Forgets every STATE but the last: two thousand periods make thousands of large ones."""

    def flush(self) -> None:
        super().flush()
        states = [number for number, message in enumerate(self.messages) if message["type"] == "STATE"]
        for number in reversed(states[:-1]):
            del self.messages[number]


def test_two_thousand_periods_are_read(small: Sandbox) -> None:
    ids = [f"{year}{month:02d}" for year in range(1900, 2067) for month in range(1, 13)][:2000]
    body = json.dumps([{"billingPeriodId": period_id, "priceSheet": "/link"} for period_id in ids])
    prices = json.dumps([{"unitPrice": 1}])
    small.faults += [Fault("billingperiods", body=body), Fault("pricesheet", times=2000, status=200, body=prices)]
    run = sync(settings(small), select={"price_sheet": []}, recorder=LastState())
    assert [row["billing_period_id"] for row in run.records("price_sheet")] == sorted(ids, reverse=True)
    assert all(partition["row_count"] == 1 for partition in run.state["bookmarks"]["price_sheet"]["partitions"])


@pytest.mark.parametrize("usage_format", ["json", "csv"])
def test_memory_does_not_grow_with_the_bill(usage_format: str) -> None:
    small_rows, small_peak = measured(1, "--format", usage_format)
    large_rows, large_peak = measured(27, "--format", usage_format)
    assert (small_rows, large_rows) == (1_876, 50_652)
    assert large_peak < small_peak + 25
    assert large_peak < 150


def test_memory_does_not_grow_with_the_cost_details() -> None:
    _, small_peak = measured(1, "--stream", "actual_cost_details")
    large_rows, large_peak = measured(54, "--stream", "actual_cost_details")
    assert large_rows > 100_000
    assert large_peak < small_peak + 25
    assert large_peak < 150


def test_a_rate_card_of_the_full_size_is_read_in_less_than_150_mb() -> None:
    meters, megabytes = measured(540, "--stream", "rate_card_meters")
    assert meters == 78_300
    assert megabytes < 150


def measured(size: int, *arguments: str) -> tuple[int, int]:
    command = [sys.executable, "-m", "benchmarks.memory", "--size", str(size), *arguments]
    printed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    rows, megabytes = printed.partition(": ")[2].removesuffix(" MB at the peak\n").split(" rows, ")
    return int(rows.replace(",", "")), int(megabytes)
