"""The questions of finance in examples/sql, in DuckDB and PostgreSQL, against sums over the sandbox's own rows.

And the page of the demo, which shows the answers.
"""

from __future__ import annotations

import importlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pendulum
import pytest

from tap_azure_ea.datasets.billing.rate_card import RateCardMeters
from tap_azure_ea.datasets.billing.resource_usage import ResourceUsage
from tap_azure_ea.sandbox import Fault, Sandbox
from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.messages import encode
from tests import databases
from tests.conftest import Record, Run, Target, settings, sync
from tests.databases import Database

PROJECT = Path(__file__).parent.parent
FOLDER, DEMO = PROJECT / "examples" / "sql", PROJECT / "demo"
STREAMS: dict[str, list[str] | None] = dict.fromkeys([
    "usage_details", "marketplace_charges", "balance_summary", "period_refreshes", "period_reconciliation",
])  # fmt: skip
RESTATED, WRONG, TOO_MUCH = "202601", "202512", Decimal("12.34")
CENT, TENTH = Decimal("0.01"), Decimal("0.1")
ZERO = Decimal(0)
# A subscription, a resource group and a service without a name.
NAMELESS = ("(none)", "(none)", "(none)")
MINUS, EN_DASH = "\N{MINUS SIGN}", "\N{EN DASH}"

Key = tuple[Any, ...]


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT)


def percent(part: Decimal, whole: Decimal) -> Decimal:
    return (100 * part / whole).quantize(TENTH)


@dataclass
class Loaded:
    """What the tap read of a sandbox that restated a month in between, and what that month was before."""

    bill: Bill
    before: list[Record]
    target: Target
    first: Run

    @property
    def months(self) -> list[str]:
        """The months, oldest first."""
        return self.bill.periods[::-1]

    def sums(self, month: str, key: Callable[[Record], Key]) -> dict[Key, Decimal]:
        found: dict[Key, Decimal] = defaultdict(Decimal)
        for row in self.bill.usage(month):
            found[key(row)] += row["cost"]
        return found


@contextmanager
def sandbox_on(day: date, first_day: date) -> Iterator[Sandbox]:
    """Serve the sandbox on a day that is today for the tap too."""
    with Sandbox(today=day, first_day=first_day) as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pendulum, "now", lambda tz="UTC": pendulum.datetime(day.year, day.month, day.day, 12, tz=tz))
        yield sandbox


@pytest.fixture(scope="module")
def loaded() -> Iterator[Loaded]:
    with sandbox_on(date(2026, 3, 10), date(2025, 12, 1)) as sandbox:
        bill = sandbox.bill
        wrong = bill.balance(WRONG)
        body = encode({**wrong, "totalUsage": wrong["totalUsage"] + TOO_MUCH})
        sandbox.faults.append(Fault(f"{WRONG}/balancesummary", body=body.decode()))
        bill.restatements[RESTATED] = -bill.revision(RESTATED)
        before = list(bill.usage(RESTATED))
        target = Target()
        first = sync(settings(sandbox), select=STREAMS)
        target.load(first.messages)
        bill.restatements.clear()
        target.load(sync(settings(sandbox), target.state, select=STREAMS).messages)
        yield Loaded(bill, before, target, first)


@pytest.fixture(scope="module", params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, loaded: Loaded) -> Iterator[Database]:
    with databases.database(request) as made:
        fill(made, loaded.first, loaded.target)
        yield made


def fill(database: Database, run: Run, target: Target) -> None:
    """Make the tables that the run has schemas of, with what the target holds."""
    for message in run.messages:
        if message["type"] == "SCHEMA":
            database.create(message["stream"], message["schema"]["properties"])
    for stream, rows in target.tables.items():
        database.insert(stream, list(rows.values()))


def ask(database: Database, question: str, **edited: str) -> list[Key]:
    """Return the rows of a file, in which texts have been edited as its comment says."""
    sql = (FOLDER / f"{question}.sql").read_text(encoding="utf-8")
    for old, new in edited.items():
        assert sql.count(EDITED[old]) == 1
        sql = sql.replace(EDITED[old], new)
    return database.run(sql)


