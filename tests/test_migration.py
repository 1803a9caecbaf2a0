"""The guide from the EA Reporting API to Cost Management: its tables, and its view on real databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tap_azure_ea.datasets import cost_management, datasets, ea_reporting
from tap_azure_ea.datasets.cost_management.cost_details import ActualCostDetails
from tap_azure_ea.datasets.ea_reporting.usage_details import UsageDetails
from tap_azure_ea.sandbox import Sandbox
from tests import databases
from tests.conftest import Run, billing_settings, settings, sync
from tests.databases import Database

PROJECT = Path(__file__).parent.parent
PAGE = PROJECT / "docs" / "MIGRATION.md"
GUIDE = PAGE.read_text(encoding="utf-8")
VIEW = (PROJECT / "examples" / "migration" / "usage_details.sql").read_text(encoding="utf-8")

# The guide.

OLD = {dataset.name: [field.name for field in dataset.fields] for dataset in datasets(ea_reporting)}
NEW = {dataset.name: [field.name for field in dataset.fields] for dataset in datasets(cost_management)}
# Said once, for all streams.
EVERYWHERE = {"etag"}


def rows(section: str) -> list[tuple[list[str], list[str]]]:
    """Return the names in the first two columns of the section's table."""
    cells = re.findall(r"^\| (`.*?) \| (.*?) \|", section, re.MULTILINE)
    return [(re.findall(r"`(\w+)`", old), re.findall(r"`(\w+)`", new)) for old, new in cells]


def section(heading: str) -> str:
    return re.split(r"^##+ ", GUIDE.split(f"\n{heading}\n")[1], flags=re.MULTILINE)[0]


STREAMS = {old: new for (old,), new in rows(section("## Streams"))}
CHANGES: dict[tuple[str, str], dict[str, list[str]]] = {
    (old, new): {column: others for (column,), others in rows(section(f"### `{old}` → `{new}`"))}
    for old, new in re.findall(r"^### `(\w+)` → `(\w+)`$", GUIDE, re.MULTILINE)
}


def test_the_guide_names_every_old_stream_and_streams_that_there_are() -> None:
    assert sorted(STREAMS) == sorted(OLD)
    assert {new for news in STREAMS.values() for new in news} <= NEW.keys()
    named = {name for name in NEW if f"`{name}`" in section("## Streams")}
    assert named == NEW.keys()


def test_what_the_guide_says_of_a_column_is_about_columns_that_there_are() -> None:
    for (old, new), columns in CHANGES.items():
        assert columns.keys() <= set(OLD[old]), old
        assert {name for names in columns.values() for name in names} <= set(NEW[new]), new


def test_the_guide_misses_no_column_whose_name_is_gone_and_leaves_out_what_has_stayed() -> None:
    pairs = {(old, new) for old, news in STREAMS.items() for new in news}
    assert pairs <= CHANGES.keys() | {(old, new) for old, new in pairs if set(OLD[old]) - set(NEW[new]) == EVERYWHERE}
    for (old, new), columns in CHANGES.items():
        kept = {column for column in columns if column in NEW[new]}
        assert columns.keys() - kept == set(OLD[old]) - set(NEW[new]) - EVERYWHERE, old
        # A column that is named although its name has stayed has another meaning now: or another type, which shows.
        assert kept >= {name for name in OLD[old] if name in NEW[new] and kind(old, name) != kind(new, name)}


def kind(stream: str, column: str) -> Any:
    every = [*datasets(ea_reporting), *datasets(cost_management)]
    (fields,) = (dataset.fields for dataset in every if dataset.name == stream)
    return next(field.schema for field in fields if field.name == column)


def test_the_guides_links_lead_somewhere() -> None:
    for path, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)]+)\)", GUIDE) if "://" not in link):
        target = (PAGE.parent / path) if path else PAGE
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}


# The view.

NO_COUNTERPART = {old for old, new in CHANGES["usage_details", "actual_cost_details"].items() if not new}
START, END = "2025-12-01", "2026-03-31"
# A server of its own.


@pytest.fixture(scope="module")
def read() -> Run:
    """What the tap reads of both families, of the same four months."""
    with Sandbox(today=date(2026, 3, 10), first_day=date(2025, 12, 1)) as sandbox:
        config = billing_settings(sandbox, **settings(sandbox), start_date=START, end_date=END)
        return sync(config, select={"usage_details": None, "actual_cost_details": None})


@pytest.fixture(scope="module", params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, read: Run) -> Iterator[Database]:
    with databases.database(request) as made:
        for dataset in (UsageDetails, ActualCostDetails):
            made.create(dataset.name, {field.name: field.schema for field in dataset.fields})
            made.insert(dataset.name, read.records(dataset.name))
        made.run(VIEW)
        yield made


