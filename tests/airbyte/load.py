# /// script
# requires-python = ">=3.10,<3.13"
# dependencies = ["airbyte~=0.71"]
# ///
"""Loads streams into a DuckDB cache with PyAirbyte, and prints the rows of its tables; in an environment of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import airbyte  # type: ignore[import-not-found]
from airbyte.caches import DuckDBCache  # type: ignore[import-not-found]

executable, config, database, streams = sys.argv[1:]
source = airbyte.get_source(
    "source-azure-ea", local_executable=executable, config=json.loads(Path(config).read_text(encoding="utf-8"))
)
source.check()
source.select_streams(streams.split(","))
cache = DuckDBCache(db_path=database, schema_name="main")
processed = source.read(cache=cache).processed_records
tables = {stream: cache.run_sql_query(f'select * from "{stream}"') for stream in streams.split(",")}  # noqa: S608
print(json.dumps({"processed": processed, "tables": tables}, default=str), file=sys.__stdout__)
