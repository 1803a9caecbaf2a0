"""The contenders, and the commands that each of them runs."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from benchmarks.measure import ENVIRONMENT, Command, FailedError, Output
from benchmarks.site import ENROLLMENT, REPORT, Site

SCRIPTS = Path(__file__).parent / "contenders"
BATCHES = "batches"


@dataclass(frozen=True)
class Contender:
    """One row of a table.

    ``floor`` is the contender that does the least possible with the same input. ``script`` is the script that runs in
    an environment of its own, if there is one.
    """

    title: str
    pipeline: Callable[[Site], Sequence[Command]]
    count: Callable[[Output, Path], int]
    floor: str = ""
    script: str = ""


def records(output: Output, _work: Path) -> int:
    """Return the number of RECORD messages."""
    return output.records


def said(output: Output, _work: Path) -> int:
    """Return the number at the end of the last line."""
    return int(output.tail.split()[-1])


def jsonl_rows(_output: Output, work: Path) -> int:
    """Return the number of lines in the files."""
    return sum(sum(1 for _ in gzip.open(path)) for path in (work / BATCHES).iterdir())


def parquet_rows(_output: Output, work: Path) -> int:
    """Return the number of rows in the files; another process reads them, to keep this one small."""
    script = "import duckdb, sys; print(duckdb.read_parquet(sys.argv[1]).count('*').fetchall()[0][0])"
    command = [sys.executable, "-c", script, str(work / BATCHES / "*")]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


def tap(site: Site, usage_format: str = "json", *, charge_id: bool = False, **encoding: str) -> list[Command]:
    """Return the tap, reading usage only; ``encoding`` is that of BATCH files."""
    config: dict[str, Any] = {
        "enrollment_number": ENROLLMENT,
        "api_key": "benchmark",
        "ea_reporting_url": site.url,
        "usage_format": usage_format,
        "charge_id": charge_id,
    }
    if encoding:
        (site.work / BATCHES).mkdir()
        storage = {"root": (site.work / BATCHES).as_uri(), "prefix": ""}
        config["batch_config"] = {"encoding": encoding, "storage": storage}
    (site.work / "config.json").write_text(json.dumps(config))
    (site.work / "catalog.json").write_text(_catalog(charge_id))
    return [[sys.executable, "-m", "tap_azure_ea", "--config", "config.json", "--catalog", "catalog.json"]]


@lru_cache
def _catalog(charge_id: bool) -> str:  # noqa: FBT001 - the setting
    """Return the catalog with only usage selected; another process discovers it."""
    environment = {
        **ENVIRONMENT,
        "TAP_AZURE_EA_ENROLLMENT_NUMBER": ENROLLMENT,
        "TAP_AZURE_EA_API_KEY": "benchmark",
        "TAP_AZURE_EA_CHARGE_ID": str(charge_id).lower(),
    }
    command = [sys.executable, "-m", "tap_azure_ea", "--config=ENV", "--discover"]
    found = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    catalog = json.loads(found)
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            metadata["metadata"]["selected"] = entry["stream"] == "usage_details"
    return json.dumps(catalog)


def plain_sdk(site: Site) -> list[Command]:
    """Return a plain tap."""
    (site.work / "config.json").write_text(json.dumps({"url": site.usage_url}))
    return [[sys.executable, str(SCRIPTS / "plain_sdk.py"), "--config", "config.json"]]


def ours(script: str, *arguments: str) -> Command:
    """Return a script that runs in the project's environment."""
    return [sys.executable, str(SCRIPTS / script), *arguments]


def theirs(script: str, *arguments: str) -> Command:
    """Return a script that runs in an environment of its own."""
    return [interpreter(script), str(SCRIPTS / script), *arguments]


@lru_cache
def interpreter(script: str) -> str:
    """Return the interpreter of a script's environment, which uv creates from the script's first lines."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if not uv:
        raise FailedError(f"uv makes the environment of {script}, and is not on the path")
    for command in ("sync --quiet", "python find"):
        arguments = [uv, *command.split(), "--script", str(SCRIPTS / script)]
        environment = {**os.environ, "UV_PYTHON": sys.executable, "UV_COMPILE_BYTECODE": "1"}
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise FailedError(f"the environment of {script} cannot be made: {done.stderr.strip()}")
    return done.stdout.strip()


READING = {
    "json": Contender("**this tap**, JSON pages, RECORD lines", tap, records, "floor"),
    "csv": Contender(
        "**this tap**, CSV report, RECORD lines", partial(tap, usage_format="csv"), records, "dict-reader"
    ),
    "charge-id": Contender(
        "**this tap**, CSV report, RECORD lines with `charge_id`",
        partial(tap, usage_format="csv", charge_id=True),
        records,
        "dict-reader",
    ),
    "batch-jsonl": Contender(
        "**this tap**, JSON pages, BATCH JSONL", partial(tap, format="jsonl", compression="gzip"), jsonl_rows, "floor"
    ),
    "batch-parquet": Contender(
        "**this tap**, JSON pages, BATCH Parquet", partial(tap, format="parquet"), parquet_rows, "floor"
    ),
    "csv-parquet": Contender(
        "**this tap**, CSV report, BATCH Parquet",
        partial(tap, usage_format="csv", format="parquet"),
        parquet_rows,
        "dict-reader",
    ),
    "sdk": Contender("plain SDK `RESTStream`, JSON pages, RECORD lines", plain_sdk, records, "floor"),
    "dlt": Contender(
        "dlt `rest_api`, JSON pages, extract step alone",
        lambda site: [theirs("dlt_rest_api.py", "extract", site.usage_url)],
        said,
        "floor",
        "dlt_rest_api.py",
    ),
    "airbyte": Contender(
        "Airbyte declarative source, JSON pages, RECORD lines",
        lambda site: [theirs("airbyte_declarative.py", site.usage_url)],
        records,
        "floor",
        "airbyte_declarative.py",
    ),
    "floor": Contender(
        "floor for JSON: msgspec and nothing else, RECORD lines",
        lambda site: [ours("floor.py", site.usage_url)],
        records,
        "floor",
    ),
    "dict-reader": Contender(
        "floor for CSV: `csv.DictReader` on the local file, no output",
        lambda site: [ours("dict_reader.py", str(site.served / REPORT))],
        said,
        "dict-reader",
    ),
}
LOADING = {
    "load-records": Contender(
        "**this tap**, JSON pages, RECORD lines, target-duckdb",
        lambda site: [*tap(site), theirs("load_records.py")],
        said,
        script="load_records.py",
    ),
    "load-parquet": Contender(
        "**this tap**, JSON pages, BATCH Parquet, read by DuckDB",
        lambda site: [*tap(site, format="parquet"), ours("load_batches.py")],
        said,
    ),
    "load-csv-parquet": Contender(
        "**this tap**, CSV report, BATCH Parquet, read by DuckDB",
        lambda site: [*tap(site, "csv", format="parquet"), ours("load_batches.py")],
        said,
    ),
    "load-dlt": Contender(
        "dlt `rest_api`, JSON pages, Parquet, loaded by dlt",
        lambda site: [theirs("dlt_rest_api.py", "run", site.usage_url)],
        said,
        script="dlt_rest_api.py",
    ),
}
