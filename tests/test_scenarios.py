"""The SQL of examples/sql, on tables such as target-duckdb makes, against sums that Python makes in Decimal."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tap_azure_ea.datasets.billing.rate_card import RateCardMeters
from tap_azure_ea.datasets.billing.resource_usage import ResourceUsage
from tap_azure_ea.sandbox import Sandbox, rate_card, resource_usage
from tap_azure_ea.sandbox.catalogue import DISK, EGRESS, LOGS, METERS, REGIONS, meter_id
from tests.conftest import Record, billing_settings, sync

FOLDER = Path(__file__).parent.parent / "examples" / "sql"
SCENARIOS = ["alert", "cost_by_tag", "month_end", "month_to_date", "workload", "workload_elsewhere"]
QUESTIONS = ["adds_up", "by_department", "restated", "top_movers", "untagged"]
OFFER, OTHER_OFFER = "MS-AZR-0003P", "MS-AZR-0023P"
ZERO = Decimal(0)
CENT = Decimal("0.01")

TYPES = {"number": "double", "integer": "hugeint", "boolean": "boolean", "object": "json", "array": "json"}


@dataclass
class Database:
    """The schema azure as target-duckdb makes and fills it."""

    folder: Path
    connection: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def __post_init__(self) -> None:
        self.connection.execute("create schema azure")
        for stream, dataset in {"resource_usage": ResourceUsage, "rate_card_meters": RateCardMeters}.items():
            columns = [f"{column.name} {_type(column.schema)}" for column in dataset.fields]
            key = f"primary key ({', '.join(dataset.primary_keys)})"
            self.connection.execute(f"create table azure.{stream} ({', '.join([*columns, key])})")
        self.connection.execute((FOLDER / "pricing.sql").read_text(encoding="utf-8"))

    def load(self, stream: str, records: Iterable[Record]) -> None:
        file = self.folder / f"{stream}.jsonl"
        file.write_text("".join(json.dumps(record, default=float) + "\n" for record in records))
        types = {name: kind for name, kind, *_ in self.connection.execute(f"describe azure.{stream}").fetchall()}
        read = f"read_json('{file}', format = 'newline_delimited', columns = {types})"
        self.connection.execute(f"insert or replace into azure.{stream} by name from {read}")

    def ask(self, scenario: str, **edited: str) -> list[Record]:
        """Return the rows of a file, in which texts have been edited as its comment says."""
        sql = (FOLDER / f"{scenario}.sql").read_text(encoding="utf-8")
        for old, new in edited.items():
            assert sql.count(EDITED[old]) == 1
            sql = sql.replace(EDITED[old], new)
        return self.query(sql)

    def query(self, sql: str) -> list[Record]:
        found = self.connection.sql(sql)
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


EDITED = {
    "month": "(select max(month) from usage_costs)",
    "tag": "'app' as tag",
    "limits": """    ('total', '*', 30000),
    ('resource', '*', 2000),
    ('tag', 'app=*', 12000),
    ('tag', 'env=staging', 500)""",
    "workload": """    ('Virtual Machines / Dsv5 Series / D4s v5', 'EU West', 2 * 730),
    ('Storage / Premium SSD Managed Disks / P20 LRS Disk', 'EU West', 2),
    ('Log Analytics / Analytics Logs / Data Ingestion', 'EU West', 40),
    ('Bandwidth / Rtn Preference: MGN / Standard Data Transfer Out', 'EU West', 500)""",
}


def _type(schema: Any) -> str:
    return "timestamp" if schema.get("format") == "date-time" else TYPES.get(schema["type"], "varchar")


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT)


# The sandbox's usage and rate card, as the tap reads them.

FIRST_DAY, LAST_DAY = date(2026, 1, 20), date(2026, 3, 9)


@dataclass(frozen=True)
class Use:
    """What one resource used on one day, taken from the sandbox without the tap."""

    day: date
    subscription: str
    meter: str
    quantity: Decimal
    resource: str | None
    tags: dict[str, str]


@dataclass
class Loaded:
    """The sandbox, and a database that holds what the tap read of it."""

    sandbox: Sandbox
    database: Database

    def __post_init__(self) -> None:
        reported = [FIRST_DAY + timedelta(number) for number in range((LAST_DAY - FIRST_DAY).days + 1)]
        self.all_uses = [
            _use(row["properties"])
            for subscription_id in self.sandbox.subscription_ids
            for day in reported
            for row in resource_usage.rows(self.sandbox.bill, subscription_id, day)
        ]

    def uses(self, month: str) -> list[Use]:
        return [use for use in self.all_uses if f"{use.day:%Y-%m}" == month]

    def meters(self, offer: str = OFFER) -> dict[str, Record]:
        return {meter["MeterId"]: meter for meter in rate_card.card(self.sandbox.bill, offer)["Meters"]}

    def meter_costs(self, month: str) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
        """Return quantity and cost by subscription and meter."""
        quantities: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for use in self.uses(month):
            quantities[use.subscription, use.meter] += use.quantity
        meters = self.meters()
        return {key: (quantity, list_cost(quantity, meters[key[1]])) for key, quantity in quantities.items()}

    def subscription_costs(self, month: str) -> dict[str, Decimal]:
        costs: dict[str, Decimal] = defaultdict(Decimal)
        for (subscription, _), (_, cost) in self.meter_costs(month).items():
            costs[subscription] += cost
        return {**costs, "total": sum(costs.values(), ZERO)}

    def row_costs(self, month: str) -> list[tuple[Use, Decimal]]:
        """Return what each use costs: its share of its meter's cost."""
        costs = self.meter_costs(month)
        prices = {key: cost / quantity for key, (quantity, cost) in costs.items()}
        return [(use, use.quantity * prices[use.subscription, use.meter]) for use in self.uses(month)]

    def costs_by_tag(self, month: str, tag: str) -> dict[str, Decimal]:
        costs: dict[str, Decimal] = defaultdict(Decimal)
        for use, cost in self.row_costs(month):
            costs[use.tags.get(tag, "(untagged)")] += cost
        return costs


