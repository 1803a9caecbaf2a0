from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_azure_ea.records import Record, Records, Row
from tap_azure_ea.snapshot import Snapshot

BLANK = {"period": "202601", "row_number": None, "etag": None, "_sdc_deleted_at": None, "cost": None}
STEP = 3


@dataclass(frozen=True)
class Page:
    number: int
    etag: str | None
    rows: list[dict[str, Any]]


def pages(version: list[int], etag: str | None, size: int = 2) -> Iterator[Page]:
    for start in range(0, max(len(version), 1), size):
        yield Page(start // size + 1, etag, [{"cost": cost} for cost in version[start : start + size]])


def read(rows: Iterable[Row]) -> Iterator[Records]:
    records = [{**BLANK, **row} for row in rows]
    return iter([Records.of(records)] if records else [])


class Pipeline:
    """A tap's bookmark and a target that upserts, with a STATE in between that may be behind."""

    def __init__(self) -> None:
        self.saved: dict[str, Any] = {}
        self.table: dict[int, Record] = {}

    def read(self, *readings: Iterator[Page], stop_after: int | None = None) -> Snapshot:
        """Read; a run that stops keeps only the STATE that was published."""
        bookmark = json.loads(json.dumps(self.saved))
        snapshot = Snapshot(bookmark, "whole", lambda: self.saved.update(_replaced(self.saved, bookmark)), STEP)
        all_pages = (page for reading in readings for page in reading)
        records = chain.from_iterable(snapshot.replace(all_pages, read, dict(BLANK)))
        for count, record in enumerate(records):
            if count == stop_after:
                return snapshot
            self.table[record["row_number"]] = record
        snapshot.vouch()
        snapshot.publish()
        return snapshot

    @property
    def live(self) -> list[int]:
        return [row["cost"] for _, row in sorted(self.table.items()) if row["_sdc_deleted_at"] is None]


def _replaced(saved: dict[str, Any], bookmark: dict[str, Any]) -> dict[str, Any]:
    saved.clear()
    copied: dict[str, Any] = json.loads(json.dumps(bookmark))
    return copied


def test_a_first_reading_numbers_its_rows_and_vouches_at_its_end() -> None:
    pipeline = Pipeline()
    pipeline.read(pages([5, 5, 7], '"a"'))
    assert pipeline.live == [5, 5, 7]
    assert [row["etag"] for row in pipeline.table.values()] == ['"a"'] * 3
    assert pipeline.saved == {"row_count": 3, "parameters": "whole", "etag": '"a"'}


class Watched(dict[str, Any]):
    """A bookmark as a signal may find it: after any change."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, Any]] = []

    def update(self, *given: Any, **more: Any) -> None:
        super().update(*given, **more)
        self.seen.append({**self})

    def pop(self, *name: Any) -> Any:
        found = super().pop(*name)
        self.seen.append({**self})
        return found


def test_rows_and_what_is_kept_of_them_are_vouched_for_at_once() -> None:
    bookmark = Watched()
    snapshot = Snapshot(bookmark, "whole", lambda: None, STEP)
    assert sum(records.count for records in snapshot.replace(pages([5, 7], '"a"'), read, dict(BLANK))) == 2
    snapshot.vouch(refresh={"number": 1})
    assert bookmark["refresh"] == {"number": 1}
    assert len(bookmark.seen) > 1
    assert all(("refresh" in seen) == ("row_count" in seen) for seen in bookmark.seen)


def test_a_smaller_reading_deletes_the_surplus() -> None:
    pipeline = Pipeline()
    pipeline.read(pages([1, 2, 3, 4, 5], '"a"'))
    assert pipeline.read(pages([9, 8], '"b"')).deleted == 3
    assert pipeline.live == [9, 8]
    assert pipeline.saved["row_count"] == 2


def test_an_empty_reading_deletes_all() -> None:
    pipeline = Pipeline()
    pipeline.read(pages([1, 2, 3], '"a"'))
    pipeline.read(pages([], '"b"'))
    assert pipeline.live == []


def test_a_reading_that_starts_anew_leaves_nothing_of_what_came_before() -> None:
    pipeline = Pipeline()
    pipeline.read(pages([1, 2, 3, 4, 5, 6], '"a"'), pages([9], '"b"'))
    assert pipeline.live == [9]
    assert pipeline.saved == {"row_count": 1, "parameters": "whole", "etag": '"b"'}


@pytest.mark.parametrize("etags", [['"a"', '"b"'], [None, '"b"'], [None, None]])
def test_no_etag_is_kept_that_does_not_vouch_for_all_pages(etags: list[str | None]) -> None:
    pipeline = Pipeline()
    pipeline.read(iter(Page(number, etag, [{"cost": 1}]) for number, etag in enumerate(etags, start=1)))
    assert pipeline.saved == {"row_count": 2, "parameters": "whole"}


def test_the_old_etag_is_taken_away_before_the_first_new_row() -> None:
    pipeline = Pipeline()
    pipeline.read(pages([1, 2], '"a"'))
    pipeline.read(pages([9, 8], '"b"'), stop_after=1)
    assert pipeline.live == [9, 2]
    assert pipeline.saved == {"row_count": 2, "parameters": "whole"}


def test_rows_beyond_what_is_known_are_announced_before_they_go_out() -> None:
    pipeline = Pipeline()
    pipeline.read(pages([1], '"a"'))
    pipeline.read(pages([2] * 9, '"b"'), stop_after=5)
    assert len(pipeline.table) == 5
    assert pipeline.saved == {"row_count": 1, "written_up_to": 7, "parameters": "whole"}
    pipeline.read(pages([3, 3], '"c"'))
    assert pipeline.live == [3, 3]


def test_an_etag_is_offered_only_for_the_parameters_it_was_given_for() -> None:
    bookmark = {"etag": '"a"', "parameters": "whole"}
    assert Snapshot(bookmark, "whole", lambda: None, STEP).etag == '"a"'
    assert Snapshot(bookmark, "2026-01-01 to 2026-01-05", lambda: None, STEP).etag is None


VERSIONS = st.lists(st.integers(1, 99), max_size=12)


@settings(max_examples=400)
@given(st.lists(st.tuples(VERSIONS, st.none() | VERSIONS, st.none() | st.integers(0, 12)), max_size=12), VERSIONS)
def test_any_sequence_of_kills_and_restatements_ends_with_exactly_azures_rows(
    runs: list[tuple[list[int], list[int] | None, int | None]], last: list[int]
) -> None:
    """A run reads a version, perhaps after a reading that was given up, and perhaps stops after some rows."""
    pipeline = Pipeline()
    for number, (version, given_up, stop_after) in enumerate(runs):
        before = [] if given_up is None else [pages(given_up, '"given up"')]
        pipeline.read(*before, pages(version, f'"{number}"'), stop_after=stop_after)
    pipeline.read(pages(last, '"last"'))
    assert pipeline.live == last
    assert pipeline.saved == {"row_count": len(last), "parameters": "whole", "etag": '"last"'}