EDITED = {
    "first_month": "'202501'",
    "since": "'2026-01-01'",
    "tag": "'owner'",
    "untagged_month": "(select max(billing_period_id) from azure.usage_details where _sdc_deleted_at is null)",
    "month": "cast(null as text)",
    "lines": "10 as lines",
}


# What holds of several of them.


def charge(row: Record) -> Record:
    return {"enrollment_number": "1", "billing_period_id": "209901", "department_name": "IT", "cost": 1, **row}


def test_there_is_no_percentage_of_less_than_a_cent_that_a_refund_leaves(database: Database) -> None:
    # As DOUBLE, 0.1 + 0.2 - 0.3 is 5E-17.
    costs = [charge({"cost": cost}) for cost in (0.1, 0.2, Decimal("1E-16"))]
    refund = charge({"cost": -0.3, "tags": {"owner": "me"}})
    with database.undone():
        database.run("delete from azure.usage_details")
        database.insert("usage_details", [*costs, refund, charge({"billing_period_id": "209902"})])
        by_department = ask(database, "by_department")
        untagged = ask(database, "untagged", untagged_month="'209901'")
    assert by_department == [
        ("209902", "IT", 0, 1, 1, None, "1"),
        ("209902", "total", 0, 1, 1, None, "1"),
        ("209901", "IT", None, 0, None, None, "1"),
        ("209901", "total", None, 0, None, None, "1"),
    ]
    assert untagged == [
        ("209901", "owner", "IT", "(none)", 0, Decimal("0.3"), None, "1"),
        ("209901", "owner", "total", "", 0, Decimal("0.3"), None, "1"),
    ]


def test_amounts_of_two_enrollments_are_never_added_up(database: Database) -> None:
    earlier = [charge({"enrollment_number": number, "cost": cost}) for number, cost in {"1": 10, "2": 1000}.items()]
    later = [{**row, "billing_period_id": "209902", "cost": 2 * row["cost"]} for row in earlier]
    with database.undone():
        database.run("delete from azure.usage_details")
        database.insert("usage_details", [*earlier, *later, charge({"enrollment_number": "2", "cost": 5})])
        by_department = ask(database, "by_department", first_month="'209902'")
        movers = ask(database, "top_movers", month="'209902'", lines="1 as lines")
        untagged = ask(database, "untagged")
    assert by_department == [
        ("209902", "IT", 10, 20, 10, 100, "1"),
        ("209902", "total", 10, 20, 10, 100, "1"),
        ("209902", "IT", 1005, 2000, 995, 99, "2"),
        ("209902", "total", 1005, 2000, 995, 99, "2"),
    ]
    assert movers == [
        ("209902", *NAMELESS, 10, 20, 10, "1"),
        ("209902", *NAMELESS, 1005, 2000, 995, "2"),
    ]
    assert untagged == [
        ("209902", "owner", "IT", "(none)", 20, 20, 100, "1"),
        ("209902", "owner", "total", "", 20, 20, 100, "1"),
        ("209902", "owner", "IT", "(none)", 2000, 2000, 100, "2"),
        ("209902", "owner", "total", "", 2000, 2000, 100, "2"),
    ]


# Month over month by department.


def department(row: Record) -> Key:
    return (row["departmentName"],)


def test_each_department_and_the_total_is_held_against_its_month_before(loaded: Loaded, database: Database) -> None:
    enrollment, expected = loaded.bill.enrollment_number, list[Key]()
    for month, previous in zip(loaded.months[::-1], [*loaded.months[-2::-1], None], strict=True):
        costs = loaded.sums(month, department)
        earlier = loaded.sums(previous, department) if previous else {}
        dearest = sorted(costs, key=lambda key: -costs[key])
        lines = [(name, costs[name,], earlier.get((name,))) for (name,) in dearest]
        lines.append(("total", sum(costs.values(), ZERO), sum(earlier.values(), ZERO) if previous else None))
        expected += [
            (month, name, cents(before), cents(cost), cents(cost - before), percent(cost - before, before), enrollment)
            if before is not None
            else (month, name, None, cents(cost), None, None, enrollment)
            for name, cost, before in lines
        ]
    assert ask(database, "by_department") == expected
    assert len(expected) == 4 * 5
    assert ask(database, "by_department", first_month="'202602'") == expected[:10]