def _use(row: Record) -> Use:
    resource = json.loads(row["instanceData"])["Microsoft.Resources"] if "instanceData" in row else {}
    day = datetime.fromisoformat(row["usageStartTime"]).astimezone(timezone.utc).date()
    uri, tags = resource.get("resourceUri"), resource.get("tags", {})
    return Use(day, row["subscriptionId"], row["meterId"], row["quantity"], uri, tags)


def list_cost(quantity: Decimal, meter: Record) -> Decimal:
    """Price a month from the top tier down."""
    left, cost = max(quantity - Decimal(meter["IncludedQuantity"]), ZERO), ZERO
    for bound, rate in sorted(((Decimal(bound), rate) for bound, rate in meter["MeterRates"].items()), reverse=True):
        cost += max(left - bound, ZERO) * rate
        left = min(left, bound)
    return cost


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    with Sandbox(today=date(2026, 3, 10), first_day=date(2025, 12, 1)) as sandbox:
        database = Database(tmp_path_factory.mktemp("database"))
        config = billing_settings(sandbox, start_date=str(FIRST_DAY), end_date=str(LAST_DAY))
        read = sync(config, select={"resource_usage": None, "rate_card_meters": None})
        other = sync({**config, "rate_card_offer": OTHER_OFFER}, select={"rate_card_meters": None})
        for stream in ("resource_usage", "rate_card_meters"):
            database.load(stream, read.records(stream))
        database.load("rate_card_meters", other.records("rate_card_meters"))
        yield Loaded(sandbox, database)


@pytest.mark.parametrize("month", ["2026-02", "2026-03"])
def test_each_subscriptions_month_and_their_total_cost_what_the_rate_card_says(loaded: Loaded, month: str) -> None:
    rows = loaded.database.ask("month_to_date", month=f"'{month}'")
    assert {row["subscription"]: row["cost"] for row in rows} == {
        subscription: cents(cost) for subscription, cost in loaded.subscription_costs(month).items()
    }
    assert {(row["month"], row["currency"], row["without_price"]) for row in rows} == {(month, "USD", "")}
    found = loaded.database.query("select month, subscription_id, sum(cost) as cost from usage_costs group by all")
    exact = {row["subscription_id"]: row["cost"] for row in found if row["month"] == month}
    assert {**exact, "total": sum(exact.values())} == pytest.approx(
        {subscription: float(cost) for subscription, cost in loaded.subscription_costs(month).items()}, abs=1e-6
    )


def test_the_month_is_the_newest_that_there_is_usage_of_and_says_up_to_which_day(loaded: Loaded) -> None:
    rows = loaded.database.ask("month_to_date")
    assert rows == loaded.database.ask("month_to_date", month="'2026-03'")
    assert rows[-1]["subscription"] == "total"
    assert rows[-1]["up_to"] == max(use.day for use in loaded.all_uses) == date(2026, 3, 8)


