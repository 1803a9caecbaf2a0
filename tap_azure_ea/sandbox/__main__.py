"""Serve the sandbox on its own: ``python -m tap_azure_ea.sandbox``."""

from __future__ import annotations

import argparse
import contextlib
import signal
from datetime import date
from inspect import cleandoc

from tap_azure_ea import sandbox
from tap_azure_ea.sandbox.server import ACCOUNT_OWNER_KEY, API_KEY, ENROLLMENT_NUMBER

CONTROL = f"""\
The API key {ACCOUNT_OWNER_KEY} belongs to an account owner and cannot read balances or prices.

It prints everything else that clients need: where to sign in for the Azure Billing APIs, with which tenant, client and
secret, and which certificate to trust there; an access token for clients that do not sign in; and the subscriptions.

While it runs:
  POST /sandbox/restate/202609 restates a billing period, /sandbox/restate/2026-09-07 the usage reported on a day, and
  /sandbox/restate/rate%20card the rate card.
  POST /sandbox/faults queues a fault, a JSON object such as
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
    parser.add_argument(
        "--today", type=date.fromisoformat, help="day of the bill, such as 2026-03-10 (default: today, UTC)"
    )
    parser.add_argument(
        "--size", type=int, default=1, help="multiplies the number of resources and of list prices (default: 1)"
    )
    parser.add_argument("--enrollment-number", default=ENROLLMENT_NUMBER, help=f"default: {ENROLLMENT_NUMBER}")
    parser.add_argument("--api-key", default=API_KEY, help=f"API key that can read everything (default: {API_KEY})")
    # Who is terminated leaves no files behind either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with sandbox.Sandbox(**vars(parser.parse_args())) as served, contextlib.suppress(KeyboardInterrupt):
        print(_greeting(served), flush=True)  # noqa: T201
        served.wait()


def _greeting(served: sandbox.Sandbox) -> str:
    return f"""\
Serving enrollment {served.enrollment_number} at {served.url}, API key {served.api_key}
Sign-in URL: {served.login_url}
Tenant id: {served.tenant_id}
Client id: {served.client_id}
Client secret: {served.client_secret}
Access token: {served.access_token}
Certificate to trust there: {served.certificate}
Subscription ids: {", ".join(served.subscription_ids)}"""


if __name__ == "__main__":
    main()
