"""What the demo's page says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import page
from questions import Bill, Row
from words import cell, month_label, month_labels, month_name, shown, signed, words

COMMAND = "uv run --script demo/bill.py"


def render(bill: Bill, year_drawing: str, restated_drawing: str) -> str:
    """Return the page, with what was drawn of the year and of restatements."""
    first, last = (month_name(month) for month in (min(bill.costs), max(bill.costs)))
    title = f"The Azure bill, {first} to {last}"
    subtitle = (
        f"Enrollment {bill.enrollment}, in {bill.currency}, as of {bill.as_of.day} {bill.as_of:%B %Y, %H:%M} UTC. "
        "The enrollment is fictitious: its bill comes from the sandbox of tap-azure-ea."
    )
    drawn = [year(bill, year_drawing), restated(bill, restated_drawing)]
    return page.render(title, subtitle, [summary(bill), *drawn, adds_up(bill), moves(bill), sources()])


def summary(bill: Bill) -> str:
    """Return the three figures that matter most."""
    total = _closed(bill)[-1]
    # What follows from usage, such as balances, would count its restatements again.
    changes = [row for row in bill.answers["restated"].rows if row["dataset"] == "usage_details"]
    difference = sum(row["amount_difference"] for row in changes)
    months = ", ".join(map(month_name, sorted({row["month"] for row in changes})))
    count = Counter(row["status"] for row in bill.answers["adds_up"].rows)
    return page.facts(
        (month_name(bill.closed_month), shown(total["cost"]), f"{signed(total['percent'])}% from the month before"),
        ("Restated after close", signed(difference), months or "no month"),
        (
            "Comparisons that agree",
            f"{count['agrees']} of {count['agrees'] + count['differs']}",
            f"{count['open']} still open",
        ),
    )


def _closed(bill: Bill) -> list[Row]:
    """Return the departments in the closed month, and last their total."""
    return [row for row in bill.answers["by_department"].rows if row["month"] == bill.closed_month]


def year(bill: Bill, drawing: str) -> str:
    """Return the months, drawn and as a table."""
    table = page.table("Usage as billed, and the total in Azure's balance", *months(bill))
    text = f"The chart is in thousands of {bill.currency}. Its diamonds mark the totals in Azure's balances."
    return page.section("Monthly cost", text, drawing, table)


def months(bill: Bill) -> tuple[list[str], list[list[object]]]:
    """Return the table of months: the cost of the dearest services, of all others, the total, and the balance."""
    header = ["Month", *bill.services, "Others", "Total", "Balance"]
    return header, [
        [
            month_label(month) + bill.so_far(month),
            *(costs.get(service, 0.0) for service in bill.services),
            sum(cost for service, cost in costs.items() if service not in bill.services),
            sum(costs.values()),
            bill.balances[month],
        ]
        for month, costs in bill.costs.items()
    ]


def restated(bill: Bill, drawing: str) -> str:
    """Return what Azure has changed in months that were over, drawn and as a table."""
    rows = bill.answers["restated"].rows
    heading = "What Azure restated"
    if not rows:
        return page.section(heading, "No closed month has changed since it was read.")
    header = ["Month", "Dataset", "Rows before", "Rows now", "Amount before", "Amount now", "Difference", "Read (UTC)"]
    names = ("month", "dataset", "rows_before", "rows", "amount_before", "amount", "amount_difference", "refreshed_at")
    table = page.table("From period_refreshes, the log of every reading", header, _rows(rows, names))
    text = "Azure changed these months after they had closed and been read. The tap then replaced them exactly."
    return page.section(heading, text, drawing, table, new_page=True)


def adds_up(bill: Bill) -> str:
    """Return which comparisons agree, month by month, and those that do not in full."""
    rows = bill.answers["adds_up"].rows
    months = sorted({row["month"] for row in rows})
    columns = dict(zip(months, month_labels(months), strict=True))
    cells = {(words(row["comparison"]), row["month"]): row["status"] for row in rows}
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
    differing, over = count["differs"], count["differs"] + count["agrees"]
    compared = f"{over} comparisons between the loaded data and Azure's own figures"
    found = f"{differing} of {compared} differ{'s' * (differing == 1)}" if differing else f"All {compared} agree"
    return found + (f"; for {count['open']} more, the month is not over yet." if count["open"] else ".")


def moves(bill: Bill) -> str:
    """Return what has moved, by department and below, and what has no tag."""
    answers, month = bill.answers, month_name(bill.closed_month)
    amounts = ("cost_before", "cost", "difference")
    compared = ("Month before", month, "Difference")
    by_department = page.table(
        "By department",
        ("Department", *compared, "%"),
        _rows(_closed(bill), ("department", *amounts, "percent")),
        total=True,
    )
    movers = page.table(
        "Top movers",
        ("Subscription", "Resource group", "Service", *compared),
        _rows(answers["top_movers"].rows, ("subscription", "resource_group", "service", *amounts)),
    )
    untagged = answers["untagged"].rows
    tag, newest = untagged[0]["tag"], untagged[0]["month"]
    without = page.table(
        f"Cost without the {tag} tag, {month_name(newest)}{bill.so_far(newest)}",
        ("Department", "Subscription", "Cost", "Untagged", "%"),
        _rows(untagged, ("department", "subscription", "cost", "untagged", "percent")),
        total=True,
    )
    text = f"{month} compared with the month before, and cost without the {tag} tag."
    return page.section("What has moved", text, by_department, movers, without, new_page=True)


def sources() -> str:
    """Return how to get this page again."""
    text = (
        f'In a clone of tap-azure-ea, "{COMMAND}" loads the months into output/bill.duckdb and writes this page. '
        "Each table is the answer to a query in examples/sql, or a sum over usage_details."
    )
    return page.section("How to reproduce this page", text)


def _rows(rows: Iterable[Row], names: Sequence[str]) -> list[list[object]]:
    return [[cell(name, row[name]) for name in names] for row in rows]
