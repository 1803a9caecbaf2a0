"""BATCH mode: files instead of RECORD messages, and the same promises."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from singer_sdk.exceptions import ConfigValidationError

from tap_azure_ea.sandbox import Sandbox
from tests.conftest import Message, Recorder, decode, settings, sync


def batches(sandbox: Sandbox, folder: Path, **more: Any) -> dict[str, Any]:
    storage = {"root": folder.as_uri(), "prefix": ""}
    encoding = {"format": "jsonl", "compression": "gzip"}
    return settings(sandbox, batch_config={"encoding": encoding, "storage": storage, "batch_size": 700}, **more)


def rows(message: Message) -> list[dict[str, Any]]:
    found = []
    for url in message["manifest"]:
        with gzip.open(url.removeprefix("file://")) as file:
            found += [decode(line) for line in file]
    return found


def test_batches_hold_the_same_rows_and_no_state_vouches_for_a_file_that_was_not_announced(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    run = sync(batches(sandbox, tmp_path), select={"usage_details": ["tags"]})
    expected = sync(settings(sandbox), select={"usage_details": ["tags"]})
    read = []
    for message in run.messages:
        if message["type"] == "BATCH":
            read += rows(message)
        elif message["type"] == "STATE":
            done = [p for p in message["value"]["bookmarks"]["usage_details"]["partitions"] if "etag" in p]
            assert len(read) >= sum(partition["row_count"] for partition in done)
    assert read == expected.records("usage_details")
    assert run.state == expected.state
    assert not run.records("usage_details")


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


@pytest.mark.parametrize(
    "more",
    [
        {"stream_maps": {"usage_details": {"cents": "cost * 100"}}},
        {"flattening_enabled": True, "flattening_max_depth": 1},
    ],
)
def test_what_batch_files_cannot_honour_is_refused(sandbox: Sandbox, tmp_path: Path, more: dict[str, Any]) -> None:
    with pytest.raises(ConfigValidationError, match="batch_config cannot be combined with stream_maps or flattening"):
        sync(batches(sandbox, tmp_path, **more), select={"usage_details": []})


def test_batches_hold_tombstones_and_end_equal_to_the_sandbox(sandbox: Sandbox, tmp_path: Path) -> None:
    table: dict[tuple[str, int], dict[str, Any]] = {}
    state: Message = {}
    for _ in range(4):
        run = sync(batches(sandbox, tmp_path), state, select={"usage_details": []})
        for message in run.messages:
            for row in rows(message) if message["type"] == "BATCH" else []:
                table[row["billing_period_id"], row["row_number"]] = row
        state = run.state
        for period in sandbox.bill.periods:
            alive = [row for (p, _), row in sorted(table.items()) if p == period and row["_sdc_deleted_at"] is None]
            assert [row["cost"] for row in alive] == [row["cost"] for row in sandbox.bill.usage(period)]
        sandbox.bill.restate("202601")
    assert any(row["_sdc_deleted_at"] for row in table.values())
