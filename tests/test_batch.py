"""BATCH mode: files instead of RECORD messages, and the same promises."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import duckdb
import pendulum
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk import BatchSink, Target
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers._batch import BatchConfig
from upath import UPath

from tap_azure_ea.api.errors import AzureError
from tap_azure_ea.batch import BatchFiles, MisfitError
from tap_azure_ea.datasets import audit, billing, cost_management, datasets, ea_reporting
from tap_azure_ea.fields import date as day
from tap_azure_ea.fields import integer, json_object, number, text, timestamp
from tap_azure_ea.records import Records
from tap_azure_ea.sandbox import Fault, Sandbox
from tap_azure_ea.tap import TapAzureEA
from tests.conftest import Message, Recorder, Run, billing_settings, decode, settings, sync

PACKED = {"format": "jsonl", "compression": "gzip"}
PARQUET = {"format": "parquet"}
ENCODINGS = pytest.mark.parametrize(
    "encoding", [PACKED, {"format": "jsonl"}, PARQUET], ids=["packed lines", "lines", "Parquet"]
)
CURRENT = """
    select * from (
        select * from read_parquet('{}/*--usage_details-*.parquet', filename = true, file_row_number = true)
        qualify row_number() over (
            partition by enrollment_number, billing_period_id, row_number
            order by filename desc, file_row_number desc
        ) = 1
    ) where _sdc_deleted_at is null
"""
FIELDS = (
    text("name", "Name."), number("cost", "Cost."), integer("id", "Id."), day("on", "Day."),
    timestamp("at", "Moment."), json_object("tags", "Tags."),
)  # fmt: skip
BLANK: dict[str, Any] = dict.fromkeys(field.name for field in FIELDS)


def batches(sandbox: Sandbox, folder: Path, encoding: dict[str, str] = PACKED, **more: Any) -> dict[str, Any]:
    return {**settings(sandbox, **more), "batch_config": batch_config(folder.as_uri(), encoding, 700)}


def batch_config(root: str, encoding: dict[str, str], size: int) -> dict[str, Any]:
    return {"encoding": encoding, "storage": {"root": root, "prefix": ""}, "batch_size": size}


def rows(message: Message) -> list[dict[str, Any]]:
    """Read the files of a BATCH message as records again."""
    found = []
    for url in message["manifest"]:
        content = Path(url.removeprefix("file://")).read_bytes()
        if message["encoding"]["format"] == "parquet":
            found += pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
        else:
            packed = message["encoding"].get("compression") == "gzip"
            found += [decode(line) for line in (gzip.decompress(content) if packed else content).splitlines()]
    return plain(message["stream"], found)


def plain(stream: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records, or rows of Parquet, in what both have in common."""
    kinds = KINDS[stream]
    return [
        {name: MEANING[kinds[name]](value) if kinds[name] in MEANING and value is not None else value
         for name, value in record.items()}
        for record in records
    ]  # fmt: skip


def _moment(value: Any) -> str:
    moment = pendulum.parse(value) if isinstance(value, str) else pendulum.instance(value)
    assert isinstance(moment, pendulum.DateTime)
    return moment.in_timezone("UTC").format("YYYY-MM-DDTHH:mm:ss.SSSSSS")


MEANING: dict[str, Callable[[Any], Any]] = {
    "number": Decimal,
    "date": str,
    "date-time": _moment,
    "object": lambda value: decode(value) if isinstance(value, str) else value,
    "array": lambda value: decode(value) if isinstance(value, str) else value,
}
KINDS = {
    dataset.name: {field.name: field.schema.get("format", field.schema["type"]) for field in dataset.fields}
    for family in (audit, billing, cost_management, ea_reporting)
    for dataset in datasets(family)
}


def read(run: Run, stream: str = "usage_details") -> list[dict[str, Any]]:
    messages = [m for m in run.messages if m["type"] == "BATCH" and m["stream"] == stream]
    return [row for message in messages for row in rows(message)]