def test_a_department_that_comes_or_goes_has_cost_nothing_before_or_since(database: Database) -> None:
    # One may be called total.
    came = [charge({"department_name": None, "cost": 5}), charge({"department_name": "total", "cost": 3})]
    with database.undone():
        database.run("delete from azure.usage_details")
        database.insert("usage_details", [charge({"billing_period_id": "209812", "cost": 4}), *came])
        rows = ask(database, "by_department", first_month="'209901'")
    assert rows == [
        ("209901", "(none)", 0, 5, 5, None, "1"),
        ("209901", "total", 0, 3, 3, None, "1"),
        ("209901", "IT", 4, 0, -4, -100, "1"),
        ("209901", "total", 4, 8, 4, 100, "1"),
    ]


# Top movers.


def purpose(row: Record) -> Key:
    return row["subscriptionName"], row["resourceGroup"], row["serviceName"]


def movers(loaded: Loaded, month: str, previous: str) -> list[Key]:
    costs, earlier = loaded.sums(month, purpose), loaded.sums(previous, purpose)
    moved = {key: costs.get(key, ZERO) - earlier.get(key, ZERO) for key in costs.keys() | earlier.keys()}
    lines = [
        (*key, cents(earlier.get(key, ZERO)), cents(costs.get(key, ZERO)), cents(moved[key]))
        for key in sorted(moved, key=lambda key: (-abs(moved[key]), key))
    ]
    return [(month, *line, loaded.bill.enrollment_number) for line in lines]


def test_the_top_movers_are_those_of_the_newest_month_that_is_over_or_of_the_one_asked_for(
    loaded: Loaded, database: Database
) -> None:
    assert ask(database, "top_movers") == movers(loaded, "202602", "202601")[:10]
    everything = movers(loaded, "202603", "202602")
    assert ask(database, "top_movers", month="'202603'", lines="99 as lines") == everything
    assert len(everything) > 15
    assert sum(row[-2] for row in everything) == pytest.approx(
        sum(loaded.sums("202603", department).values()) - sum(loaded.sums("202602", department).values()), abs=CENT * 10
    )


@pytest.mark.parametrize(
    ("newest_usage", "over"),
    [
        # As it is on the last day of a month, on the first of the next, and on the second.
        ("2099-01-30", "209812"),
        ("2099-01-31", "209901"),
        ("2099-02-01", "209901"),
    ],
)
def test_a_month_is_over_when_there_is_usage_of_its_last_day_or_of_a_later_one(
    database: Database, newest_usage: str, over: str
) -> None:
    days = ["2098-11-30", "2098-12-02", "2099-01-09", newest_usage]
    usage = [charge({"billing_period_id": f"{day[:4]}{day[5:7]}", "date": day, "cost": 0}) for day in days]
    other = charge({"enrollment_number": "2", "billing_period_id": "209904", "date": "2099-04-30"})
    with database.undone():
        database.run("delete from azure.usage_details")
        database.insert("usage_details", [*usage, other])
        assert ask(database, "top_movers") == [(over, *NAMELESS, 0, 0, 0, "1")]


def test_with_one_month_there_is_nothing_that_has_moved(database: Database) -> None:
    with database.undone():
        database.run("delete from azure.usage_details where billing_period_id <> '202602'")
        assert ask(database, "top_movers") == []


# What was restated.


