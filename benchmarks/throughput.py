"""Measure how fast this tap and other tools read the same rows from the same server.

Every run is that of a whole process, including start-up, and must produce every row.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.measure import FailedError, Usage, run
from benchmarks.results import facts, table, write
from benchmarks.roster import LOADING, READING, Contender
from benchmarks.site import Site


@contextmanager
def serving(rows: int, folder: Path) -> Iterator[str]:
    """Serve this number of rows, from files in the folder."""
    command = [sys.executable, "-m", "benchmarks.server", "--rows", str(rows), "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None  # noqa: S101 - it was asked for
        try:
            url = server.stdout.readline().strip()
            if not url:
                raise SystemExit("the server failed")
            yield url
        finally:
            server.terminate()


def measure(contender: Contender, rows: int, url: str, served: Path) -> Usage:
    """Run once, in an empty folder; raise ``FailedError`` if that did not produce every row."""
    with TemporaryDirectory() as folder:
        work = Path(folder)
        usage, output = run(contender.pipeline(Site(url, served, work)), work)
        found = contender.count(output, work)
    if found != rows:
        raise FailedError(f"{found:,} rows instead of {rows:,}")
    return usage


def compare(rows: int, runs: int, chosen: Mapping[str, Contender]) -> dict[str, Usage | None]:
    """Run all in turn, ``runs`` times, and return the medians; None for what failed, with the reason on stderr."""
    usages: dict[str, list[Usage]] = {key: [] for key in chosen}
    failed: set[str] = set()
    with TemporaryDirectory() as folder, serving(rows, Path(folder)) as url:
        for number in range(1, runs + 1):
            for key in [key for key in chosen if key not in failed]:
                try:
                    usage = measure(chosen[key], rows, url, Path(folder))
                except (FailedError, subprocess.CalledProcessError) as error:
                    failed.add(key)
                    print(f"{key} is not available: {error}", file=sys.stderr)
                else:
                    usages[key].append(usage)
                    print(f"{key}: {rows:,} rows in {usage.seconds:.2f} s (run {number} of {runs})", file=sys.stderr)
    return {key: None if key in failed else _median(usages[key]) for key in chosen}


def _median(usages: list[Usage]) -> Usage:
    return Usage(
        median(usage.seconds for usage in usages),
        median(usage.cpu_seconds for usage in usages),
        median(usage.megabytes for usage in usages),
    )


def main() -> None:
    """Measure and print; with ``--write``, put the tables into the documentation."""
    everyone = {**READING, **LOADING}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[100_000], help="number of rows, or several numbers (default: 100000)"
    )
    parser.add_argument(
        "--runs", type=int, default=3, help="runs of each contender, whose median is shown (default: 3)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=everyone,
        default=list(everyone),
        metavar="CONTENDER",
        help="contenders to measure (default: all): %(choices)s",
    )
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    arguments = parser.parse_args()
    chosen = {key: contender for key, contender in everyone.items() if key in arguments.only}
    parts = [facts(arguments.runs, chosen)]
    for rows in arguments.rows:
        usages = compare(rows, arguments.runs, chosen)
        parts.append(f"### {rows:,} rows")
        if usages.keys() & READING:
            parts += ["Read:", table(READING, rows, usages, "sdk", "the plain SDK")]
        if usages.keys() & LOADING:
            parts += ["Read and loaded into DuckDB:", table(LOADING, rows, usages, "load-records", "RECORD lines")]
    if "csv" in chosen:
        steps = [sys.executable, "-m", "benchmarks.steps"]
        printed = subprocess.run(steps, capture_output=True, text=True, check=True).stdout.strip()
        parts += ["### Where the time of a CSV report goes", printed]
    text = "\n\n".join(parts)
    print(text)
    if arguments.write:
        write(text)


if __name__ == "__main__":
    main()