def write(folder: Path, encoding: dict[str, str], *records: dict[str, Any], size: int = 700) -> list[Path]:
    config = BatchConfig.from_dict(batch_config(folder.as_uri(), encoding, size))
    whole = [{**BLANK, **record} for record in records]
    some = (Records.of(whole[start : start + 1000]) for start in range(0, len(whole), 1000))
    return [Path(address.removeprefix("file://")) for address, _ in BatchFiles(FIELDS, config, "records").write(some)]


@ENCODINGS
@pytest.mark.usefixtures("today")
def test_batches_hold_the_same_rows_and_no_state_vouches_for_a_file_that_was_not_announced(
    sandbox: Sandbox, tmp_path: Path, encoding: dict[str, str]
) -> None:
    run = sync(batches(sandbox, tmp_path, encoding), select={"usage_details": ["tags"]})
    expected = sync(settings(sandbox), select={"usage_details": ["tags"]})
    announced = []
    for message in run.messages:
        if message["type"] == "BATCH":
            announced += rows(message)
        elif message["type"] == "STATE":
            done = [p for p in message["value"]["bookmarks"]["usage_details"]["partitions"] if "etag" in p]
            assert len(announced) >= sum(partition["row_count"] for partition in done)
    assert announced == plain("usage_details", expected.records("usage_details"))
    assert run.state == expected.state
    assert not run.records("usage_details")


@ENCODINGS
def test_files_are_bounded_and_a_period_that_needs_several_has_them_in_the_order_of_their_names(
    sandbox: Sandbox, tmp_path: Path, encoding: dict[str, str]
) -> None:
    run = sync(batches(sandbox, tmp_path, encoding), select={"usage_details": []})
    messages = [message for message in run.messages if message["type"] == "BATCH"]
    sizes = [len(rows(message)) for message in messages]
    counts = [len(sandbox.bill.usage(period)) for period in sandbox.bill.periods]
    assert sizes == [min(700, count - begun) for count in counts for begun in range(0, count, 700)]
    announced = [Path(url).name for message in messages for url in message["manifest"]]
    assert announced == sorted(announced) == sorted(path.name for path in tmp_path.iterdir())


