"""What the demo's page says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

import figures
import page
from questions import Bill, Row
from words import month_label, month_labels, month_name, shown, signed

SHOWN = 6
COMMAND = "uv run --script demo/bill.py"


def write(bill: Bill, html: Path, png: Path) -> None:
    """Write the page, and the picture of the year."""
    picture = figures.bill(bill.costs, bill.balances, bill.services[:SHOWN])
    first, last = (month_name(month) for month in (min(bill.costs), max(bill.costs)))
    title = f"The Azure bill, {first} to {last}"
    subtitle = (
        f"Enrollment {bill.enrollment}, in {bill.currency}, as of {bill.as_of.day} {bill.as_of:%B %Y, %H:%M} UTC. "
        "The enrollment is invented: it is what the sandbox of tap-azure-ea bills."
    )
    extent = f"{len(bill.costs)} stacked bars, each with a mark at what Azure's balance states."
    drawn = page.drawing(picture, "bill", "Cost of each month by service", f"{extent} The table below has the numbers.")
    # On the page, the heading says so.
    picture.suptitle(f"What each month has cost, in thousand {bill.currency}", x=0.01, ha="left", fontsize=14)
    picture.savefig(png, dpi=130)
    parts = [summary(bill), year(bill, drawn), restated(bill), adds_up(bill), moves(bill), sources()]
    html.write_text(page.render(title, subtitle, parts), encoding="utf-8")


def summary(bill: Bill) -> str:
    """Return the three figures that matter most."""
    total = _total(bill)
    changes = charges(bill)
    difference = sum((row["amount_difference"] for row in changes), Decimal(0))
    months = ", ".join(sorted({month_name(row["month"]) for row in changes}))
    count = Counter(row["status"] for row in bill.answers["adds_up"].rows)
    return page.facts(
        (
            month_name(bill.whole_month),
            shown(total["cost"]),
            f"{signed(total['percent'])} % on the month before",
        ),
        ("Restated after the close", signed(difference), months or "no month"),
        (
            "Comparisons that agree",
            f"{count['agrees']} of {count['agrees'] + count['differs']}",
            f"{count['open']} open",
        ),
    )


def _total(bill: Bill) -> Row:
    rows = bill.answers["by_department"].rows
    return next(row for row in rows if row["department"] == "total" and row["month"] == bill.whole_month)


def charges(bill: Bill) -> list[Row]:
    """Return the restatements of usage: what follows from them, such as balances, would count them again."""
    return [row for row in bill.answers["restated"].rows if row["dataset"] == "usage_details"]


def year(bill: Bill, drawing: str) -> str:
    """Return the months, drawn and as a table."""
    header = ["Month", *bill.services[:SHOWN], "Others", "Total", "Balance"]
    rows = [[_cell("month", month), *amounts] for month, *amounts in months(bill)]
    table = page.table("Usage as billed, and the total that Azure's balance states", header, rows)
    text = f"In thousand {bill.currency}, by service. The mark is what Azure's own balance of the month states."
    return page.section("What each month has cost", text, drawing, table)


def months(bill: Bill) -> list[list[str | float]]:
    """Return for each month the cost of the dearest services, of all others, the total, and the balance."""
    dear = bill.services[:SHOWN]
    return [
        [
            month,
            *(costs.get(service, 0.0) for service in dear),
            sum(cost for service, cost in costs.items() if service not in dear),
            sum(costs.values()),
            bill.balances[month],
        ]
        for month, costs in bill.costs.items()
    ]


def restated(bill: Bill) -> str:
    """Return what Azure has changed in months that were over, drawn and as a table."""
    rows = bill.answers["restated"].rows
    if not rows:
        return page.section("What Azure has restated", "Nothing, in months that had been read after they were over.")
    drawn = [
        figures.Restatement(
            f"{month_name(row['month'])}\n{row['dataset']}",
            float(row["amount_before"]), row["rows_before"], float(row["amount"]), row["rows"],
        )
        for row in rows if row["amount"] is not None
    ][:SHOWN]  # fmt: skip
    drawing = page.drawing(
        figures.restatements(drawn),
        "restated",
        "Restated amounts, before and after",
        "The table below has the numbers.",
    )
    header = ["Month", "Dataset", "Rows before", "Rows", "Amount before", "Amount", "Difference", "Read at (UTC)"]
    names = ("month", "dataset", "rows_before", "rows", "amount_before", "amount", "amount_difference", "refreshed_at")
    table = page.table("From period_refreshes, which keeps every reading", header, _rows(rows, names))
    text = "These months were over and had been read. Then Azure changed them, and the tap replaced them exactly."
    return page.section("What Azure has restated", text, drawing, table, new_page=True)


def adds_up(bill: Bill) -> str:
    """Return which comparisons agree, month by month, and those that do not in full."""
    rows = bill.answers["adds_up"].rows
    months = sorted({row["month"] for row in rows})
    columns = dict(zip(months, month_labels(months), strict=True))
    cells = {(_words(row["comparison"]), row["month"]): row["status"] for row in rows}
    comparisons = list(dict.fromkeys(name for name, _ in cells))
    content = [page.grid("From period_reconciliation:", comparisons, columns, cells)]
    if differing := [row for row in rows if row["status"] == "differs"]:
        header = ["Month", "Comparison", "Left", "Amount", "Right", "Amount", "Difference"]
        names = ("month", "comparison", "left_name", "left_amount", "right_name", "right_amount", "difference")
        content.append(page.table("What differs", header, _rows(differing, names)))
    return page.section("Does it add up?", verdict(rows), *content)


def verdict(rows: Sequence[Row]) -> str:
    """Say in a sentence whether what was loaded adds up."""
    count = Counter(row["status"] for row in rows)
    differ = "none differs" if not count["differs"] else f"{count['differs']} do not"
    over = count["agrees"] + count["differs"]
    return (
        f"Of {over} comparisons of what was loaded with what Azure states, {count['agrees']} agree and {differ}; "
        f"{count['open']} more are open, as their month is."
    )


def moves(bill: Bill) -> str:
    """Return what has moved, by department and below, and what has no owner."""
    answers, month = bill.answers, month_name(bill.whole_month)
    departments = [row for row in answers["by_department"].rows if row["month"] == bill.whole_month]
    amounts = ("cost_before", "cost", "difference")
    compared = ("Before", month, "Difference")
    by_department = page.table(
        "By department",
        ("Department", *compared, "%"),
        _rows(departments, ("department", *amounts, "percent")),
        total=True,
    )
    movers = page.table(
        "Top movers",
        ("Subscription", "Resource group", "Service", *compared),
        _rows(answers["top_movers"].rows, ("subscription", "resource_group", "service", *amounts)),
    )
    untagged = answers["untagged"].rows
    tag, newest = untagged[0]["tag"], month_name(untagged[0]["month"])
    without = page.table(
        f"Cost without the tag {tag}, {newest} so far",
        ("Department", "Subscription", "Cost", "Untagged", "%"),
        _rows(untagged, ("department", "subscription", "cost", "untagged", "percent")),
        total=True,
    )
    text = f"{month} beside the month before, and who has not said whose cost it is."
    return page.section("What has moved", text, by_department, movers, without, new_page=True)


def sources() -> str:
    """Return how to get this page again."""
    text = (
        f"In a clone of tap-azure-ea, {COMMAND} loads the months into output/bill.duckdb and writes this page. "
        "Every table is a file in examples/sql, or a sum of usage_details."
    )
    return page.section("How to reproduce", text)


def _rows(rows: Iterable[Row], names: Sequence[str]) -> list[list[object]]:
    return [[_cell(name, row[name]) for name in names] for row in rows]


def _cell(name: str, value: object) -> object:
    if name == "month":
        return month_label(str(value))
    if name == "refreshed_at":
        return f"{value:%Y-%m-%d %H:%M}"
    return _words(str(value)) if name == "comparison" else value


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