@pytest.mark.parametrize("tag", ["app", "owner"])
def test_the_values_of_a_tag_and_what_is_untagged_cost_the_total(loaded: Loaded, tag: str) -> None:
    rows = loaded.database.ask("cost_by_tag", tag=f"'{tag}' as tag")
    expected = loaded.costs_by_tag("2026-03", tag)
    assert {row["value"]: row["cost"] for row in rows} == {value: cents(cost) for value, cost in expected.items()}
    assert sum(row["percent"] for row in rows) == pytest.approx(100, abs=0.3)
    total = loaded.subscription_costs("2026-03")["total"]
    assert float(sum(expected.values())) == pytest.approx(float(total), abs=1e-6)
    exact = loaded.database.query(
        f"select tags ->> '{tag}' as value, sum(cost) as cost from usage_costs where month = '2026-03' group by all"  # noqa: S608
    )
    assert {row["value"] or "(untagged)": row["cost"] for row in exact} == pytest.approx(
        {value: float(cost) for value, cost in expected.items()}, abs=1e-6
    )


def test_an_alert_names_whatever_has_passed_its_limit_and_nothing_else(loaded: Loaded) -> None:
    total = loaded.subscription_costs("2026-03")["total"]
    by_app = loaded.costs_by_tag("2026-03", "app")
    by_resource: dict[str, Decimal] = defaultdict(Decimal)
    for use, cost in loaded.row_costs("2026-03"):
        by_resource[use.resource.lower() if use.resource else "classic"] += cost
    limits = (
        f"('total', '*', {total - CENT}), ('total', '*', {total + CENT}), ('resource', '*', 500), "
        f"('tag', 'app=*', {by_app['webshop'] - CENT}), ('tag', 'app=platform-api', 1), ('tag', 'env=nowhere', 0)"
    )
    rows = loaded.database.ask("alert", limits=limits)
    expected = [("total", "all subscriptions", total), ("tag", "app=platform-api", by_app["platform-api"])]
    expected += [("resource", name, cost) for name, cost in by_resource.items() if cost > 500]
    dear = {app: cost for app, cost in by_app.items() if app != "(untagged)" and cost >= by_app["webshop"]}
    expected += [("tag", f"app={app}", cost) for app, cost in dear.items()]
    assert sorted((row["kind"], row["name"], row["cost"]) for row in rows) == sorted(
        (kind, name, cents(cost)) for kind, name, cost in expected
    )
    assert len(expected) > 4


def test_no_limit_passed_is_no_row(loaded: Loaded) -> None:
    limits = "('total', '*', 1000000), ('resource', '*', 1000000), ('tag', '*', 1000000)"
    assert loaded.database.ask("alert", limits=limits) == []


def test_a_month_ends_as_its_weekdays_of_the_last_four_weeks_let_expect(loaded: Loaded) -> None:
    known_to = date(2026, 3, 6)
    history: dict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
    used: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    expected: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for use in loaded.all_uses:
        meter = use.subscription, use.meter
        if known_to - timedelta(28) < use.day <= known_to:
            history[(*meter, use.day.weekday())] += use.quantity
        if use.day >= date(2026, 3, 1):
            used[meter] += use.quantity
            expected[meter] += use.quantity if use.day <= known_to else ZERO
    for (subscription, meter_guid, weekday), quantity in history.items():
        days = [day for day in range(7, 32) if date(2026, 3, day).weekday() == weekday]
        expected[subscription, meter_guid] += quantity / 4 * len(days)
    costs: dict[str, Decimal] = defaultdict(Decimal)
    meters = loaded.meters()
    for (subscription, meter_guid), quantity in expected.items():
        cost = list_cost(max(quantity, used[subscription, meter_guid]), meters[meter_guid])
        costs[subscription] += cost
        costs["total"] += cost
    rows = loaded.database.ask("month_end")
    assert {row["subscription"]: row["cost_at_month_end"] for row in rows} == {
        subscription: cents(cost) for subscription, cost in costs.items()
    }
    assert {row["subscription"]: row["cost_so_far"] for row in rows} == {
        row["subscription"]: row["cost"] for row in loaded.database.ask("month_to_date")
    }
    assert {row["days_of_history"] for row in rows} == {28}


WORKLOAD = {METERS[0]: 1460, DISK: 2, LOGS: 40, EGRESS: 500}


