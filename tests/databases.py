"""Databases as targets make and fill them, without a target in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import duckdb
import psycopg
import pytest

from tests.conftest import Record

DUCKDB_TYPES = {
    "number": "double", "integer": "hugeint", "boolean": "boolean", "object": "json", "array": "json",
    "date-time": "timestamp",
}  # fmt: skip
POSTGRESQL_TYPES = {
    "number": "numeric", "integer": "bigint", "boolean": "boolean", "object": "jsonb", "array": "jsonb",
    "date-time": "timestamp", "date": "date",
}  # fmt: skip


@dataclass
class Database:
    """The schema azure as a target makes and fills it; ``rows`` is what makes rows of a JSON array."""

    run: Callable[..., list[tuple[Any, ...]]]
    types: dict[str, str]
    rows: str
    rounds: bool
    tables: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.run("create schema azure")

    def create(self, table: str, properties: Mapping[str, Mapping[str, Any]]) -> None:
        self.tables[table] = {name: self._type(schema) for name, schema in properties.items()}
        columns = ", ".join(f'"{name}" {kind}' for name, kind in self.tables[table].items())
        self.run(f"create table azure.{table} ({columns})")

    def insert(self, table: str, records: Collection[Record]) -> None:
        rows = self.rows.format(table=f"azure.{table}", columns=json.dumps([self.tables[table]]))
        self.run(f"insert into azure.{table} {rows}", [json.dumps(records, default=str)])

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Take back at the end what happens within."""
        self.run("begin")
        try:
            yield
        finally:
            self.run("rollback")

    def _type(self, schema: Mapping[str, Any]) -> str:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return self.types.get(schema.get("format", kinds[0]), "varchar")


@contextmanager
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Open the empty database that the fixture's parameter names: duckdb or postgresql."""
    if request.param == "duckdb":
        with duckdb.connect() as connection:
            yield on_duckdb(connection)
    else:
        with psycopg.connect(request.getfixturevalue("postgresql"), autocommit=True) as server:
            yield _postgresql(server)


def on_duckdb(connection: duckdb.DuckDBPyConnection) -> Database:
    """Return the database behind a connection."""
    rows = "select row.* from (select unnest(from_json(?, '{columns}')) as row)"
    return Database(lambda *asked: connection.execute(*asked).fetchall(), DUCKDB_TYPES, rows, rounds=True)


def _postgresql(connection: psycopg.Connection) -> Database:
    def run(sql: str, values: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        cursor = connection.execute(sql.encode(), values)
        return cursor.fetchall() if cursor.description else []

    return Database(run, POSTGRESQL_TYPES, "select * from json_populate_recordset(null::{table}, %s)", rounds=False)