def test_what_was_restated_is_told_with_rows_and_amounts_before_and_after_to_the_cent(
    loaded: Loaded, database: Database
) -> None:
    rows = [row for row in ask(database, "restated") if row[1] == "usage_details"]
    before = sum((row["cost"] for row in loaded.before), ZERO)
    now = sum((row["cost"] for row in loaded.bill.usage(RESTATED)), ZERO)
    counted = len(loaded.before), len(loaded.bill.usage(RESTATED)), 0
    amounts = cents(before), cents(now), cents(now - before)
    assert [row[1:] for row in rows] == [
        ("usage_details", loaded.bill.enrollment_number, RESTATED, *counted, *amounts, rows[0][-1])
    ]
    assert before != now


def test_nothing_is_restated_after_the_last_day(database: Database) -> None:
    assert ask(database, "restated", since="'2099-01-01'") == []


def test_a_month_that_was_still_growing_and_one_that_is_the_same_again_are_not_restated(database: Database) -> None:
    refresh = {
        "dataset": "usage_details", "scope": "1", "billing_period_id": "209901", "refreshed_at": "2099-02-03T00:00:00Z",
        "reason": "restated", "etag_before": "a", "etag": "b", "rows_before": 2, "rows": 2, "deleted_rows": 0,
        "amount_before": 1, "amount": 1, "amount_difference": 0, "already_read_after_close": True,
    }  # fmt: skip
    others: list[Record] = [
        {"already_read_after_close": False, "rows": 3},
        {"reason": "settings", "rows": 3},
        {"reason": "first"},
        {"etag_before": None, "etag": None},
    ]
    with database.undone():
        database.insert("period_refreshes", [{**refresh, **other} for other in others])
        assert ask(database, "restated", since="'2099-01-01'") == []
        database.insert("period_refreshes", [refresh])
        assert [row[3:] for row in ask(database, "restated", since="'2099-01-01'")] == [
            ("209901", 2, 2, 0, 1, 1, 0, None)
        ]


# Untagged cost.


@pytest.mark.parametrize(("tag", "month"), [("owner", "202603"), ("env", "202602")])
def test_what_has_no_tag_or_an_empty_one_is_told_by_department_and_subscription(
    loaded: Loaded, database: Database, tag: str, month: str
) -> None:
    def place(row: Record) -> Key:
        return row["departmentName"], row["subscriptionName"]

    def tagged_place(row: Record) -> Key:
        return (*place(row), tag in json.loads(row["tags"] or "{}"))

    costs, by_tag = loaded.sums(month, place), loaded.sums(month, tagged_place)
    untagged = {key: by_tag.get((*key, False), ZERO) for key in costs}
    lines = [(*key, costs[key], untagged[key]) for key in sorted(costs, key=lambda key: (-untagged[key], key))]
    lines.append(("total", "", sum(costs.values(), ZERO), sum(untagged.values(), ZERO)))
    asked = ask(database, "untagged", tag=f"'{tag}'", untagged_month=f"'{month}'")
    assert asked == [
        (month, tag, *key, cents(cost), cents(without), percent(without, cost), loaded.bill.enrollment_number)
        for *key, cost, without in lines
    ]
    assert 0 < asked[-1][5] < asked[-1][4]
    if month == loaded.bill.periods[0]:
        assert ask(database, "untagged", tag=f"'{tag}'") == asked


def count_untagged(database: Database, tags: list[Record | None], **edited: str) -> int:
    """Return of how many charges with these tags the one asked for is told to be missing."""
    with database.undone():
        database.insert("usage_details", [charge({"tags": tag}) for tag in tags])
        rows = ask(database, "untagged", **edited)
    count = rows[0][5]
    total = Decimal(len(tags)), count, percent(count, Decimal(len(tags))), "1"
    assert [row[2:] for row in rows] == [("IT", "(none)", *total), ("total", "", *total)]
    return int(count)


def test_an_empty_tag_is_none(database: Database) -> None:
    assert count_untagged(database, [{"owner": ""}, {"owner": None}, {"app": "me"}, {}, None, {"owner": "me"}]) == 5