def test_the_view_has_the_columns_of_usage_details_in_their_order(database: Database) -> None:
    columns = database.run(
        "select column_name from information_schema.columns "
        "where table_name = 'usage_details_from_cost_details' order by ordinal_position"
    )
    assert [name for (name,) in columns] == OLD["usage_details"]


@pytest.mark.parametrize(
    "group",
    [
        "billing_period_id, subscription_guid, charges_billed_separately",
        "billing_period_id, date, meter_id, lower(instance_id)",
        "billing_period_id, department_name, meter_category",
    ],
)
def test_every_sum_of_usage_details_is_the_views(database: Database, group: str) -> None:
    def sums(table: str) -> dict[Any, tuple[int, Any]]:
        asked = f"select {group}, count(*), sum(cost) from azure.{table} where _sdc_deleted_at is null group by {group}"  # noqa: S608
        return {tuple(key): (number, cost) for *key, number, cost in database.run(asked)}

    found, expected = sums("usage_details_from_cost_details"), sums("usage_details")
    assert found.keys() == expected.keys()
    for key, (number, cost) in expected.items():
        assert found[key] == (number, pytest.approx(cost, abs=1e-6) if database.rounds else cost)
    assert len(found) > 7


def test_row_by_row_the_view_says_what_usage_details_said_where_there_are_the_words_for_it(database: Database) -> None:
    other_words = {"row_number", "etag", "service_name", "service_tier", "location"}
    same = ", ".join(name for name in OLD["usage_details"] if name not in other_words | NO_COUNTERPART)
    # Azure rounds it to 8 digits.
    same = same.replace("consumed_quantity", "round(consumed_quantity, 6)")
    before = f"select {same} from azure.usage_details"  # noqa: S608
    after = f"select {same} from azure.usage_details_from_cost_details"  # noqa: S608
    assert database.run(f"{before} except all {after}") == []
    assert database.run(f"{after} except all {before}") == []


def test_the_view_is_made_as_the_guide_says() -> None:
    made = {name: expression for expression, name in re.findall(r"^    (?!--)(.+) as (\w+),$", VIEW, re.MULTILINE)}
    nulls = {name for name, expression in made.items() if expression.startswith("cast(null as ")}
    assert nulls == NO_COUNTERPART | EVERYWHERE
    changes = CHANGES["usage_details", "actual_cost_details"]
    for old, news in changes.items():
        assert set(news) <= set(re.findall(r"\w+", made.get(old, old))), old
    assert made.keys() - EVERYWHERE <= changes.keys()


def test_the_guides_query_puts_the_view_behind_the_old_table(database: Database) -> None:
    (query,) = re.findall(r"```sql\n(.+?)```", GUIDE, re.DOTALL)
    found = database.run(f"select count(*), sum(cost) from ({query}) as bill")  # noqa: S608
    (expected,) = database.run("select count(*), sum(cost) from azure.usage_details")
    assert found == [(expected[0], pytest.approx(expected[1]) if database.rounds else expected[1])]


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        ("pricing_model", "Spot", True),
        ("pricing_model", None, True),
        ("publisher_type", None, True),
        ("account_id", "an account", True),
        ("pricing_model", "Reservation", False),
        ("pricing_model", "SavingsPlan", False),
        ("publisher_type", "Marketplace", False),
        ("charge_type", "Purchase", False),
        ("charge_type", "Refund", False),
        ("charge_type", "RoundingAdjustment", False),
        ("_sdc_deleted_at", "2099-01-02T00:00:00Z", False),
    ],
)
def test_the_view_shows_usage_and_nothing_else(
    database: Database, column: str, value: str | None, *, shown: bool
) -> None:
    usage = {"charge_type": "Usage", "publisher_type": "Azure", "pricing_model": "OnDemand"}
    with database.undone():
        database.insert(ActualCostDetails.name, [{"billing_period_id": "209901", **usage, column: value}])
        found = database.run(
            "select account_id from azure.usage_details_from_cost_details where billing_period_id = '209901'"
        )
    assert found == ([(None,)] if shown else [])


@pytest.mark.parametrize(("question", "other_words"), [("by_department", None), ("untagged", None), ("top_movers", 3)])
def test_the_view_answers_what_finance_asks_as_usage_details_did(
    database: Database, question: str, other_words: int | None
) -> None:
    sql = (PROJECT / "examples" / "sql" / f"{question}.sql").read_text(encoding="utf-8")
    before, after = (
        [[cell for place, cell in enumerate(row) if place != other_words] for row in database.run(asked)]
        for asked in (sql, sql.replace("azure.usage_details", "azure.usage_details_from_cost_details"))
    )
    assert after == before
    assert len(after) > 6
