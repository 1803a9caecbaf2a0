"""What one reading of a part changed: how many rows it has now, what they cost, and what both were before.

The bookmark holds ``refresh``, the last reading that was read to its end: its ``number``, when it was (``at``), its
``version``, whether it was of the ``whole`` period, its ``sums`` and their ``currency_code``.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from time import monotonic
from typing import Any

from tap_azure_ea.fields import Field, flag, integer, number, own, text, timestamp
from tap_azure_ea.records import Record
from tap_azure_ea.snapshot import Snapshot, now
from tap_azure_ea.totals import EXACT, ZERO, Sums, Totals, total

FIRST, RESTATED, AGAIN, SETTINGS = "first", "restated", "again", "settings"

FIELDS: tuple[Field, ...] = tuple(
    own(field)
    for field in (
        integer("refresh_number", "Number of the refresh, 1 for the first that read the period to its end."),
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
        text("currency_code", "Currency of the amounts, ISO 4217; where the rows do not tell it, the balances'."),
        integer("misfit_values", "Values that did not fit their column: null there, and kept in extra."),
        flag("already_read_after_close", "Whether the period had been read before, after its last day."),
        number("seconds", "How long the reading took."),
    )
)


class Refresh:
    """One reading, beside the last one that the bookmark knows; it must be made before the reading begins."""

    def __init__(self, snapshot: Snapshot, totals: Totals) -> None:
        self._snapshot = snapshot
        self._totals = totals
        self._last: dict[str, Any] = snapshot.bookmark.get("refresh") or {}
        self._started = monotonic()

    @property
    def reason(self) -> str:
        """Why the part was read, as far as it is known once it has been."""
        snapshot = self._snapshot
        if snapshot.rows_before is None:
            return FIRST
        if not snapshot.asked_before:
            return SETTINGS
        before = snapshot.rows_before, self._amount_before, self._last.get("version")
        return AGAIN if before == (snapshot.row_count, self._amount, snapshot.version) else RESTATED

    def record(self, billing_period_id: str, misfits: int) -> Record:
        """Return what it changed, once it has been read to its end and before the bookmark says so."""
        amount, before = self._amount, self._amount_before
        return {
            "refresh_number": self._number,
            "refreshed_at": now(),
            "reason": self.reason,
            "etag_before": self._last.get("version"),
            "etag": self._snapshot.version,
            "rows_before": self._snapshot.rows_before or 0,
            "rows": self._snapshot.row_count,
            "deleted_rows": self._snapshot.deleted,
            "amount_before": before,
            "amount": amount,
            "amount_difference": _difference(amount, before),
            "currency_code": self._totals.currency_code,
            "misfit_values": misfits,
            "already_read_after_close": self._last.get("at", "")[:7].replace("-", "") > billing_period_id,
            "seconds": Decimal(f"{monotonic() - self._started:.3f}"),
        }

    def vouch(self, *, whole: bool) -> None:
        """Let the bookmark say what the next one follows, and whether it was of the whole period."""
        self._snapshot.bookmark["refresh"] = {
            "number": self._number,
            "at": now(),
            "version": self._snapshot.version,
            "whole": whole,
            "currency_code": self._totals.currency_code,
            "sums": self._totals.sums,
        }

    @property
    def _number(self) -> int:
        return int(self._last.get("number", 0)) + 1

    @property
    def _amount(self) -> Decimal | None:
        return total(_first(self._totals.sums))

    @property
    def _amount_before(self) -> Decimal | None:
        return ZERO if self._snapshot.rows_before is None else total(_first(self._last.get("sums") or {}))


def _first(sums: Sums) -> dict[str, str] | None:
    """Return the sums of the first column, which is the amount of its dataset."""
    return next(iter(sums.values()), None)


def _difference(amount: Decimal | None, before: Decimal | None) -> Decimal | None:
    if amount is None or before is None:
        return None
    with localcontext(EXACT):
        return amount - before
