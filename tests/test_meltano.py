"""The real Meltano, the real targets, and a real server in between."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import psycopg
import pytest
import yaml

from tap_azure_ea.sandbox import Sandbox, cost_details, rate_card, resource_usage
from tap_azure_ea.sandbox.bill import Bill
from tap_azure_ea.sandbox.catalogue import SUBSCRIPTIONS, guid
from tap_azure_ea.sandbox.server import ENROLLMENT_NUMBER
from tests.conftest import decode

PROJECT = Path(__file__).parent.parent
MELTANO = str(Path(sys.executable).with_name("meltano"))
COPIED = ["meltano.yml", "pyproject.toml", "README.md", "LICENSE", "tap_azure_ea", "output/.gitignore"]


@dataclass
class Project:
    """A copy of the Meltano project that reads a sandbox of its own."""

    folder: Path
    sandbox: Sandbox

    def meltano(self, *arguments: str, environment: str = "prod", **more: str) -> subprocess.CompletedProcess[str]:
        settings = {
            "TAP_AZURE_EA_ENROLLMENT_NUMBER": self.sandbox.enrollment_number,
            "TAP_AZURE_EA_API_KEY": self.sandbox.api_key,
            "TAP_AZURE_EA_EA_REPORTING_URL": self.sandbox.url,
            "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
            "NO_COLOR": "1",
        }
        outer = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        done = subprocess.run(
            [MELTANO, f"--environment={environment}", *arguments],
            cwd=self.folder, env=outer | settings | more, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert self.sandbox.api_key not in done.stdout + done.stderr
        return done

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.folder / "output" / "bill.duckdb"), read_only=True) as database:
            return database.execute(sql).fetchall()


def copied(folder: Path) -> Path:
    """Copy the Meltano project into a folder, and return it."""
    for name in COPIED:
        source, target = PROJECT / name, folder / name
        target.parent.mkdir(exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = copied(tmp_path_factory.mktemp("project"))
    with Sandbox(today=date(2026, 3, 10), first_day=date(2025, 3, 1)) as sandbox:
        made = Project(folder, sandbox)
        made.meltano("install", "extractor", "tap-azure-ea")
        made.meltano("install", "loader", "target-duckdb")
        yield made


def test_the_tap_answers_through_meltano(project: Project) -> None:
    catalog = json.loads(project.meltano("invoke", "tap-azure-ea", "--discover").stdout)
    assert len(catalog["streams"]) == 11
    assert "enrollment_number" in project.meltano("invoke", "tap-azure-ea", "--about").stdout
    assert '"type":"RECORD"' in project.meltano("invoke", "tap-azure-ea", "--test").stdout
    tested = project.meltano("config", "test", "tap-azure-ea")
    assert "Plugin configuration is valid" in tested.stdout + tested.stderr


def test_the_default_environment_needs_no_settings(project: Project) -> None:
    ran = project.meltano("invoke", "tap-azure-ea", "--test", environment="sandbox")
    assert "Reading the sandbox" in ran.stderr


def test_a_restated_month_ends_in_duckdb_as_exactly_the_sandboxs_rows_and_the_rest_does_not_move(
    project: Project,
) -> None:
    project.meltano("run", "demo")
    assert_equal_to_the_bill(project)

    again = project.meltano("run", "demo")
    assert "Finished usage_details: 13 unchanged; 0 rows and 0 deletions emitted" in again.stderr
    assert "Loading" not in "".join(line for line in again.stderr.splitlines() if "billing_periods" not in line)

    before = len(project.sandbox.bill.usage("202512"))
    project.sandbox.bill.restate("202512")
    restated = project.meltano("run", "demo")
    assert f"restated, {before:,} rows before, {before - 3:,} now, 3 deleted" in restated.stderr
    assert_equal_to_the_bill(project)
    assert project.query("select count(*) from azure.usage_details where _sdc_deleted_at is not null") == [(3,)]


def assert_equal_to_the_bill(project: Project) -> None:
    bill = project.sandbox.bill
    alive = "where _sdc_deleted_at is null order by billing_period_id, row_number"
    usage = project.query(f"select billing_period_id, cost, instance_id, tags::text from azure.usage_details {alive}")  # noqa: S608
    assert usage == [
        (period, float(row["cost"]), row["instanceId"], _tags(row["tags"]))
        for period in reversed(bill.periods)
        for row in bill.usage(period)
    ]
    charges = project.query(f"select billing_period_id, extended_cost from azure.marketplace_charges {alive}")  # noqa: S608
    assert charges == [
        (period, float(row["extendedCost"])) for period in reversed(bill.periods) for row in bill.marketplace(period)
    ]
    sums = project.query(
        "select b.billing_period_id, round(sum(cost), 2) = round(any_value(total_usage), 2) "
        "from azure.balance_summary b join azure.usage_details u using (billing_period_id) "
        "where u._sdc_deleted_at is null group by 1 order by 1"
    )
    assert sums == [(period, True) for period in reversed(bill.periods)]


def _tags(text: str) -> str | None:
    return json.dumps(json.loads(text)) if text else None


COSTS = """
select billing_period_id, service_name, sum(cost), count(*)
from azure.usage_details
where _sdc_deleted_at is null
group by 1, 2
order by 1, 2
"""


def costs(project: Project) -> list[tuple[str, str, Decimal, int]]:
    groups: dict[tuple[str, str], list[Decimal]] = {}
    for period in project.sandbox.bill.periods:
        for row in project.sandbox.bill.usage(period):
            groups.setdefault((period, row["serviceName"]), []).append(row["cost"])
    return [(*key, sum(found, Decimal(0)), len(found)) for key, found in sorted(groups.items())]


def test_a_restated_month_ends_in_postgresql_to_the_last_digit(project: Project, postgresql: str) -> None:
    project.meltano("install", "loader", "target-postgres")
    database = {"TARGET_POSTGRES_SQLALCHEMY_URL": postgresql.replace("postgresql://", "postgresql+psycopg://")}
    project.meltano("run", "tap-azure-ea", "target-postgres", **database)
    project.sandbox.bill.restate("202512")
    restated = project.meltano("run", "tap-azure-ea", "target-postgres", **database)
    assert "Finished usage_details: 12 unchanged, 1 restated" in restated.stderr
    with psycopg.connect(postgresql) as connection:
        assert connection.execute(COSTS.encode()).fetchall() == costs(project)
        assert connection.execute("select pg_typeof(cost)::text from azure.usage_details limit 1").fetchone() == (
            "numeric",
        )
    project.meltano("run", "demo")
    same = [(*key, round(float(total), 2), number) for *key, total, number in costs(project)]
    assert [(*row[:2], round(row[2], 2), row[3]) for row in project.query(COSTS)] == same  # type: ignore[call-overload]


def test_jsonl_keeps_every_digit(project: Project) -> None:
    project.meltano("install", "loader", "target-jsonl")
    project.meltano("run", "tap-azure-ea", "target-jsonl")
    lines = (project.folder / "output" / "usage_details.jsonl").read_bytes().splitlines()
    bill = project.sandbox.bill
    total = sum(Decimal(str(decode(line)["cost"])) for line in lines)
    assert total == sum(row["cost"] for period in bill.periods for row in bill.usage(period))


BILLING = {
    "TAP_AZURE_EA__SELECT": '["invoices.*", "rate_card_meters.*", "rate_card_offer_terms.*", "resource_usage.*"]',
    "TARGET_DUCKDB_FILEPATH": "output/billing.duckdb",
}


def test_the_azure_billing_apis_end_in_duckdb_as_exactly_the_sandboxs_rows(project: Project) -> None:
    """Dates are today's: it is the sandbox that the tap starts itself."""
    today = datetime.now(tz=timezone.utc).date()
    start = today - timedelta(40)
    more = {**BILLING, "TAP_AZURE_EA_START_DATE": str(start), "TAP_AZURE_EA_INVOICE_DIRECTORY": "output/invoices"}
    first = project.meltano("run", "--state-id-suffix=billing", "demo", environment="sandbox", **more)
    assert "Finished resource_usage: 240 read" in first.stderr
    bill = Bill(ENROLLMENT_NUMBER, today, date(today.year - 1, 1, 1))
    with duckdb.connect(str(project.folder / "output" / "billing.duckdb"), read_only=True) as database:
        usage = database.execute(
            "select subscription_id, reported_date, row_number, quantity from azure.resource_usage"
        )
        assert sorted(usage.fetchall()) == sorted(
            (subscription_id, str(day), number, float(row["properties"]["quantity"]))
            for subscription_id in map(guid, (subscription.name for subscription in SUBSCRIPTIONS))
            for day in (start + timedelta(number) for number in range(40))
            for number, row in enumerate(resource_usage.rows(bill, subscription_id, day), start=1)
        )
        card = rate_card.card(bill, "MS-AZR-0003P")
        meters = "select meter_id, meter_rates ->> '$[*].rate' from azure.rate_card_meters"
        assert {row[0]: list(map(float, row[1])) for row in database.execute(meters).fetchall()} == {
            meter["MeterId"]: list(map(float, meter["MeterRates"].values())) for meter in card["Meters"]
        }
        for path, size in database.execute("select document_path, document_size from azure.invoices").fetchall():
            assert (project.folder / path).stat().st_size == size
        database.execute((PROJECT / "examples" / "sql" / "pricing.sql").read_text())
        answers = database.execute((PROJECT / "examples" / "sql" / "month_to_date.sql").read_text()).fetchall()
        assert len(answers) == 7

    second = project.meltano("run", "--state-id-suffix=billing", "demo", environment="sandbox", **more)
    assert "Finished resource_usage: 30 read again" in second.stderr
    assert "Finished rate_card_meters: 1 unchanged; 0 rows" in second.stderr