def test_duckdb_reads_from_parquet_the_schemas_own_types_and_the_sandboxs_rows_and_sums(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sync(batches(sandbox, tmp_path, PARQUET), select={"usage_details": ["extra"]})
    bill = duckdb.sql(CURRENT.format(tmp_path))
    types = dict(zip(bill.columns, map(str, bill.types), strict=True))
    names = ("row_number", "cost", "consumed_quantity", "date", "charges_billed_separately", "tags", "_sdc_deleted_at")
    assert [types[name] for name in names] == [
        "BIGINT", "VARCHAR", "VARCHAR", "DATE", "BOOLEAN", "VARCHAR", "TIMESTAMP WITH TIME ZONE",
    ]  # fmt: skip
    assert "extra" not in types
    found = duckdb.sql("""
        select billing_period_id, count(*), sum(cost::decimal(38, 28)), sum(consumed_quantity::decimal(38, 28))
        from bill group by 1
    """)
    expected = [
        (period, len(usage), sum(row["cost"] for row in usage), sum(row["consumedQuantity"] for row in usage))
        for period in sorted(sandbox.bill.periods)
        for usage in [sandbox.bill.usage(period)]
    ]
    assert sorted(found.fetchall()) == expected


def test_duckdb_reads_from_lines_the_sandboxs_rows_and_sums(sandbox: Sandbox, tmp_path: Path) -> None:
    sync(batches(sandbox, tmp_path), select={"usage_details": []})
    # DuckDB itself reads numbers in JSON as DOUBLE: to the last digit only as text.
    lines = duckdb.read_csv(
        f"{tmp_path}/*.json.gz", sep="\x01", quotechar="", escapechar="", header=False, dtype={"line": "VARCHAR"},
        names=["line"],
    )  # fmt: skip
    exact_cost = """regexp_extract(line, '"cost":([^,]+),', 1)::decimal(38, 28)"""
    columns = f"line ->> 'billing_period_id', count(*), sum({exact_cost}), sum((line ->> 'cost')::double)"
    found = lines.aggregate(columns)
    costs = {period: [row["cost"] for row in sandbox.bill.usage(period)] for period in sandbox.bill.periods}
    for period, count, exact, nearly in found.fetchall():
        assert (count, exact) == (len(costs[period]), sum(costs.pop(period)))
        assert nearly == pytest.approx(float(exact))
    assert not costs


@pytest.mark.parametrize("encoding", [PACKED, PARQUET], ids=["lines", "Parquet"])
@pytest.mark.usefixtures("today")
def test_every_dataset_is_in_its_files_what_it_is_in_records(
    sandbox: Sandbox, tmp_path: Path, encoding: dict[str, str]
) -> None:
    more = {**billing_settings(sandbox), "start_date": "2026-02-01"}
    run = sync(batches(sandbox, tmp_path, encoding, **more))
    expected = sync(settings(sandbox, **more))
    assert not [message for message in run.messages if message["type"] == "RECORD"]
    for stream in TapAzureEA(config=settings(sandbox, **more)).streams:
        records = plain(stream, expected.records(stream))
        found = read(run, stream)
        for record in (*records, *found) if stream == "period_refreshes" else ():
            assert Decimal(record.pop("seconds")) > 0
        assert found == records != []


def test_a_batch_run_that_breaks_off_leaves_no_old_etag(sandbox: Sandbox, tmp_path: Path) -> None:
    first = sync(batches(sandbox, tmp_path), select={"usage_details": []})
    for period in sandbox.bill.periods:
        sandbox.bill.restate(period)
    recorder = Recorder()
    sync(batches(sandbox, tmp_path), first.state, select={"usage_details": []}, recorder=recorder)
    announced = next(number for number, message in enumerate(recorder.messages) if message["type"] == "BATCH")
    states = [message["value"] for message in recorder.messages[:announced] if message["type"] == "STATE"]
    partitions = states[-1]["bookmarks"]["usage_details"]["partitions"]
    assert "etag" not in next(p for p in partitions if p["context"]["billing_period_id"] == "202603")


@ENCODINGS
def test_a_run_that_breaks_off_within_a_file_leaves_those_that_it_announced_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: dict[str, str]
) -> None:
    staged, folder = tmp_path / "staged", tmp_path / "bill"
    staged.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(staged))

    def broken() -> Iterator[Records]:
        yield Records.of([{**BLANK, "id": number} for number in range(25_000)])
        raise ConnectionError

    config = BatchConfig.from_dict(batch_config(folder.as_uri(), encoding, 10_000))
    announced: list[str] = []
    with pytest.raises(ConnectionError):
        announced.extend(Path(url).name for url, _ in BatchFiles(FIELDS, config, "records").write(broken()))
    assert len(announced) == 2
    assert sorted(path.name for path in folder.iterdir()) == announced
    assert not list(staged.iterdir())
    (again,) = write(folder, encoding, {"name": "the next file takes its place as any"})
    assert again.exists()


@pytest.mark.parametrize(
    "more",
    [
        {"stream_maps": {"usage_details": {"cents": "cost * 100"}}},
        {"flattening_enabled": True, "flattening_max_depth": 1},
    ],
)
@ENCODINGS
def test_what_batch_files_cannot_honour_is_refused(
    sandbox: Sandbox, tmp_path: Path, encoding: dict[str, str], more: dict[str, Any]
) -> None:
    with pytest.raises(ConfigValidationError, match="batch_config cannot be combined with stream_maps or flattening"):
        sync(batches(sandbox, tmp_path, encoding, **more), select={"usage_details": []})
    assert not list(tmp_path.iterdir())


@ENCODINGS
def test_batches_hold_tombstones_and_end_equal_to_the_sandbox(
    sandbox: Sandbox, tmp_path: Path, encoding: dict[str, str]
) -> None:
    table: dict[tuple[str, int], dict[str, Any]] = {}
    state: Message = {}
    for _ in range(4):
        run = sync(batches(sandbox, tmp_path, encoding), state, select={"usage_details": []})
        table.update(((row["billing_period_id"], row["row_number"]), row) for row in read(run))
        state = run.state
        for period in sandbox.bill.periods:
            alive = [row for (p, _), row in sorted(table.items()) if p == period and row["_sdc_deleted_at"] is None]
            assert [row["cost"] for row in alive] == [row["cost"] for row in sandbox.bill.usage(period)]
        sandbox.bill.restate("202601")
    assert any(row["_sdc_deleted_at"] for row in table.values())


