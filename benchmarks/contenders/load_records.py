# /// script
# requires-python = ">=3.10"
# dependencies = ["target-duckdb~=0.8.0", "duckdb<1.3"]
# ///
"""Load RECORD messages with target-duckdb, set up as in meltano.yml, and count the rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb
from target_duckdb import main  # type: ignore[import-not-found]

DATABASE = "records.duckdb"
CONFIG = {
    "filepath": DATABASE,
    "default_target_schema": "azure",
    "batch_size_rows": 20000,
    "add_metadata_columns": False,
    "hard_delete": False,
    "data_flattening_max_level": 0,
}

Path("target.json").write_text(json.dumps(CONFIG), encoding="utf-8")
sys.argv[1:] = ["--config", "target.json"]
main()
with duckdb.connect(DATABASE) as database:
    print(database.execute("select count(*) from azure.usage_details").fetchall()[0][0])