COST_MANAGEMENT = [
    "actual_cost_details", "amortized_cost_details", "balances", "billing_accounts", "marketplaces",
    "price_sheet_items", "reservation_details", "reservation_recommendations", "reservation_summaries",
    "reservation_transactions",
]  # fmt: skip
COST_DETAILS = """
select billing_period_id, row_number, cost_in_billing_currency, resource_id, charge_type
from azure.{} where _sdc_deleted_at is null order by 1, 2
"""


def test_years_that_are_read_beside_each_other_as_documented_end_in_one_table_and_each_knows_its_own(
    project: Project, postgresql: str
) -> None:
    guide = (PROJECT / "docs" / "performance.md").read_text(encoding="utf-8")
    added = yaml.safe_load(guide.split("## Several at once")[1].split("```yaml\n")[1].split("```")[0])
    names = [plugin["name"] for plugin in added["plugins"]["extractors"]]
    definition = project.folder / "meltano.yml"
    meltano = yaml.safe_load(definition.read_text(encoding="utf-8"))
    meltano["plugins"]["extractors"] += added["plugins"]["extractors"]
    definition.write_text(yaml.safe_dump(meltano), encoding="utf-8")
    project.meltano("install", "loader", "target-postgres")

    def run(name: str) -> str:
        return project.meltano(
            "run", name, "target-postgres",
            TARGET_POSTGRES_SQLALCHEMY_URL=postgresql.replace("postgresql://", "postgresql+psycopg://"),
            TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA="beside",
            **{f"{name.upper().replace('-', '_')}__SELECT": '["usage_details.*"]'},
        ).stderr  # fmt: skip

    run(names[0])
    with ThreadPoolExecutor() as beside:
        told = list(beside.map(run, names))
    assert "Finished usage_details: 10 unchanged" in told[0]
    assert "Finished usage_details: 3 read" in told[1]
    with psycopg.connect(postgresql) as connection:
        found = connection.execute(
            "select billing_period_id, sum(cost), count(*) from beside.usage_details group by 1 order by 1"
        ).fetchall()
    bill = project.sandbox.bill
    usage = {period: [row["cost"] for row in bill.usage(period)] for period in reversed(bill.periods)}
    assert found == [(period, sum(costs), len(costs)) for period, costs in usage.items()]