def test_duckdb_finds_what_is_current_in_the_parquet_files_of_many_runs(sandbox: Sandbox, tmp_path: Path) -> None:
    state: Message = {}
    for _ in range(4):
        state = sync(batches(sandbox, tmp_path, PARQUET), state, select={"usage_details": []}).state
        bill = (
            duckdb.sql(CURRENT.format(tmp_path))
            .select("billing_period_id, row_number, cost::decimal(38, 28)")
            .order("ALL")
        )
        assert bill.fetchall() == [
            (period, place, row["cost"])
            for period in sorted(sandbox.bill.periods)
            for place, row in enumerate(sandbox.bill.usage(period), start=1)
        ]
        sandbox.bill.restate("202601")


@ENCODINGS
def test_no_digit_is_lost_whatever_the_size(tmp_path: Path, encoding: dict[str, str]) -> None:
    costs = [
        "-0.1234567890123456789012345678",
        "123456789012345678901.1234567890123456789012345678",
        "1E-7",
        "1E+400",
        "7",
    ]
    records = [{"cost": Decimal(cost), "id": 2**63 - 1} for cost in costs]
    (path,) = write(tmp_path, encoding, *records, {"cost": 10**39}, {"cost": 0})
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if encoding is PARQUET:
        found = pyarrow.parquet.read_table(path).to_pylist()
    else:
        found = [decode(line) for line in content.replace(b":1E+400", b':"1E+400"').splitlines()]
    assert [str(row["cost"]) for row in found] == [*costs, str(10**39), "0"]
    assert found[0]["id"] == 2**63 - 1