def label(meter: Any) -> str:
    return f"{meter.category} / {meter.sub_category} / {meter.name}"


def workload_costs(loaded: Loaded, offer: str, region: str) -> dict[str, Decimal]:
    meters = loaded.meters(offer)
    return {
        label(meter): list_cost(Decimal(quantity), meters[meter_id(meter, region)])
        for meter, quantity in WORKLOAD.items()
    }


def test_a_workload_is_priced_before_it_exists(loaded: Loaded) -> None:
    rows = loaded.database.ask("workload")
    costs = workload_costs(loaded, OFFER, "westeurope")
    assert {row["meter"]: row["cost"] for row in rows} == {
        **{meter: cents(cost) for meter, cost in costs.items()},
        "total": cents(sum(costs.values(), ZERO)),
    }
    assert rows[-1]["meter"] == "total"


def test_the_same_workload_is_priced_elsewhere(loaded: Loaded) -> None:
    rows = loaded.database.ask("workload_elsewhere")
    regions = {region.name: key for key, region in REGIONS.items()}
    assert {(row["offer_id"], row["meter_region"]): row["cost"] for row in rows} == {
        (offer, name): cents(sum(workload_costs(loaded, offer, regions[name]).values(), ZERO))
        for offer, name in [(OFFER, "EU West"), (OFFER, "SE Central"), (OFFER, "US East 2"), (OTHER_OFFER, "EU West")]
    }
    costs = [row["cost"] for row in rows]
    assert costs == sorted(costs)


def test_a_workload_with_a_meter_that_has_no_price_has_no_total(loaded: Loaded) -> None:
    known, unknown = "'Storage / Premium SSD Managed Disks / P20 LRS Disk', 'EU West', 1", "'Flux', 'EU West', 1"
    rows = loaded.database.ask("workload", workload=f"({known}), ({unknown})")
    assert [(row["meter"], row["cost"] is None, row["note"]) for row in rows] == [
        ("Flux", True, "no list price"),
        ("Storage / Premium SSD Managed Disks / P20 LRS Disk", False, ""),
        ("total", True, "no list price"),
    ]


# A database by hand, of a few rows.


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path)


def used(quantity: float | None, day: str = "2026-03-05", **more: Any) -> Record:
    return {
        "subscription_id": "one",
        "reported_date": "2026-03-06",
        "usage_start_time": f"{day}T00:00:00Z",
        "meter_id": "m",
        "meter_category": "Compute",
        "meter_name": "Core",
        "quantity": quantity,
        "resource_uri": "/r",
        **more,
    }


def priced(rates: Mapping[int, float], *, included: float = 0, **more: Any) -> Record:
    return {
        "offer_id": OFFER,
        "currency": "USD",
        "locale": "en-US",
        "region": "US",
        "meter_id": "m",
        "meter_category": "Compute",
        "meter_name": "Core",
        "meter_rates": [{"from_quantity": bound, "rate": rate} for bound, rate in rates.items()],
        "included_quantity": included,
        "snapshot_at": "2026-03-09T00:00:00Z",
        **more,
    }


TIERS = {0: 2, 10: 1, 100: 0.5}


def fill(database: Database, usage: Iterable[Record], meters: Iterable[Record]) -> Database:
    database.load("resource_usage", ({"row_number": number, **row} for number, row in enumerate(usage, start=1)))
    database.load("rate_card_meters", meters)
    return database


def month_to_date(database: Database, month: str = "2026-03") -> dict[str, tuple[float | None, str]]:
    rows = database.ask("month_to_date", month=f"'{month}'")
    return {row["subscription"]: (row["cost"] and float(row["cost"]), row["without_price"]) for row in rows}


@pytest.mark.parametrize(
    ("quantity", "cost"),
    [
        (0, 0),
        (3, 0),
        (5, 0),
        (6, 2),
        (15, 20),
        (16, 21),
        (105, 110),
        (205, 160),
        (-4, -8),
    ],
)
def test_what_is_beyond_the_included_costs_the_rates_of_the_tiers_that_it_lies_in(
    database: Database, quantity: float, cost: float
) -> None:
    fill(database, [used(quantity)], [priced(TIERS, included=5)])
    assert month_to_date(database) == {"one": (cost, ""), "total": (cost, "")}


