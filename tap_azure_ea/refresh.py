"""What one reading of a part changed: how many rows it has now, what they cost, and what both were before.

The bookmark holds ``series``, when the first of these readings began, and ``refresh``, the last one that was read to
its end: its ``number``, its ``version``, whether it was of the ``whole`` period and made or confirmed after that was
``closed``, its ``sums`` and their ``currency_code``.
"""

from __future__ import annotations

from decimal import Decimal
from time import monotonic
from typing import Any

from tap_azure_ea.fields import Field, flag, integer, number, own, text, timestamp
from tap_azure_ea.periods import is_over
from tap_azure_ea.records import Record
from tap_azure_ea.snapshot import SETTLED, Snapshot, now
from tap_azure_ea.totals import ZERO, Sums, Totals, difference, total

FIRST, RESTATED, AGAIN, SETTINGS = "first", "restated", "again", "settings"

FIELDS: tuple[Field, ...] = tuple(
    own(field)
    for field in (
        timestamp(
            "series_started_at",
            "When the first refresh of a series began. A series ends where the state is lost or reset: then all rows "
            "are read again, and a newer series tells of them.",
        ),
        integer("refresh_number", "Number of the refresh in its series, 1 for the first."),
        timestamp("refreshed_at", "When the period was read to its end."),
        text(
            "reason",
            "first; restated, when Azure sent something else than before; again, when neither version, rows nor amount "
            "are known to differ; settings, when something else was asked for than before.",
        ),
        text("etag_before", "Version that was replaced, where Azure names versions."),
        text("etag", "Version that replaced it."),
        integer("rows_before", "Rows that the period had before; 0 at first."),
        integer("rows", "Rows that it has now."),
        integer("deleted_rows", "Row numbers that were marked as deleted."),
        number("amount_before", "What the dataset's amount added up to before; 0 at first, null if it is not known."),
        number("amount", "What it adds up to now, exactly; null if the dataset has no amount, or it is deselected."),
        number("amount_difference", "What the refresh added: amount less amount_before."),
        text("currency_code", "Currency of the amounts, ISO 4217; where rows do not tell it, the balance's."),
        integer("misfit_values", "Values that did not fit their column: null there, and kept in extra."),
        flag("already_read_after_close", "Whether the period had been read before, after its last day."),
        number("seconds", "How long the reading took."),
    )
)


class Refresh:
    """One reading, beside the last one that the bookmark knows; it must be made before the reading begins.

    ``amount`` is the column whose sum it tells; without a ``billing_period_id`` it tells but its ``reason``.
    """

    def __init__(self, billing_period_id: str, amount: str, snapshot: Snapshot, totals: Totals) -> None:
        self._billing_period_id = billing_period_id
        self._column = amount
        self._snapshot = snapshot
        self._totals = totals
        self._last: dict[str, Any] = snapshot.bookmark.get("refresh") or {}
        self._started = monotonic()

    def begin(self) -> bool:
        """Begin a series if there is none; say whether a STATE must say so before the log can."""
        begun = bool(self._billing_period_id) and "series" not in self._snapshot.bookmark
        if begun:
            self._snapshot.bookmark["series"] = now()
        return begun

    def confirm(self) -> bool:
        """Note that a period that is over has not changed since it was read; say whether that is news."""
        news = bool(self._last) and not self._last.get("closed") and is_over(self._billing_period_id)
        if news:
            self._last["closed"] = True
        return news

    @property
    def reason(self) -> str:
        """Why the part was read, as far as it is known once it has been."""
        snapshot = self._snapshot
        if snapshot.rows_before is None:
            return FIRST
        if not snapshot.asked_before:
            return SETTINGS
        before = snapshot.rows_before, self._amount_before, self._last.get("version")
        return AGAIN if before == (snapshot.row_count, self._amount, self._version) else RESTATED

    def record(self, misfits: int) -> Record:
        """Return what it changed, once it has been read to its end and before the bookmark says so.

        There is no ``currency_code`` where rows of this kind do not tell theirs.
        """
        return {
            "series_started_at": self._snapshot.bookmark["series"],
            "refresh_number": self._number,
            "refreshed_at": now(),
            "reason": self.reason,
            "etag_before": self._last.get("version"),
            "etag": self._version,
            "rows_before": self._snapshot.rows_before or 0,
            "rows": self._snapshot.row_count,
            "deleted_rows": self._snapshot.deleted,
            "amount_before": self._amount_before,
            "amount": self._amount,
            "amount_difference": difference(self._amount, self._amount_before),
            **({"currency_code": self._totals.currency_code} if self._totals.currency_field else {}),
            "misfit_values": misfits,
            "already_read_after_close": self._last.get("closed", False),
            "seconds": Decimal(f"{monotonic() - self._started:.3f}"),
        }

    def bookmark(self, *, whole: bool) -> dict[str, Any]:
        """Return what the bookmark is to keep for the next one, and for the reconciliation."""
        if not self._billing_period_id:
            return {}
        return {
            "refresh": {
                "number": self._number,
                "version": self._version,
                "whole": whole,
                "closed": is_over(self._billing_period_id),
                "currency_code": self._totals.currency_code,
                "sums": self._totals.sums,
            }
        }

    @property
    def _number(self) -> int:
        return int(self._last.get("number", 0)) + 1

    @property
    def _version(self) -> str | None:
        return None if self._snapshot.version == SETTLED else self._snapshot.version

    @property
    def _amount(self) -> Decimal | None:
        return self._sum(self._totals.sums, self._snapshot.row_count)

    @property
    def _amount_before(self) -> Decimal | None:
        rows = self._snapshot.rows_before
        return ZERO if rows is None else self._sum(self._last.get("sums") or {}, rows)

    def _sum(self, sums: Sums, rows: int) -> Decimal | None:
        """Return what the rows add up to; that is not known if none has an amount."""
        groups = sums.get(self._column)
        return None if groups is None or (rows and not groups) else total(map(Decimal, groups.values()))
