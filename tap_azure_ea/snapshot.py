"""A period's rows as one numbered set that exactly replaces the set before it.

Azure gives these rows no key, sends identical rows that are two charges, and restates whole periods for weeks. So the
rows of a reading are numbered in the order received, and when there are fewer than before, the surplus numbers are
emitted as tombstones: the key and ``_sdc_deleted_at``, all else null.

The bookmark holds ``etag`` and ``parameters`` (the request that the ETag answers), both only after the last row of a
reading was emitted; ``row_count``, the rows of the last complete reading; and, while a reading is under way,
``written_up_to``, beyond which no reading has emitted a row since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import pendulum

from tap_azure_ea.fields import integer, own, text, timestamp
from tap_azure_ea.records import CHUNK, Record, Records, Row

ROW_NUMBER = own(integer("row_number", "Number of the row within the period, 1 to n in the order received."))
ETAG = own(text("etag", "Version of the period, as Azure tagged the answer that held the row."))
SNAPSHOT_AT = own(timestamp("snapshot_at", "When the set that holds the row was read."))
DELETED_AT = own(
    timestamp("_sdc_deleted_at", "When the row was found to be no longer part of the period; null while it is.")
)

# What a bookmark holds for an ETag where Azure has none and nothing can change any more.
SETTLED = "settled"


class Page(Protocol):
    """Some rows of a reading; the page numbered 1 starts the reading anew, whatever came before."""

    @property
    def number(self) -> int:
        """Its place in the reading, from 1."""

    @property
    def etag(self) -> str | None:
        """The version that Azure says it belongs to."""

    @property
    def rows(self) -> Iterable[Row]:
        """The rows as Azure sent them."""


@dataclass
class Snapshot:
    """One replacement of a period's rows.

    ``bookmark`` is the partition's Singer bookmark, changed in place; ``publish`` writes it out as a STATE message
    now; ``step`` is how many rows a reading may go beyond what the bookmark knows before it publishes again.
    """

    bookmark: dict[str, Any]
    parameters: str
    publish: Callable[[], None]
    step: int
    row_count: int = 0
    deleted: int = 0
    _first_etag: str | None = None
    _etags: set[str] = field(default_factory=set)

    @property
    def etag(self) -> str | None:
        """The ETag of what has been emitted, if it answers the same parameters."""
        return self.bookmark.get("etag") if self.asked_before else None

    @property
    def version(self) -> str | None:
        """The one ETag of all pages of this reading, if they have one."""
        return self._first_etag if self._etags == {self._first_etag} else None

    @property
    def asked_before(self) -> bool:
        """Whether the last complete reading answered the same parameters."""
        return self.bookmark.get("parameters") == self.parameters

    @property
    def rows_before(self) -> int | None:
        """How many rows the last complete reading had; None before the first."""
        return self.bookmark.get("row_count")

    def replace(
        self, pages: Iterable[Page], read: Callable[[Iterable[Row]], Iterable[Records]], blank: Record
    ) -> Iterator[Records]:
        """Yield the numbered records of the pages, then a tombstone for each number that only earlier readings had.

        Once all that is yielded is written, the caller must ``vouch``. Rows without a ``row_number`` column are not
        numbered: there is at most one, or, if they have no ``_sdc_deleted_at`` either, they have a key of their own and
        none is taken away.
        """
        numbered, keyed = ROW_NUMBER.name in blank, DELETED_AT.name not in blank
        highest = announced = max(self.bookmark.get("written_up_to", 0), self.bookmark.get("row_count", 0))
        self._withdraw()
        for page in pages:
            self._note(page)
            for records in read(page.rows):
                before, self.row_count = self.row_count, self.row_count + records.count
                if self.row_count > announced and not keyed:
                    while announced < self.row_count:
                        announced += self.step if numbered else 1
                    self.bookmark["written_up_to"] = announced
                    self.publish()
                if numbered:
                    records.columns[ROW_NUMBER.name] = range(before + 1, self.row_count + 1)
                if ETAG.name in blank:
                    records.columns[ETAG.name] = [page.etag] * records.count
                yield records
            highest = max(highest, self.row_count)
        if not keyed:
            yield from self._tombstones(range(self.row_count + 1, highest + 1), blank)

    def _tombstones(self, numbers: range, blank: Record) -> Iterator[Records]:
        """Yield, some at a time, what says of each number that it is no more."""
        self.deleted = len(numbers)
        for start in range(0, len(numbers), CHUNK):
            some = numbers[start : start + CHUNK]
            records = Records.alike({**blank, DELETED_AT.name: now()}, len(some))
            if ROW_NUMBER.name in blank:
                records.columns[ROW_NUMBER.name] = some
            yield records

    def vouch(self, **kept: Any) -> None:
        """Let the bookmark say that the period is written; an ETag vouches only if it is the first page's and the only.

        ``kept`` is what it says beyond that. Each step leaves a bookmark that is true, for a signal may publish it
        in between.
        """
        etag = {"etag": self.version} if self.version else {}
        self.bookmark.update(row_count=self.row_count, parameters=self.parameters, **etag, **kept)
        self.bookmark.pop("written_up_to", None)

    def _withdraw(self) -> None:
        """Take the old ETag away first: a reading that breaks off must not be mistaken for the version it replaces."""
        if self.bookmark.pop("etag", None) is not None:
            self.publish()

    def _note(self, page: Page) -> None:
        if page.number == 1:
            self.row_count = 0
            self._first_etag = page.etag
            self._etags.clear()
        if page.etag is not None:
            self._etags.add(page.etag)


def now() -> str:
    """Return this moment, RFC 3339, to the second."""
    return pendulum.now("UTC").start_of("second").to_iso8601_string()