def test_tiers_and_what_is_included_count_by_subscription_meter_and_month_not_by_row(database: Database) -> None:
    usage = [
        used(60),
        used(45, "2026-03-06", resource_uri="/other"),
        used(15, subscription_id="two"),
        used(15, "2026-02-27"),
        used(15, meter_id="n"),
    ]
    fill(database, usage, [priced(TIERS, included=5), priced(TIERS, included=5, meter_id="n")])
    assert month_to_date(database) == {"one": (130, ""), "two": (20, ""), "total": (150, "")}
    assert month_to_date(database, "2026-02") == {"one": (20, ""), "total": (20, "")}
    costs = database.query("select resource, sum(cost) as cost from usage_costs where quantity > 20 group by all")
    assert {row["resource"]: row["cost"] for row in costs} == pytest.approx({
        "/r": 60 / 105 * 110, "/other": 45 / 105 * 110,
    })  # fmt: skip


def test_usage_counts_in_the_month_of_its_use_however_late_it_is_reported(database: Database) -> None:
    late = used(10, "2026-02-28", reported_date="2026-03-04")
    fill(database, [used(1), late], [priced({0: 1})])
    assert month_to_date(database)["total"] == (1, "")
    assert month_to_date(database, "2026-02")["total"] == (10, "")


def test_deleted_rows_count_nowhere(database: Database) -> None:
    gone = used(None, _sdc_deleted_at="2026-03-09T00:00:00Z", meter_id=None, usage_start_time=None)
    fill(database, [used(1), gone, used(5, "2026-04-01", _sdc_deleted_at="2026-04-09T00:00:00Z")], [priced({0: 1})])
    assert month_to_date(database) == {"one": (1, ""), "total": (1, "")}
    assert [row["month"] for row in database.ask("month_to_date")] == ["2026-03", "2026-03"]


def test_a_correction_lowers_what_its_meter_costs(database: Database) -> None:
    fill(database, [used(20), used(-8)], [priced({0: 2, 10: 1})])
    assert month_to_date(database)["total"] == (22, "")


def test_what_was_taken_back_altogether_costs_nothing_and_has_a_price(database: Database) -> None:
    fill(database, [used(20), used(-20, resource_uri="/other")], [priced({0: 2})])
    assert month_to_date(database)["total"] == (0, "")
    assert [row["cost"] for row in database.query("from usage_costs")] == [0, 0]


@pytest.mark.parametrize("unpriced", [{"meter_id": "n"}, {"meter_id": None}, {"meter_id": "n", "meter_name": None}])
def test_a_meter_without_a_price_is_named_wherever_it_was_used(database: Database, unpriced: Record) -> None:
    name = f"Compute / {unpriced.get('meter_name', 'Core') or 'n'}"
    fill(database, [used(3), used(9, subscription_id="two", **unpriced)], [priced({0: 1})])
    assert month_to_date(database) == {"one": (3, ""), "two": (None, name), "total": (3, name)}
    assert {row["without_price"] for row in database.ask("month_end")} == {"", name}
    assert [row["without_price"] for row in database.ask("cost_by_tag")] == [name]


def test_a_meter_without_rates_is_one_without_a_price(database: Database) -> None:
    fill(database, [used(3), used(3, meter_id="n")], [priced({}), priced({}, meter_id="n", meter_rates=None)])
    assert month_to_date(database)["total"] == (None, "Compute / Core")


def test_only_the_card_asked_for_counts(database: Database) -> None:
    different = {"offer_id": OTHER_OFFER, "currency": "EUR", "locale": "de-DE", "region": "DE"}
    others = [{**priced({0: 100}), column: value} for column, value in different.items()]
    fill(database, [used(3)], [priced({0: 1}), *others])
    assert month_to_date(database)["total"] == (3, "")


def test_a_meter_that_the_card_no_longer_lists_has_no_price_whatever_other_cards_were_read_since(
    database: Database,
) -> None:
    old = priced({0: 1}, meter_id="n", snapshot_at="2026-03-01T00:00:00Z")
    newer_card = priced({0: 9}, offer_id=OTHER_OFFER, snapshot_at="2026-03-10T00:00:00Z")
    fill(database, [used(3), used(5, meter_id="n", meter_name="Old")], [priced({0: 1}), old, newer_card])
    assert month_to_date(database)["total"] == (3, "Compute / Old")


def test_a_limit_is_passed_by_what_is_more_than_it(database: Database) -> None:
    fill(database, [used(3)], [priced({0: 1})])
    assert database.ask("alert", limits="('total', '*', 3)") == []
    assert len(database.ask("alert", limits="('total', '*', 2.99)")) == 1


