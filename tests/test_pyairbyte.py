"""Airbyte's own parts, each in an environment of its own, run the installed executable on the sandbox."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from tap_azure_ea.sandbox import Sandbox
from tests import airbyte
from tests.conftest import Target, settings, sync
from tests.test_airbyte import CURSOR, DELETED, SOURCE, discovered

CONNECTOR = Path(__file__).parent.parent / "connectors/source-azure-ea"
STREAMS = ["balance_summary", "usage_details"]


def load(folder: Path) -> dict[str, Any]:
    """Load into the folder's database, and return what its tables hold then."""
    arguments = [SOURCE, "config.json", "cache.duckdb", ",".join(STREAMS)]
    loaded = airbyte.run("load.py", *arguments, folder=folder)
    assert loaded.returncode == 0, loaded.stderr.decode()
    assert b"Error" not in loaded.stderr
    found: dict[str, Any] = json.loads(loaded.stdout.splitlines()[-1])
    return found


def rounded(number: Any) -> Decimal:
    """Return what PyAirbyte keeps of a number: nine decimals, as its column is DECIMAL(38, 9)."""
    return Decimal(str(number)).quantize(Decimal("1e-9"), ROUND_HALF_UP)


def alive(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row[DELETED] is None]


def test_the_cache_holds_the_bill_of_the_day_after_each_load(tmp_path: Path) -> None:
    with Sandbox(today=date(2026, 3, 10), first_day=date(2026, 1, 1)) as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(settings(sandbox)))
        first = load(tmp_path)
        assert_the_bill(first, sandbox)
        for _ in range(3):  # in the end it has fewer rows
            sandbox.bill.restate("202602")
        second = load(tmp_path)
        assert_the_bill(second, sandbox)
    usage = second["tables"]["usage_details"]
    restated = [row for row in usage if row["billing_period_id"] == "202602"]
    # And two balances: that of the month, and the next one, which begins with what it left.
    assert second["processed"] == len(restated) + 2
    assert len(alive(restated)) < len(restated)


def assert_the_bill(loaded: dict[str, Any], sandbox: Sandbox) -> None:
    """Compare the cache with what the Singer door reads now, and its sum with the sandbox's own."""
    target = Target()
    target.load(sync(settings(sandbox)).messages)
    usage = [row for period in sandbox.bill.periods for row in sandbox.bill.usage(period)]
    cached = alive(loaded["tables"]["usage_details"])
    assert sum(Decimal(row["cost"]) for row in cached) == sum(rounded(row["cost"]) for row in usage)
    for stream in STREAMS:
        properties = discovered()[stream]["json_schema"]["properties"]
        key, columns = target.keys[stream], properties.keys() - {CURSOR, DELETED}
        numbers = {name for name in columns if "number" in properties[name]["type"]}
        assert rows_of(alive(loaded["tables"][stream]), key, columns, numbers) == rows_of(
            json.loads(json.dumps(target.live(stream), default=float)), key, columns, numbers
        )


def rows_of(
    rows: list[dict[str, Any]], key: list[str], columns: AbstractSet[str], numbers: set[str]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return rows by their key, with the columns and the digits that the cache has."""
    return {
        tuple(row[name] for name in key): {
            name: rounded(row[name]) if name in numbers and row[name] is not None else row[name] for name in columns
        }
        for row in rows
    }


def test_airbytes_standard_tests_pass(tmp_path: Path) -> None:
    connector = tmp_path / CONNECTOR.name
    shutil.copytree(CONNECTOR, connector)
    start = str(datetime.now(tz=timezone.utc).date() - timedelta(days=40))
    # A whole year would pass as well, and take longer.
    (connector / "integration_tests/config.json").write_text(json.dumps({"sandbox": True, "start_date": start}))
    tested = airbyte.run("standard.py", SOURCE, str(connector), folder=tmp_path)
    assert tested.returncode == 0, tested.stdout.decode()
    assert re.search(rb"^8 passed, 3 skipped, 10 deselected", tested.stdout, re.MULTILINE), tested.stdout.decode()