def test_cost_management_ends_in_duckdb_and_postgresql_as_exactly_the_sandboxs_rows_also_after_a_restatement(
    project: Project, postgresql: str
) -> None:
    sandbox = project.sandbox
    more = {
        "TAP_AZURE_EA__SELECT": json.dumps([f"{stream}.*" for stream in COST_MANAGEMENT]),
        "TAP_AZURE_EA_ACCESS_TOKEN": sandbox.access_token,
        "TAP_AZURE_EA_MANAGEMENT_URL": sandbox.url,
        "TAP_AZURE_EA_START_DATE": "2026-02-01",
        "TAP_AZURE_EA_END_DATE": "2026-03-31",
        # It is the sandbox's today that months are counted from here, not that of the machine.
        "TAP_AZURE_EA_RESTATE_PERIODS": "1200",
        "TARGET_DUCKDB_FILEPATH": "output/cost_management.duckdb",
        "TARGET_POSTGRES_SQLALCHEMY_URL": postgresql.replace("postgresql://", "postgresql+psycopg://"),
    }
    project.meltano("install", "loader", "target-postgres")
    for restatement in (None, "202602"):
        if restatement:
            sandbox.bill.restate(restatement)
        for target in ("target-duckdb", "target-postgres"):
            project.meltano("run", "--state-id-suffix=costs", "tap-azure-ea", target, **more)
        with duckdb.connect(str(project.folder / "output" / "cost_management.duckdb"), read_only=True) as database:
            for stream, expected in charges(sandbox).items():
                held = database.execute(COST_DETAILS.format(stream)).fetchall()
                assert held == [(*key, float(cost), *rest) for key, cost, rest in expected]
            assert {name for (name,) in database.execute("select table_name from duckdb_tables()").fetchall()} >= {
                *COST_MANAGEMENT
            }
        with psycopg.connect(postgresql) as connection:
            for stream, expected in charges(sandbox).items():
                rows = connection.execute(COST_DETAILS.format(stream).encode()).fetchall()
                assert rows == [(*key, cost, *rest) for key, cost, rest in expected]