@pytest.mark.parametrize("tag", ["owner", "Owner", "OWNER"])
def test_names_of_tags_are_the_same_in_any_case(database: Database, tag: str) -> None:
    tags: list[Record | None] = [{"owner": "me"}, {"Owner": "me"}, {"app": "x", "OWNER": "ME"}, {"own": "Owner"}]
    assert count_untagged(database, tags, tag=f"'{tag}'") == 1


@pytest.mark.parametrize(
    "tag", ["/owner", "$o", "$.owner", "a/b", "~1", "hidden-link:/a.b", 'a "b"', "*", "0", "Größe"]
)
def test_a_tag_may_have_any_name(database: Database, tag: str) -> None:
    assert count_untagged(database, [{tag: "x"}, {tag: ""}, {"owner": "x", "o": "x", "b": "x"}], tag=f"'{tag}'") == 2


# Does it add up?


def test_all_adds_up_to_the_balance_but_the_month_in_which_azure_states_another_one(
    loaded: Loaded, database: Database
) -> None:
    bill = loaded.bill
    expected = {}
    for month in bill.periods:
        balance = bill.balance(month)
        wrong = TOO_MUCH if month == WRONG else ZERO
        status = "open" if month == bill.periods[0] else "agrees"
        usage = sum((row["cost"] for row in bill.usage(month)), ZERO)
        marketplace = sum((row["extendedCost"] for row in bill.marketplace(month)), ZERO)
        for comparison, left, right, verdict in [
            ("usage_and_balance", usage, balance["totalUsage"] + wrong, "differs" if wrong else status),
            ("marketplace_and_balance", marketplace, balance["azureMarketplaceServiceCharges"], status),
            ("overage", balance["totalOverage"], balance["totalOverage"], status),
            ("ending_balance", balance["endingBalance"], balance["endingBalance"], status),
        ]:
            expected[month, comparison] = (verdict, cents(left), cents(right), cents(left - right))
    rows = ask(database, "adds_up")
    assert {(row[1], row[2]): (row[0], row[5], row[7], row[8]) for row in rows} == expected
    assert (len(rows), {row[3] for row in rows}) == (len(expected), {bill.enrollment_number})
    assert rows[0][:9] == (
        "differs", WRONG, "usage_and_balance", bill.enrollment_number, "usage_details.cost", rows[0][5],
        "balance_summary.total_usage", rows[0][7], -TOO_MUCH,
    )  # fmt: skip
    assert [row[0] for row in rows] == ["differs"] + ["open"] * 4 + ["agrees"] * 11
    assert ask(database, "adds_up", first_month="'202602'") == [row for row in rows if row[1] >= "202602"]


# The demo's page.


