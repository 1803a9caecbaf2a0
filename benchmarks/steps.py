"""Measure the steps of reading a CSV report: each with all those before it, in one process, best of several tries."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import msgspec

from benchmarks import rows
from tap_azure_ea.api.csv_rows import Table, csv_tables
from tap_azure_ea.datasets.ea_reporting.usage_details import UsageDetails
from tap_azure_ea.records import RecordReader, Records, collect_rarely

ROWS = 100_000
TRIES = 5
NAMES = [field.name for field in UsageDetails.fields]
MILLION = 1e6
FLOOR, START_UP = "for comparison, `csv.DictReader`", "start-up, spread over these rows"

_encode = msgspec.json.Encoder(decimal_format="number").encode_lines


def floor(report: Path) -> Iterator[dict[str, str]]:
    """Do what the floor does."""
    with report.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def tables(report: Path) -> Iterator[Table]:
    """Find the cells with Python's csv module, and check and gather the lines."""
    return csv_tables(report.open("rb"), lambda cells: "Cost" in cells)


def read(report: Path) -> Iterator[Records]:
    """Turn rows into columns, and cells into values."""
    reader = RecordReader(UsageDetails.fields, NAMES, {"enrollment_number": "1", "billing_period_id": "202602"})
    for table in tables(report):
        yield reader.read_columns(table.names, tuple(zip(*table.cells, strict=True)), len(table.cells), texts=True)


def write(report: Path) -> Iterator[bytes]:
    """Encode the records as lines."""
    return (_encode(list(records.packed())) for records in read(report))


def best(step: Callable[[], object]) -> float:
    """Return the microseconds per row of the fastest try."""
    seconds = []
    for _ in range(TRIES):
        started = perf_counter()
        step()
        seconds.append(perf_counter() - started)
    return min(seconds) * MILLION / ROWS


def measure() -> dict[str, float]:
    """Return the microseconds per row of each step and all those before it."""
    collect_rarely()
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.csv"
        rows.write(ROWS, "http://127.0.0.1", Path(folder) / "pages.json", report)
        steps: dict[str, Callable[[Path], Iterator[object]]] = {
            "cells found by `csv.reader`, lines checked": tables,
            "columns read: decimals, days, JSON in cells": read,
            "lines of JSON made": write,
        }
        found = {FLOOR: best(lambda: sum(1 for _ in floor(report)))}
        found |= {name: best(lambda step=step: sum(1 for _ in step(report))) for name, step in steps.items()}  # type: ignore[misc]
    start_up = [sys.executable, "-m", "tap_azure_ea", "--version"]
    found[START_UP] = best(lambda: subprocess.run(start_up, capture_output=True, check=True))
    return found


def main() -> None:
    """Print them as Markdown."""
    print(f"| Of a CSV report with {ROWS:,} rows | µs a row |\n| --- | --: |")
    before = 0.0
    for name, microseconds in measure().items():
        alone = name in {FLOOR, START_UP}
        print(f"| {name} | {microseconds - (0 if alone else before):.1f} |")
        before = 0 if alone else microseconds


if __name__ == "__main__":
    main()
