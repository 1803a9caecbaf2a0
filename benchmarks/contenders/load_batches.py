"""Load the Parquet files of BATCH messages with DuckDB, in place of rows with the same keys, and count the rows."""

from __future__ import annotations

import json
import sys
from urllib.parse import urlsplit
from urllib.request import url2pathname

import duckdb

# Of a key that is in a file twice, the last row counts.
STAGE = """
create or replace temp table stage as
select * exclude file_row_number from read_parquet('{file}', file_row_number = true)
qualify row_number() over (partition by {keys} order by file_row_number desc) = 1
"""

database = duckdb.connect("batches.duckdb")
keys: dict[str, list[str]] = {}
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "SCHEMA":
        keys[message["stream"]] = message["key_properties"]
    elif message["type"] == "BATCH":
        stream = message["stream"]
        same = " and ".join(f"held.{key} = stage.{key}" for key in keys[stream])
        database.begin()
        for url in message["manifest"]:
            file = url2pathname(urlsplit(url).path)
            database.execute(STAGE.format(file=file, keys=", ".join(keys[stream])))
            database.execute(f"create table if not exists {stream} as from stage limit 0")
            database.execute(f"delete from {stream} as held using stage where {same}")  # noqa: S608 - our own names
            database.execute(f"insert into {stream} by name from stage")
        database.commit()
print(database.execute("select count(*) from usage_details").fetchall()[0][0])
