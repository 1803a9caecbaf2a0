"""Serve the sandbox by itself: ``python -m tap_azure_ea.sandbox``."""

from __future__ import annotations

import argparse
import contextlib
from datetime import date
from inspect import cleandoc

from tap_azure_ea import sandbox
from tap_azure_ea.sandbox.server import ACCOUNT_OWNER_KEY, API_KEY, ENROLLMENT_NUMBER

CONTROL = f"""\
The API key {ACCOUNT_OWNER_KEY} is an account owner's: it may read no balances and no prices.

While it runs:
  POST /sandbox/restate/202609 restates a billing period.
  POST /sandbox/faults says what happens next, as a JSON object such as
    {{"path": "usagedetails", "status": 429, "headers": {{"Retry-After": "3"}}, "times": 2}}"""


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m tap_azure_ea.sandbox",
        description=sandbox.__doc__,
        epilog=f"{CONTROL}\n\nA fault: {cleandoc(sandbox.Fault.__doc__ or '')}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8080, help="port on 127.0.0.1 (default: 8080)")
    parser.add_argument("--today", type=date.fromisoformat, help="the day of the bill (default: today, UTC)")
    parser.add_argument("--size", type=int, default=1, help="multiplies the number of resources (default: 1)")
    parser.add_argument("--enrollment-number", default=ENROLLMENT_NUMBER, help=f"default: {ENROLLMENT_NUMBER}")
    parser.add_argument("--api-key", default=API_KEY, help=f"reads everything (default: {API_KEY})")
    with sandbox.Sandbox(**vars(parser.parse_args())) as served, contextlib.suppress(KeyboardInterrupt):
        print(f"Serving enrollment {served.enrollment_number} at {served.url}, API key {served.api_key}", flush=True)  # noqa: T201
        served.wait()


if __name__ == "__main__":
    main()
