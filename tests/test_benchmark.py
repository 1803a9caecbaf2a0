"""The benchmark that docs/performance.md shows, small: that it runs and counts, not how fast anything is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
MEASURED = ["json", "csv", "sdk", "floor"]


def test_the_benchmark_prints_a_rate_for_each_who_produced_every_row() -> None:
    command = [sys.executable, "-m", "benchmarks.throughput", "--rows", "2000", "--runs", "1", "--only", *MEASURED]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert re.findall(r"^(\S+): 2,000 rows in ", done.stderr, re.MULTILINE) == MEASURED
    assert "### 2,000 rows\n" in done.stdout
    rates = re.findall(r"^\| ([^|]+) \| [\d,]+ \| [\d.]+ \|", done.stdout, re.MULTILINE)
    assert rates == [
        "**this tap**, JSON pages, RECORD lines",
        "**this tap**, CSV report, RECORD lines",
        "plain SDK `RESTStream`, JSON pages, RECORD lines",
        "floor for JSON: msgspec and nothing else, RECORD lines",
    ]
