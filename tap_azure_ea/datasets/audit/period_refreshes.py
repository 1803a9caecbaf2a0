"""The log of refreshes: what each reading of a billing period changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from tap_azure_ea.batch import BatchFiles
from tap_azure_ea.datasets.audit import SCOPE, AuditStream
from tap_azure_ea.fields import text
from tap_azure_ea.periods import BILLING_PERIOD_ID
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
    primary_keys = (DATASET.name, SCOPE.name, BILLING_PERIOD_ID.name, "refresh_number")
    fields = (DATASET, SCOPE, BILLING_PERIOD_ID, *FIELDS)
    _begun = False

    def append(self, dataset: str, given: Mapping[str, str], refresh: Record) -> None:
        """Write one record, after all rows of its period and before the STATE that vouches for them."""
        if not self.selected:
            return
        self._write_schema_message()
        scope = next(iter(given.values()))
        record = {
            DATASET.name: dataset,
            SCOPE.name: scope,
            BILLING_PERIOD_ID.name: given[BILLING_PERIOD_ID.name],
            **refresh,
            "currency_code": self._currency(dataset, scope, refresh["currency_code"]),
        }
        self._write(Records.of([{name: record[name] for name in self.columns}]))
        self.progress.rows += 1
        self.progress.outcomes["logged"] += 1

    def read(self, context: Context | None) -> Iterator[Records]:  # noqa: ARG002 - there is but one
        """Yield nothing: each record is written when its period is."""
        return iter(())

    def _currency(self, dataset: str, scope: str, currency_code: str | None) -> str | None:
        """Return the currency of the rows, or, of those that do not tell, that of the enrollment's balances."""
        if dataset in BALANCES and currency_code:
            self._currencies[scope] = currency_code
        return currency_code or self._currencies.get(scope)

    @cached_property
    def _currencies(self) -> dict[str, str]:
        return {
            next(iter(partition["context"].values())): currency_code
            for balances in BALANCES
            for partition in self._tap.state.get("bookmarks", {}).get(balances, {}).get("partitions", ())
            if (currency_code := partition.get("refresh", {}).get("currency_code"))
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
