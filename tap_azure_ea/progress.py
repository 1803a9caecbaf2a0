"""What a run tells the person who watches it: a line for each part, signs of life, and a line for each dataset."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from tap_azure_ea.records import RecordReader
from tap_azure_ea.refresh import AGAIN, FIRST, RESTATED, SETTINGS
from tap_azure_ea.snapshot import Page, Snapshot

ALIVE_INTERVAL = 30
OUTCOMES = {FIRST: "read", RESTATED: "restated", AGAIN: "read again", SETTINGS: "read with other settings"}


class Forgetting(Protocol):
    """What takes note of a reading."""

    def forget(self) -> None:
        """Start anew."""


@dataclass
class Progress:
    """Counts what the parts of one dataset came to; ``told`` is when it last said something."""

    dataset: str
    logger: logging.Logger
    outcomes: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    deleted: int = 0

    def __post_init__(self) -> None:
        self.told = monotonic()

    def part(self, place: str, snapshot: Snapshot, *, quiet: bool = False) -> PartProgress:
        """Start to tell of one part: a billing period, as a rule; a quiet one is one of very many."""
        return PartProgress(self, place, snapshot, logging.DEBUG if quiet else logging.INFO)

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
    level: int
    outside: int = 0

    def watch(self, pages: Iterable[Page], *noting: Forgetting) -> Iterator[Page]:
        """Pass the pages on, start anew where they do, and show a sign of life when they take long."""
        for page in pages:
            if page.number == 1:
                self.outside = 0
                for other in noting:
                    other.forget()
            if monotonic() - self.progress.told > ALIVE_INTERVAL:
                # Of one of very many parts it is the sum that tells.
                before = self.progress.rows if self.level < logging.INFO else 0
                self._tell(logging.INFO, "%s so far", _rows(before + self.snapshot.row_count))
            yield page

    def no_data(self, error: Exception) -> None:
        """Tell that Azure has nothing to say of the part; what is known of it stays."""
        self.progress.outcomes["without data"] += 1
        stay = f"; {_rows(self.snapshot.rows_before)} of an earlier run stay" if self.snapshot.rows_before else ""
        self._tell(logging.WARNING, "no data%s. %s", stay, error)

    def unchanged(self) -> None:
        """Tell that the part is still the version that was read before."""
        self.progress.outcomes["unchanged"] += 1
        self._tell(self.level, "unchanged, %s", _rows(self.snapshot.rows_before or 0))

    def read(self, reason: str, reader: RecordReader) -> None:
        """Tell why it was read, how many rows there are, how many there were before, and what did not fit."""
        before, after, deleted = self.snapshot.rows_before, self.snapshot.row_count, self.snapshot.deleted
        outcome = OUTCOMES[reason]
        self.progress.outcomes[outcome] += 1
        self.progress.rows += after
        self.progress.deleted += deleted
        if before is None:
            self._tell(self.level, "%s", _rows(after))
        elif reason == AGAIN:
            self._tell(self.level, "%s, %s", outcome, _rows(after))
        else:
            counts = _rows(before), f"{after:,}", f"{deleted:,}"
            self._tell(self.level, "%s, %s before, %s now, %s deleted", outcome, *counts)
        if reader.misfits:
            counted = ", ".join(f"{name} ({count})" for name, count in reader.misfits.items())
            message = "values that did not fit their column are null there and kept in extra: %s"
            self._tell(logging.WARNING, message, counted)
        if self.outside:
            self._tell(logging.WARNING, "left out %d rows outside the days asked for", self.outside)
        if reader.unknown:
            self._tell(self.level, "fields without a column are kept in extra: %s", ", ".join(sorted(reader.unknown)))

    def _tell(self, level: int, message: str, *args: object) -> None:
        if self.progress.logger.isEnabledFor(level):
            self.progress.told = monotonic()
        self.progress.logger.log(level, "%s: " + message, self.place, *args)  # noqa: G003 - the message is a literal


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
