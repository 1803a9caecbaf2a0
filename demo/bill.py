# /// script
# requires-python = ">=3.10"
# dependencies = ["duckdb<1.3", "matplotlib~=3.9", "meltano~=4.4", "tap-azure-ea"]
#
# [tool.uv.sources]
# tap-azure-ea = { path = "..", editable = true }
# ///
"""Load the sandbox's bill into DuckDB through Meltano, before and after a restatement, then show it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import figures
import report
import terminal
from questions import Answer, ask
from words import cell, month_name, words

from tap_azure_ea.sandbox import Sandbox

PROJECT = Path(__file__).resolve().parent.parent
OUTPUT = PROJECT / "output"
DATABASE, LOG, PAGE, PICTURE = (OUTPUT / name for name in ("bill.duckdb", "meltano.log", "bill.html", "bill.png"))
MONTHS = 13
MELTANO, ENVIRONMENT = str(Path(sys.executable).with_name("meltano")), "--environment=sandbox"
STATE = "sandbox:tap-azure-ea-to-target-duckdb"
QUIET = {"NO_COLOR": "1"}
READ = re.compile(r"Finished (\w+: .* [1-9][\d,]* rows?)\b")


def load() -> None:
    """Load the year as the sandbox bills it now; before the first time, one of its months as it was when it closed."""
    with Sandbox() as sandbox:
        bill = sandbox.bill
        if not DATABASE.exists():
            forget()
            month = bill.periods[2]
            print(f"Usage of {month_name(month)}, as it was when the month closed:", flush=True)
            bill.restatements[month] = -bill.revision(month)
            run_meltano(sandbox, *bill.days(month), ["billing_periods", "balance_summary", "usage_details", "period_*"])
            bill.restatements.clear()
        print(f"\n{MONTHS} months, as they are now:", flush=True)
        first_day, _ = bill.days(bill.periods[MONTHS - 1])
        run_meltano(sandbox, first_day, bill.today, ["*"])


def forget() -> None:
    """Clear what Meltano remembers of a database that is gone."""
    if (PROJECT / ".meltano").exists():
        command = [MELTANO, "--log-level=warning", ENVIRONMENT, "state", "clear", "--force", STATE]
        subprocess.run(command, cwd=PROJECT, check=True, env={**os.environ, **QUIET})


def run_meltano(sandbox: Sandbox, first_day: date, last_day: date, streams: list[str]) -> None:
    """Run the Meltano job for these days and streams, and print of its log what was read."""
    settings = {
        "TAP_AZURE_EA_START_DATE": str(first_day),
        "TAP_AZURE_EA_END_DATE": str(last_day),
        "TAP_AZURE_EA__SELECT": json.dumps([f"{stream}.*" for stream in streams]),
    }
    with (
        LOG.open("a", encoding="utf-8") as log,
        subprocess.Popen(
            [MELTANO, ENVIRONMENT, "run", "demo"],
            cwd=PROJECT, env={**os.environ, **QUIET, **of(sandbox), **settings}, stderr=subprocess.PIPE, text=True,
        ) as process,
    ):  # fmt: skip
        for line in process.stderr or ():
            log.write(line)
            if read := READ.search(line):
                print(f"  {read[1]}", flush=True)
    if process.returncode:
        sys.exit("".join(LOG.read_text(encoding="utf-8").splitlines(keepends=True)[-30:]))


def of(sandbox: Sandbox) -> dict[str, str]:
    """Return the settings that let the tap read this sandbox instead of one that it would start itself."""
    return {
        "TAP_AZURE_EA_SANDBOX": "false",
        "TAP_AZURE_EA_ENROLLMENT_NUMBER": sandbox.enrollment_number,
        "TAP_AZURE_EA_API_KEY": sandbox.api_key,
        "TAP_AZURE_EA_ACCESS_TOKEN": sandbox.access_token,
        "TAP_AZURE_EA_SUBSCRIPTION_IDS": json.dumps(sandbox.subscription_ids),
        "TAP_AZURE_EA_EA_REPORTING_URL": sandbox.url,
        "TAP_AZURE_EA_MANAGEMENT_URL": sandbox.url,
    }


def show(answer: Answer, *columns: str) -> None:
    """Print an answer, or some of its columns."""
    names = columns or answer.header
    rows = [[cell(name, row[name]) for name in names] for row in answer.rows]
    print(terminal.table(answer.question, [words(name) for name in names], rows))


def main() -> None:
    """Load, then show."""
    load()
    bill = ask(DATABASE, MONTHS)
    print(terminal.table("What has each month cost, by service?", *report.months(bill)))
    amounts = ("rows_before", "rows", "amount_before", "amount", "amount_difference")
    show(bill.answers["restated"], "month", "dataset", *amounts)
    show(bill.answers["month_to_date"])
    show(bill.answers["month_end"])
    PAGE.write_text(report.render(bill, figures.year(bill, PICTURE), figures.restatements(bill)), encoding="utf-8")
    print(f"\n{report.verdict(bill.answers['adds_up'].rows)}")
    print(f"Open {PAGE.relative_to(PROJECT)}; the data is in {DATABASE.relative_to(PROJECT)}.")


if __name__ == "__main__":
    main()
