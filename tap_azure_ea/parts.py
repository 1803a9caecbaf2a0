"""A part: what is asked for at once and replaced as one, and how its rows are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tap_azure_ea.api.csv_rows import Table
from tap_azure_ea.progress import PartProgress
from tap_azure_ea.records import RecordReader, Records, Row
from tap_azure_ea.snapshot import Page

Read = Callable[[Iterable[Row]], Iterable[Records]]
Ask = Callable[[RecordReader, "str | None"], "Iterator[Page] | None"]


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Part:
    """What is asked for at once and replaced as one.

    ``request`` is what its rows are the answer to; ``given`` are the values of its records that it decides; ``ask``
    returns its pages, or None if it is still the version that the ETag names; ``days`` are the column that tells a
    row's day, and the first and the last that belong to the part, which is not ``whole`` where settings cut its period.
    ``settled`` parts are not expected to change: their
    reading needs no STATE of its own. ``finish`` is called when a reading can be vouched for, ``leave`` when there was
    nothing to read yet.
    """

    title: str
    request: str
    given: Mapping[str, str]
    bookmark: dict[str, Any]
    ask: Ask
    days: tuple[str, str, str] | None = None
    whole: bool = True
    settled: bool = False
    finish: Callable[[], None] = _nothing
    leave: Callable[[], None] = _nothing


class Adding(Protocol):
    """What takes note of all records of a reading."""

    def add(self, records: Records) -> None:
        """Take note of some."""


def read_all(reader: RecordReader, rows: Iterable[Row]) -> Iterator[Records]:
    """Read rows by column, which is how those of a table lie already."""
    if isinstance(rows, Table):
        return iter([reader.read_columns(rows.names, tuple(zip(*rows.cells, strict=True)), len(rows.cells))])
    return reader.read_all(rows)


def read_each(reader: RecordReader, rows: Iterable[Row]) -> Iterator[Records]:
    """Read one row after the other."""
    return (Records.of([reader.read(row)]) for row in rows)


def read_within(
    days: tuple[str, str, str], read: Read, progress: PartProgress, rows: Iterable[Row]
) -> Iterator[Records]:
    """Read rows, but for those that are not of the days asked for: the API is known to send such rows."""
    day_field, first_day, last_day = days
    for records in read(rows):
        within = [day is None or first_day <= day[:10] <= last_day for day in records.columns[day_field]]
        inside = records if all(within) else records.where(within)
        progress.outside += records.count - inside.count
        yield inside


def read_noting(noting: Sequence[Adding], read: Read, rows: Iterable[Row]) -> Iterator[Records]:
    """Read rows, and have others take note of them."""
    for records in read(rows):
        for other in noting:
            other.add(records)
        yield records