def test_a_resource_is_one_however_its_id_is_written_and_a_classic_one_has_a_name(database: Database) -> None:
    usage = [used(3), used(4, resource_uri="/R"), used(5, resource_uri=None)]
    fill(database, usage, [priced({0: 1})])
    rows = database.ask("alert", limits="('resource', '*', 4)")
    assert {row["name"]: row["cost"] for row in rows} == {"/r": 7, "classic / Compute / Core": 5}


def test_a_resource_with_several_tags_is_held_against_the_limits_of_each_once(database: Database) -> None:
    fill(database, [used(3, tags={"app": "shop", "cost center": "a.b"}), used(4, tags=None)], [priced({0: 1})])
    rows = database.ask("alert", limits="('tag', '*', 1), ('tag', 'app=*', 1), ('total', 'no such', 0)")
    assert sorted((row["name"], row["cost"]) for row in rows) == [
        ("app=shop", 3), ("app=shop", 3), ("cost center=a.b", 3),
    ]  # fmt: skip
    values = database.ask("cost_by_tag", tag="'cost center' as tag")
    assert {row["value"]: row["cost"] for row in values} == {"a.b": 3, "(untagged)": 4}


@pytest.mark.parametrize("tag", ["owner", "Owner", "/owner", "$o", "$.owner", 'a "b"'])
def test_a_tag_may_have_any_name_in_any_case(database: Database, tag: str) -> None:
    usage = [used(3, tags={tag: "Me"}), used(4, tags={tag.upper(): "Me"}), used(5, tags={tag: ""}), used(6, tags={})]
    fill(database, usage, [priced({0: 1})])
    values = database.ask("cost_by_tag", tag=f"'{tag}' as tag")
    assert {row["value"]: (row["cost"], row["percent"]) for row in values} == {
        "Me": (7, 38.9), "(untagged)": (11, 61.1),
    }  # fmt: skip
    limits = f"('tag', '{tag}=Me', 6), ('tag', '{tag.upper()}=*', 6), ('tag', '{tag}=you', 0)"
    alerts = database.ask("alert", limits=limits)
    assert [(row["name"], row["cost"]) for row in alerts] == [(f"{tag.lower()}=Me", 7)] * 2


def test_there_is_no_percentage_of_less_than_a_cent_that_a_correction_leaves(database: Database) -> None:
    fill(database, [used(0.1), used(0.2), used(-0.3, tags={"app": "shop"})], [priced({0: 1})])
    assert [(row["value"], row["cost"], row["percent"]) for row in database.ask("cost_by_tag")] == [
        ("(untagged)", CENT * 30, None),
        ("shop", CENT * -30, None),
    ]


def workdays(first: date, last: date) -> list[str]:
    days = (first + timedelta(number) for number in range((last - first).days + 1))
    return [str(day) for day in days if day.weekday() < 5]


def test_a_month_is_predicted_by_weekday_and_priced_as_a_whole(database: Database) -> None:
    days = workdays(date(2026, 2, 1), date(2026, 3, 11))
    fill(database, (used(10, day) for day in days), [priced({0: 1, 100: 0.5})])
    (one, total) = database.ask("month_end")
    # 8 workdays of 22.
    assert (one["cost_so_far"], one["cost_at_month_end"]) == (80, 160)
    assert (total["cost_so_far"], total["cost_at_month_end"]) == (80, 160)


def test_a_month_is_predicted_from_its_first_day_on_and_in_its_last_days_is_no_less_than_it_has_cost(
    database: Database,
) -> None:
    days = [str(date(2026, 2, 1) + timedelta(number)) for number in range(29)]
    fill(database, (used(10, day) for day in days), [priced({0: 1})])
    assert database.ask("month_end")[-1]["cost_at_month_end"] == 310
    more = (
        used(10 if number < 30 else 70, f"2026-03-{number:02d}", row_number=100 + number) for number in range(2, 32)
    )
    fill(database, more, [])
    end = database.ask("month_end")[-1]
    assert end["cost_at_month_end"] == end["cost_so_far"] == 290 + 140


def test_the_pages_table_names_every_file_and_every_file_says_what_to_edit() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    files = sorted(path.name for path in FOLDER.glob("*.sql"))
    assert files == sorted(f"{name}.sql" for name in [*SCENARIOS, *QUESTIONS, "pricing"])
    for name in files:
        assert f"[`{name}`]({name})" in page
        comment = [line for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()[:3] if line[:2] == "--"]
        assert any(line.startswith("-- Edit") for line in comment)