def charges(sandbox: Sandbox) -> dict[str, list[tuple[tuple[str, int], Decimal, tuple[str | None, str]]]]:
    metrics = {"actual_cost_details": "ActualCost", "amortized_cost_details": "AmortizedCost"}
    return {
        stream: [
            (
                (period, number),
                Decimal(str(row["CostInBillingCurrency"])),
                (row["ResourceId"] or None, row["ChargeType"]),
            )
            for period in ("202602", "202603")
            for number, row in enumerate(cost_details.rows(sandbox.bill, metric, *sandbox.bill.days(period)), start=1)
        ]
        for stream, metric in metrics.items()
    }


README = (PROJECT / "README.md").read_text(encoding="utf-8")
TODAY = datetime.now(tz=timezone.utc).date()
LAST_DAY = TODAY.replace(day=1) - timedelta(1)
FIRST_DAY = LAST_DAY.replace(day=1)


def section(heading: str) -> str:
    """Return a section of the README."""
    return re.split(r"^##+ ", README.split(f"\n### {heading}\n")[1], flags=re.MULTILINE)[0]


def commands_of(heading: str) -> str:
    """Return the first block of commands in a section."""
    return section(heading).split("```console\n")[1].split("```")[0]


def type_in(commands: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run commands as a reader would who has uv and nothing of this environment."""
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv
    ours = str(Path(sys.executable).parent)
    path = [str(folder / "bin"), str(Path(uv).parent), *os.environ["PATH"].split(os.pathsep)]
    settings = {
        "PATH": os.pathsep.join(place for place in path if place != ours),
        "UV_TOOL_DIR": str(folder / "tools"),
        "UV_TOOL_BIN_DIR": str(folder / "bin"),
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
        "NO_COLOR": "1",
    }
    outer = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],  # noqa: S607 - whichever bash the reader has
        cwd=folder, env=outer | settings | more, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def costs_of_the_month() -> list[Decimal]:
    bill = Bill(ENROLLMENT_NUMBER, TODAY, date(TODAY.year - 1, 1, 1))
    return [row["cost"] for row in bill.usage(f"{FIRST_DAY:%Y%m}")]


def test_the_readmes_commands_with_meltano_load_the_sandboxs_bill(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    ran = type_in(
        commands_of("With Meltano"), folder,
        TAP_AZURE_EA_START_DATE=str(FIRST_DAY),
        TAP_AZURE_EA_END_DATE=str(LAST_DAY),
        TAP_AZURE_EA__SELECT='["usage_details.*"]',
    )  # fmt: skip
    assert "Plugin configuration is valid" in ran.stdout + ran.stderr
    with duckdb.connect(str(folder / "output" / "bill.duckdb"), read_only=True) as database:
        found = database.execute("select cost from azure.usage_details order by row_number").fetchall()
    assert found == [(float(cost),) for cost in costs_of_the_month()]


def test_the_readmes_commands_without_meltano_load_the_sandboxs_bill_once(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    config = {"sandbox": True, "start_date": str(FIRST_DAY), "end_date": str(LAST_DAY)}
    (folder / "config.json").write_text(json.dumps(config))
    (target,) = re.findall(r"`(uv tool install target-jsonl)`", section("On its own"))
    (option,) = re.findall(r"`(--state state\.json)`", section("On its own"))
    commands = commands_of("On its own")
    type_in(f"{target}\n{commands}", folder)
    (lines,) = folder.glob("usage_details-*.jsonl")
    found = [Decimal(str(decode(line)["cost"])) for line in lines.read_bytes().splitlines()]
    assert found == costs_of_the_month()
    read = next(command for command in commands.splitlines() if "--catalog" in command)
    again = type_in(read.replace("--catalog", f"{option} --catalog"), folder)
    assert "Finished usage_details: 1 unchanged; 0 rows" in again.stderr
