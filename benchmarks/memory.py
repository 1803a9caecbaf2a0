"""Measure the peak memory of the tap while it reads a month of charges, or the rate card, from the sandbox."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import requests

from tap_azure_ea.sandbox.catalogue import guid
from tap_azure_ea.tap import TapAzureEA

TODAY = "2026-03-01"
START_DATE = "2026-02-01"


def peak(size: int, stream: str, **settings: str) -> tuple[int, int]:
    """Return the number of rows of a stream and the tap's peak resident memory in MB."""
    command = [sys.executable, "-m", "tap_azure_ea.sandbox", "--port", "0", "--today", TODAY, "--size", str(size)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sandbox,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert sandbox.stdout is not None  # noqa: S101 - it was asked for
        url = sandbox.stdout.readline().split(" at ")[1].split(",")[0]
        # A report is ready at the next poll: nothing is measured by waiting for it.
        at_once = {"path": "submit|/reports/", "headers": {"Retry-After": "0"}, "times": 1000}
        requests.post(f"{url}/sandbox/faults", json=at_once, timeout=10)
        with run_tap(Path(folder), url, stream, settings) as tap:
            assert tap.stdout is not None  # noqa: S101 - it was asked for
            rows = sum(line.startswith(b'{"type":"RECORD"') for line in tap.stdout)
            _, status, usage = os.wait4(tap.pid, 0)
            tap.returncode = os.waitstatus_to_exitcode(status)
        sandbox.terminate()
    if tap.returncode:
        raise SystemExit("the tap failed")
    return rows, usage.ru_maxrss // 1024


def run_tap(folder: Path, url: str, stream: str, settings: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the tap with only this stream selected."""
    config: dict[str, Any] = {
        "enrollment_number": "8675309",
        "api_key": "sandbox-api-key",
        "ea_reporting_url": url,
        "access_token": "sandbox-access-token",
        "subscription_ids": [guid("shop-production")],
        "management_url": url,
        "start_date": START_DATE,
        **settings,
    }
    catalog = TapAzureEA(config=config).catalog_dict
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            metadata["metadata"]["selected"] = entry["stream"] == stream
    for name, content in (("config", config), ("catalog", catalog)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return subprocess.Popen(
        [sys.executable, "-m", "tap_azure_ea", "--config", "config.json", "--catalog", "catalog.json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--size",
        type=int,
        default=540,
        help="multiplies the sandbox's resources; 540 makes a month of a million rows, or 78,300 meters (default: 540)",
    )
    parser.add_argument("--stream", default="usage_details", help="stream to read (default: usage_details)")
    parser.add_argument(
        "--format", choices=["json", "csv"], default="csv", help="format of usage_details (default: csv)"
    )
    arguments = parser.parse_args()
    rows, megabytes = peak(arguments.size, arguments.stream, usage_format=arguments.format)
    print(f"{arguments.stream}: {rows:,} rows, {megabytes} MB at the peak")


if __name__ == "__main__":
    main()
