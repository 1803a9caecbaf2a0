# /// script
# requires-python = ">=3.10,<3.15"
# dependencies = ["dlt[duckdb,parquet]~=1.31"]
# ///
"""A rest_api source of dlt, written as the documentation shows: extracted only, or loaded into DuckDB as Parquet."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import dlt  # type: ignore[import-not-found]
import duckdb
from dlt.sources.rest_api import rest_api_source  # type: ignore[import-not-found]

step, url = sys.argv[1:]
address = urlsplit(url)
source = rest_api_source(
    {
        "client": {
            "base_url": f"{address.scheme}://{address.netloc}",
            "paginator": {"type": "json_link", "next_url_path": "nextLink"},
        },
        "resources": [{"name": "usage_details", "endpoint": {"path": address.path, "data_selector": "data"}}],
    }
)
pipeline = dlt.pipeline(
    "usage",
    pipelines_dir="pipelines",
    destination=dlt.destinations.duckdb("usage.duckdb"),
    dataset_name="azure",
)
if step == "extract":
    pipeline.extract(source)
    metrics = pipeline.last_trace.last_extract_info.metrics
    tables = [load["table_metrics"] for loads in metrics.values() for load in loads]
    print(sum(table["usage_details"].items_count for table in tables if "usage_details" in table))
else:
    pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()
    with duckdb.connect("usage.duckdb") as database:
        print(database.execute("select count(*) from azure.usage_details").fetchall()[0][0])
