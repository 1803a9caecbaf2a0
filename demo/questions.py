"""What the demo asks of the database that it has loaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

FILES = Path(__file__).resolve().parent.parent / "examples" / "sql"
QUESTIONS = (
    "by_department", "top_movers", "restated", "untagged", "adds_up", "month_to_date", "month_end",
)  # fmt: skip
SHOWN = 6

COSTS = """
with months as (select distinct billing_period_id from azure.usage_details order by 1 desc limit ?)
select billing_period_id, coalesce(service_name, '(none)'), sum(cost)
from azure.usage_details join months using (billing_period_id)
where _sdc_deleted_at is null
group by 1, 2
order by 1, 2
"""
BALANCES = """
select billing_period_id, total_usage, enrollment_number, trim(currency_code)
from azure.balance_summary
where _sdc_deleted_at is null
"""
AS_OF = "select max(refreshed_at) from azure.period_refreshes"

Row = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a file of SQL asks, as its comment begins, and the rows that answer it."""

    question: str
    header: tuple[str, ...]
    rows: list[Row]


@dataclass(frozen=True)
class Bill:
    """What is shown: costs by month and service, balances by month, the dearest services first, and answers."""

    enrollment: str
    currency: str
    as_of: datetime
    costs: dict[str, dict[str, float]]
    balances: dict[str, float]
    services: list[str]
    answers: dict[str, Answer]

    @property
    def closed_month(self) -> str:
        """The newest month that was over when the bill was read."""
        return max(month for month in self.costs if not self.is_open(month))

    def is_open(self, month: str) -> bool:
        """Tell whether the month was not over yet when the bill was read."""
        return month >= f"{self.as_of:%Y%m}"

    def so_far(self, month: str) -> str:
        """Return what stands beside a month that is open."""
        return " so far" if self.is_open(month) else ""


def ask(database: Path, months: int) -> Bill:
    """Read the newest months, and the answers to all questions."""
    costs: dict[str, dict[str, float]] = {}
    totals: dict[str, float] = {}
    with duckdb.connect(str(database), read_only=True) as connection:
        for month, service, cost in connection.execute(COSTS, [months]).fetchall():
            costs.setdefault(month, {})[service] = cost
            totals[service] = totals.get(service, 0) + cost
        balances = connection.execute(BALANCES).fetchall()
        ((as_of,),) = connection.execute(AS_OF).fetchall()
        connection.execute((FILES / "pricing.sql").read_text(encoding="utf-8"))
        answers = {name: _answer(connection, name) for name in QUESTIONS}
    services = sorted(totals, key=lambda service: -totals[service])[:SHOWN]
    stated = {month: total for month, total, *_ in balances}
    *_, enrollment, currency = balances[0]
    return Bill(enrollment, currency, as_of, costs, stated, services, answers)


def _answer(connection: duckdb.DuckDBPyConnection, name: str) -> Answer:
    sql = (FILES / f"{name}.sql").read_text(encoding="utf-8")
    answer = connection.execute(sql)
    header = tuple(column[0] for column in answer.description or [])
    rows = [dict(zip(header, row, strict=True)) for row in answer.fetchall()]
    return Answer(sql.removeprefix("-- ").partition("?")[0] + "?", header, rows)