@given(st.lists(st.none() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False), min_size=1))
def test_any_mixture_of_numbers_survives_in_parquet(costs: list[Decimal | int | None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (path,) = write(Path(folder), PARQUET, *({"cost": cost} for cost in costs))
        found = pyarrow.parquet.read_table(path).column("cost").to_pylist()
        assert [text and Decimal(text) for text in found] == costs


@pytest.mark.parametrize("record", [{"id": 2**63}, {"at": "2026-01-01T00:00:00+25:00"}], ids=str)
def test_what_its_type_in_parquet_cannot_hold_is_refused(tmp_path: Path, record: dict[str, Any]) -> None:
    (name,) = record
    with pytest.raises(MisfitError, match=f"{name} holds a value that is beyond .* set batch_config.encoding.format"):
        write(tmp_path, PARQUET, {"id": 1}, record)
    assert not list(tmp_path.iterdir())
    assert len(write(tmp_path, PACKED, record)) == 1


def test_what_parquet_cannot_hold_fails_the_run_but_not_the_rest(sandbox: Sandbox, tmp_path: Path) -> None:
    odd = json.dumps({"data": [{"cost": 1}, {"departmentId": 2**63}]})
    sandbox.faults.append(Fault("202602/usagedetails$", body=odd, headers={"ETag": '"odd"'}))
    recorder = Recorder()
    told = "usage_details: department_id holds a value that is beyond int64"
    with pytest.raises(AzureError, match=told):
        sync(batches(sandbox, tmp_path, PARQUET), select={"usage_details": []}, recorder=recorder)
    recorder.flush()
    run = Run(recorder.messages)
    assert {row["billing_period_id"] for row in read(run)} == {"202603", "202601", "202512"}
    assert "etag" not in run.bookmark("usage_details", "202602")
    assert "etag" in run.bookmark("usage_details", "202601")


def test_odd_values_keep_their_meaning_in_parquet(tmp_path: Path) -> None:
    values: list[dict[str, Any]] = [
        {"name": 'quote " and \n break, ünïcode 🙂', "on": "0001-01-01", "at": "2026-01-01T00:00:00.1234567Z"},
        {"name": "", "on": "9999-12-31", "at": "2026-01-01T01:30:00.5+05:30"},
        {"name": "{", "at": "9999-12-31T23:59:59Z", "tags": {"rate": Decimal("0.10"), "deep": [{"a": None}]}},
        {},
    ]
    (path,) = write(tmp_path, PARQUET, *values)
    found = duckdb.read_parquet(str(path)).select('name, "on"::text, epoch_us("at"), tags').fetchall()
    first, second, third = (
        int(pendulum.datetime(*moment).timestamp()) * 1_000_000
        for moment in ((2026, 1, 1), (2025, 12, 31, 20), (9999, 12, 31, 23, 59, 59))
    )
    assert found == [
        (values[0]["name"], "0001-01-01", first + 123_456, None),
        ("", "9999-12-31", second + 500_000, None),
        ("{", None, third, '{"rate":0.10,"deep":[{"a":null}]}'),
        (None, None, None, None),
    ]


def test_all_files_have_the_same_types_even_if_all_is_null(tmp_path: Path) -> None:
    blank, full = write(tmp_path, PARQUET, {}, {"cost": 1, "on": "2026-01-01"}, size=1)
    assert pyarrow.parquet.read_schema(blank) == pyarrow.parquet.read_schema(full)


@pytest.mark.parametrize(("compression", "codec"), [("none", "UNCOMPRESSED"), ("gzip", "GZIP"), (None, "SNAPPY")])
def test_parquet_is_compressed_as_told(tmp_path: Path, compression: str | None, codec: str) -> None:
    (path,) = write(tmp_path, {**PARQUET, **({"compression": compression} if compression else {})}, {"cost": 1})
    assert pyarrow.parquet.read_metadata(path).row_group(0).column(0).compression == codec


def test_large_files_are_written_in_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tap_azure_ea.batch.ROW_GROUP_BYTES", 1)
    (path,) = write(tmp_path, PARQUET, *({"id": number} for number in range(10_000)), size=10_000)
    assert pyarrow.parquet.read_metadata(path).num_row_groups == 10
    assert pyarrow.parquet.read_table(path).column("id").to_pylist() == list(range(10_000))


@pytest.mark.parametrize("root", ["memory://bill", "bill", "{}/with space", "file://{}/bill"])
@pytest.mark.parametrize("prefix", ["", "2026/usage-"])
def test_files_go_to_any_filesystem(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str, prefix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    config = batch_config(root.format(tmp_path), PACKED, 700)
    config["storage"]["prefix"] = prefix
    run = sync(settings(sandbox, batch_config=config), select={"balance_summary": []})
    urls = [url for message in run.messages if message["type"] == "BATCH" for url in message["manifest"]]
    assert all(f"/{prefix}tap-azure-ea--balance_summary-" in url for url in urls)
    packed = [UPath(unquote(url)).read_bytes() for url in urls]
    found = [decode(line) for content in packed for line in gzip.decompress(content).splitlines()]
    assert found == sync(settings(sandbox), select={"balance_summary": []}).records("balance_summary")


class Gathering(Target):
    """A target of the SDK."""

    name = "gathering"

    class Sink(BatchSink):
        gathered: ClassVar[list[dict[str, Any]]] = []

        def process_batch(self, context: dict[str, Any]) -> None:
            self.gathered.extend(context["records"])

    default_sink_class = Sink


@ENCODINGS
def test_a_target_of_the_sdk_takes_the_files(sandbox: Sandbox, tmp_path: Path, encoding: dict[str, str]) -> None:
    run = sync(batches(sandbox, tmp_path, encoding), select={"usage_details": []})
    Gathering.Sink.gathered.clear()
    Gathering().listen(io.StringIO("".join(f"{json.dumps(message, default=str)}\n" for message in run.messages)))
    records = sync(settings(sandbox), select={"usage_details": []}).records("usage_details")
    assert plain("usage_details", Gathering.Sink.gathered) == plain("usage_details", records)


def test_parquet_says_what_it_needs(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for module in [name for name in sys.modules if name.startswith("pyarrow.")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(ConfigValidationError, match=r"needs pyarrow: pip install 'tap-azure-ea\[parquet\]'"):
        sync(batches(sandbox, tmp_path, PARQUET), select={"usage_details": []})
    assert not list(tmp_path.iterdir())
