# /// script
# requires-python = ">=3.10"
# dependencies = ["duckdb<1.3", "matplotlib~=3.9", "meltano~=4.4"]
# ///
"""Load the sandbox's bill into DuckDB through Meltano, then show it as tables and as a picture."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter

PROJECT = Path(__file__).resolve().parent.parent
DATABASE = PROJECT / "output" / "bill.duckdb"
QUESTIONS = PROJECT / "examples" / "sql"
PICTURE = PROJECT / "output" / "bill.png"
MONTHS = 13

COSTS = """
with months as (select distinct billing_period_id from azure.usage_details order by 1 desc limit ?)
select billing_period_id, service_name, sum(cost)
from azure.usage_details join months using (billing_period_id)
where _sdc_deleted_at is null
group by 1, 2
"""
BALANCES = "select billing_period_id, total_usage from azure.balance_summary where _sdc_deleted_at is null"

Costs = dict[str, dict[str, float]]


def load() -> None:
    """Run the Meltano job for the months shown; without a database, what Meltano remembers of one is void."""
    meltano = str(Path(sys.executable).with_name("meltano"))
    refresh = [] if DATABASE.exists() else ["--full-refresh"]
    settings = {"TAP_AZURE_EA_START_DATE": f"{first_month():%Y-%m-%d}", "NO_COLOR": "1"}
    subprocess.run([meltano, "run", *refresh, "demo"], cwd=PROJECT, check=True, env={**os.environ, **settings})


def first_month() -> datetime:
    """Return the first day of the first month shown."""
    today = datetime.now(tz=timezone.utc)
    months = today.year * 12 + today.month - MONTHS
    return today.replace(year=months // 12, month=months % 12 + 1, day=1)


def read() -> tuple[Costs, dict[str, float], list[str]]:
    """Return the cost of each month and service, the balance of each month, and the services, dearest first."""
    costs: Costs = {}
    totals: dict[str, float] = {}
    with duckdb.connect(str(DATABASE), read_only=True) as database:
        for month, service, cost in sorted(database.execute(COSTS, [MONTHS]).fetchall()):
            costs.setdefault(month, {})[service] = cost
            totals[service] = totals.get(service, 0) + cost
        balances = dict(database.execute(BALANCES).fetchall())
    return costs, balances, sorted(totals, key=lambda service: -totals[service])


def show_table(costs: Costs, balances: dict[str, float], services: list[str]) -> None:
    """Print a line for each month, the lesser services as one, and whether its usage adds up to its balance."""
    shown, others = services[:5], services[5:]
    header = ["month", *shown, "others", "total USD", "balance"]
    rows = []
    for month, by_service in costs.items():
        total = sum(by_service.values())
        amounts = [*(by_service.get(service, 0) for service in shown), sum(by_service.get(s, 0) for s in others), total]
        verdict = "agrees" if round(total, 2) == round(balances[month], 2) else f"is {balances[month]:,.2f}"
        rows.append([month, *(f"{amount:,.2f}" for amount in amounts), verdict])
    show_rows("The bill of each month", header, rows)


def show_answers(*questions: str) -> None:
    """Print what files of SQL answer, and before each what it asks, which is how the file begins."""
    with duckdb.connect(str(DATABASE), read_only=True) as database:
        database.execute((QUESTIONS / "pricing.sql").read_text())
        for question in questions:
            sql = (QUESTIONS / question).read_text()
            answer = database.execute(sql)
            header = [column[0] for column in answer.description or []]
            rows = [["" if cell is None else str(cell) for cell in row] for row in answer.fetchall()]
            show_rows(f"{sql.removeprefix('-- ').partition('?')[0]}? ({question})", header, rows)


def show_rows(title: str, header: list[str], rows: list[list[str]]) -> None:
    """Print a table."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    print(f"\n{title}\n")
    for row in [header, *rows]:
        print("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)))


def draw(costs: Costs, services: list[str]) -> None:
    """Draw the months as stacked bars."""
    figure, axes = plt.subplots(figsize=(11, 5.6), layout="constrained")
    months = [f"{month[:4]}-{month[4:]}" for month in costs]
    colors = mpl.colormaps["tab20c"].colors
    bottom = [0.0] * len(months)
    for number, service in enumerate(services):
        heights = [by_service.get(service, 0) for by_service in costs.values()]
        axes.bar(months, heights, bottom=bottom, label=service, color=colors[number * 2 % 20], width=0.78)
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    for month, total in zip(months, bottom, strict=True):
        axes.annotate(f"{total / 1000:.1f}", (month, total), ha="center", va="bottom", fontsize=9)
    axes.set_title("Azure usage per month and service, thousand USD", loc="left", fontsize=13, pad=12)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:.0f}"))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.01, y=0.08)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    axes.annotate(
        f"The last month is still open. Source: {DATABASE.relative_to(PROJECT)}, the sandbox of tap-azure-ea.",
        (0, -0.11), xycoords="axes fraction", fontsize=8.5, color="#666666",
    )  # fmt: skip
    figure.savefig(PICTURE, dpi=130)


def main() -> None:
    """Load, then show."""
    load()
    costs, balances, services = read()
    show_table(costs, balances, services)
    show_answers("month_to_date.sql", "month_end.sql")
    draw(costs, services)
    print(f"\nThe bill is in {DATABASE.relative_to(PROJECT)}, its picture in {PICTURE.relative_to(PROJECT)}.")


if __name__ == "__main__":
    main()
