"""The log of refreshes: what each reading of a billing period changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from tap_azure_ea.batch import BatchFiles
from tap_azure_ea.datasets.audit import SCOPE, AuditStream
from tap_azure_ea.fields import text
from tap_azure_ea.periods import BILLING_PERIOD_ID, key_of
from tap_azure_ea.records import Record, Records
from tap_azure_ea.refresh import FIELDS

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

BALANCES = ("balance_summary", "balances")
DATASET = text("dataset", "Stream whose period was read.")


class PeriodRefreshes(AuditStream):
    """A record for each dataset, billing period and refresh, written with the rows that it tells of.

    A refresh that was written but not yet vouched for by a STATE is written again, under its number, when the period is
    read again.
    """

    name = "period_refreshes"
    written_by_others = True
    primary_keys = (DATASET.name, SCOPE.name, BILLING_PERIOD_ID.name, "series_started_at", "refresh_number")
    fields = (DATASET, SCOPE, BILLING_PERIOD_ID, *FIELDS)
    _begun = False

    def append(self, dataset: str, given: Mapping[str, str], refresh: Record) -> None:
        """Write one record, after all rows of its period and before the STATE that vouches for them.

        If its rows tell no currency, it is that of the period's balance.
        """
        if not self.selected:
            return
        self._write_schema_message()
        scope, period = key_of(given)
        if dataset in BALANCES:
            self._currencies[scope, period] = refresh["currency_code"]
        record = {
            DATASET.name: dataset,
            SCOPE.name: scope,
            BILLING_PERIOD_ID.name: period,
            "currency_code": self._currencies.get((scope, period)),
            **refresh,
        }
        self._write(Records.of([{name: record[name] for name in self.columns}]))
        self.progress.rows += 1
        self.progress.outcomes["logged"] += 1

    def read(self, context: Context | None) -> Iterator[Records]:  # noqa: ARG002 - there is but one
        """Yield nothing: each record is written when its period is."""
        return iter(())

    @cached_property
    def _currencies(self) -> dict[tuple[str, str], str | None]:
        """The currency of each period's balance, by scope and period."""
        return {
            key_of(bookmark["context"]): bookmark["refresh"]["currency_code"]
            for balances in BALANCES
            for bookmark in self.bookmarks(balances)
            if "refresh" in bookmark
        }

    def _write(self, records: Records) -> None:
        if not self._files:
            self.write(records)
            return
        for address, _ in self._files.write([records]):
            self._write_batch_message(self._files.encoding, [address])

    @cached_property
    def _files(self) -> BatchFiles | None:
        config = self.get_batch_config(self.config)
        return self.batch_files(config) if config else None

    def _write_schema_message(self) -> None:
        """Write SCHEMA once, before the first record or when it is this stream's turn."""
        if not self._begun:
            self._begun = True
            super()._write_schema_message()
