"""A part, which is asked for at once and replaced as one, and one reading of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tap_azure_ea.api.csv_rows import Table
from tap_azure_ea.charge_ids import CHARGE_ID, ChargeIds, descriptive
from tap_azure_ea.fields import Field
from tap_azure_ea.progress import PartProgress
from tap_azure_ea.records import RecordReader, Records, Row
from tap_azure_ea.snapshot import Page
from tap_azure_ea.totals import Totals

Ask = Callable[[RecordReader, "str | None"], "Iterator[Page] | None"]


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Part:
    """What is asked for at once and replaced as one.

    ``request`` is what its rows are the answer to; ``given`` are the values of its records that it decides; ``ask``
    returns its pages, or None if it is still the version that the ETag names; ``days`` are the column that tells a
    row's day, and the first and the last that belong to the part. It is not ``whole`` where settings cut its period.
    ``settled`` parts are not expected to change: their reading needs no STATE of its own. ``finish`` is called when a
    reading can be vouched for, ``leave`` when there was nothing to read yet.
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


class Dataset(Protocol):
    """What a reading has to know of what is read."""

    fields: tuple[Field, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The selected columns."""

    @property
    def amounts(self) -> tuple[str, ...]:
        """The columns that are summed."""

    @property
    def divided_by(self) -> tuple[str, ...]:
        """The columns whose values are summed apart."""

    @property
    def currency_field(self) -> str | None:
        """The column that tells the currency."""

    @property
    def changing(self) -> tuple[str, ...]:
        """The columns that say nothing of what a charge is for."""


class Reading:
    """Turns the rows of a part into records, and takes note of them; ``one_by_one``, no row before it is wanted."""

    def __init__(self, dataset: Dataset, part: Part, progress: PartProgress, *, one_by_one: bool) -> None:
        selected = set(dataset.columns)
        divided_by = dataset.divided_by if selected.issuperset(dataset.divided_by) else ()
        amounts = [name for name in dataset.amounts if name in selected]
        described = [name for name in descriptive(dataset.fields, dataset.changing) if name in selected]
        self.reader = RecordReader(dataset.fields, dataset.columns, part.given)
        self.totals = Totals(amounts, divided_by, dataset.currency_field)
        self._noting: list[Totals | ChargeIds] = [self.totals]
        if CHARGE_ID.name in selected:
            self._noting.append(ChargeIds(described))
        self._ask = part.ask
        self._days = part.days if part.days and part.days[0] in selected else None
        self._progress = progress
        self._one_by_one = one_by_one

    def pages(self, etag: str | None) -> Iterator[Page] | None:
        """Ask for the part; None if it is still the version that the ETag names."""
        pages = self._ask(self.reader, etag)
        return None if pages is None else self._progress.watch(pages, self.reader, *self._noting)

    def read(self, rows: Iterable[Row]) -> Iterator[Records]:
        """Yield the records of a page."""
        for records in self._records(rows):
            inside = self._within(*self._days, records) if self._days else records
            for other in self._noting:
                other.add(inside)
            yield inside

    def _records(self, rows: Iterable[Row]) -> Iterator[Records]:
        """Read rows by column, which is how those of a table lie already."""
        if self._one_by_one:
            return (Records.of([self.reader.read(row)]) for row in rows)
        if isinstance(rows, Table):
            columns = tuple(zip(*rows.cells, strict=True))
            return iter([self.reader.read_columns(rows.names, columns, len(rows.cells), texts=True)])
        return self.reader.read_all(rows)

    def _within(self, day_field: str, first_day: str, last_day: str, records: Records) -> Records:
        """Leave out what is not of the days asked for: the API is known to send such rows."""
        within = [day is None or first_day <= day[:10] <= last_day for day in records.columns[day_field]]
        inside = records if all(within) else records.where(within)
        self._progress.outside += records.count - inside.count
        return inside
