"""What a run tells the person who watches it: a line for each period, signs of life, and a line for each dataset."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic

from tap_azure_ea.records import RecordReader
from tap_azure_ea.snapshot import Page, Snapshot

ALIVE_INTERVAL = 30


@dataclass
class Progress:
    """Counts what the periods of one dataset came to."""

    dataset: str
    logger: logging.Logger
    outcomes: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    deleted: int = 0

    def part(self, place: str, snapshot: Snapshot) -> PartProgress:
        """Start to tell of one part: a billing period, as a rule."""
        return PartProgress(self, place, snapshot)

    def close(self) -> None:
        """Tell what it all came to."""
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes.items()) or "nothing to ask"
        self.logger.info(
            "Finished %s: %s; %s and %s deletions emitted",
            self.dataset,
            outcomes,
            _rows(self.rows),
            f"{self.deleted:,}",
        )


@dataclass
class PartProgress:
    """Tells of one part; ``place`` says which of how many."""

    progress: Progress
    place: str
    snapshot: Snapshot
    outside: int = 0

    def watch(self, pages: Iterable[Page], reader: RecordReader) -> Iterator[Page]:
        """Pass the pages on, and show a sign of life when they take long."""
        told = monotonic()
        for page in pages:
            if page.number == 1:
                self.outside = 0
                reader.forget()
            if monotonic() - told > ALIVE_INTERVAL:
                told = monotonic()
                self._info("%s so far", _rows(self.snapshot.row_count))
            yield page

    def no_data(self, error: Exception) -> None:
        """Tell that Azure has nothing to say of the period; what is known of it stays."""
        self.progress.outcomes["without data"] += 1
        stay = f"; {_rows(self.snapshot.rows_before)} of an earlier run stay" if self.snapshot.rows_before else ""
        self.progress.logger.warning("%s: no data%s. %s", self.place, stay, error)

    def unchanged(self) -> None:
        """Tell that the period is still the version that was read before."""
        self.progress.outcomes["unchanged"] += 1
        self._info("unchanged, %s", _rows(self.snapshot.rows_before or 0))

    def read(self, reader: RecordReader) -> None:
        """Tell how many rows were read, how many there were before, and what did not fit."""
        before, after, deleted = self.snapshot.rows_before, self.snapshot.row_count, self.snapshot.deleted
        outcome = "read" if before is None else "restated" if self.snapshot.asked_before else "read anew"
        self.progress.outcomes[outcome] += 1
        self.progress.rows += after
        self.progress.deleted += deleted
        if before is None:
            self._info("%s", _rows(after))
        else:
            self._info("%s, %s before, %s now, %s deleted", outcome, _rows(before), f"{after:,}", f"{deleted:,}")
        if reader.misfits:
            counts = ", ".join(f"{name} ({count})" for name, count in reader.misfits.items())
            self.progress.logger.warning(
                "%s: values that did not fit their column are null there and kept in extra: %s", self.place, counts
            )
        if self.outside:
            self.progress.logger.warning("%s: left out %d rows outside the days asked for", self.place, self.outside)
        if reader.unknown:
            self._info("fields without a column are kept in extra: %s", ", ".join(sorted(reader.unknown)))

    def _info(self, message: str, *args: object) -> None:
        self.progress.logger.info("%s: " + message, self.place, *args)  # noqa: G003 - the message is a literal


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