@pytest.fixture(scope="module")
def demo() -> Iterator[Callable[[str], ModuleType]]:
    """Import a module of the demo, which is a script and what lies beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DEMO))
        yield importlib.import_module


@contextmanager
def bill_on(day: date, folder: Path) -> Iterator[tuple[Sandbox, Path, Database]]:
    """Load what the demo shows, as the sandbox bills it on a day, into a file."""
    file = folder / "bill.duckdb"
    with sandbox_on(day, date(2026, 1, 1)) as sandbox, duckdb.connect(str(file)) as connection:
        run, target = sync(settings(sandbox), select=STREAMS), Target()
        target.load(run.messages)
        database = databases.on_duckdb(connection)
        fill(database, run, target)
        for dataset in (ResourceUsage, RateCardMeters):
            database.create(dataset.name, {field.name: field.schema for field in dataset.fields})
        yield sandbox, file, database


def texts(html: str, tag: str) -> list[str]:
    """Return what stands in all elements of a kind."""
    return re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", html)


@pytest.mark.parametrize(
    ("day", "closed", "months", "untagged"),
    [
        (date(2026, 3, 31), "February 2026", ["Jan 2026", "Feb 2026", "Mar 2026 so far"], "March 2026 so far"),
        (date(2026, 4, 1), "March 2026", ["Jan 2026", "Feb 2026", "Mar 2026"], "March 2026"),
        (date(2026, 4, 2), "March 2026", ["Jan 2026", "Feb 2026", "Mar 2026", "Apr 2026 so far"], "April 2026 so far"),
    ],
)
def test_the_page_shows_the_month_that_was_over_on_its_day_and_says_so_far_of_one_that_was_not(
    tmp_path: Path, demo: Callable[[str], ModuleType], day: date, closed: str, months: list[str], untagged: str
) -> None:
    with bill_on(day, tmp_path) as (sandbox, file, _):
        period = f"{datetime.strptime(closed, '%B %Y'):%Y%m}"  # noqa: DTZ007 - a month
        cost = sum((row["cost"] for row in sandbox.bill.usage(period)), ZERO)
    bill = demo("questions").ask(file, 13)
    html = demo("report").render(bill, "", "")
    assert texts(html, "dt")[0] == closed
    assert texts(html, "strong")[0] == f"{cents(cost):,}"
    assert [text for text in texts(html, "th") if text.endswith(("2026", "so far"))] == [*months, closed, closed]
    assert texts(html, "caption")[-1] == f"Cost without the owner tag, {untagged}"
    assert {row["month"] for row in bill.answers["top_movers"].rows} == {period}
    assert texts(html, "p")[-2] == f"{closed} compared with the month before, and cost without the owner tag."


def test_what_has_no_name_has_a_word_on_the_page(tmp_path: Path, demo: Callable[[str], ModuleType]) -> None:
    with bill_on(date(2026, 4, 2), tmp_path) as (sandbox, file, database):
        dear = {"enrollment_number": sandbox.enrollment_number, "billing_period_id": "202603", "cost": 10**6}
        database.insert("usage_details", [dear])
    html = demo("report").render(demo("questions").ask(file, 13), "", "")
    assert texts(html, "th")[:2] == ["Month", "(none)"]
    cost = '<td class="number">0.00</td>' + 2 * '<td class="number">1,000,000.00</td>'
    assert f'<tr><th scope="row">(none)</th><td>(none)</td><td>(none)</td>{cost}</tr>' in html
    assert f'<tr><th scope="row">(none)</th>{cost}<td class="number">{EN_DASH}</td></tr>' in html


def test_the_terminal_writes_amounts_months_and_headings_as_the_page_does(demo: Callable[[str], ModuleType]) -> None:
    words, table = demo("words"), demo("terminal").table
    names = ("month", "up_to", "cost", "rows", "percent", "note")
    rows = [
        ("202611", date(2026, 11, 1), 39737.814, 2018, Decimal("-5.0"), ""),
        ("2026-01", None, Decimal(7), 1, None, "x"),
    ]
    cells = [[words.cell(name, value) for name, value in zip(names, row, strict=True)] for row in rows]
    assert table("How much?", [words.words(name) for name in names], cells).splitlines() == [
        "",
        "How much?",
        "",
        "Month     Up to            Cost   Rows  Percent  Note",
        f"Nov 2026  2026-11-01  39,737.81  2,018     {MINUS}5.0",
        f"Jan 2026  {EN_DASH}                   7      1        {EN_DASH}  x",
    ]


@pytest.mark.parametrize(
    ("statuses", "sentence"),
    [
        (["agrees"] * 3 + ["open"] * 2, "All 3 {}agree; for 2 more, the month is not over yet."),
        (["agrees"] * 2 + ["differs"], "1 of 3 {}differs."),
        (["agrees", "differs", "differs", "open"], "2 of 3 {}differ; for 1 more, the month is not over yet."),
    ],
)
def test_the_verdict_is_a_sentence(demo: Callable[[str], ModuleType], statuses: list[str], sentence: str) -> None:
    said = demo("report").verdict([{"status": status} for status in statuses])
    assert said == sentence.format("comparisons between the loaded data and Azure's own figures ")
