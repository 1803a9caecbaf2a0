"""Reconciliation: whether what was read of a billing period adds up to what Azure says that it does."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from tap_azure_ea.api.errors import DifferenceError
from tap_azure_ea.datasets.audit import SCOPE, AuditStream
from tap_azure_ea.fields import Field, number, own, text, timestamp
from tap_azure_ea.periods import BILLING_PERIOD_ID, is_over, key_of, scope_of
from tap_azure_ea.records import Record, Records
from tap_azure_ea.snapshot import DELETED_AT, now
from tap_azure_ea.stream import SnapshotStream
from tap_azure_ea.totals import BETWEEN, UNDIVIDED, difference, negative, total

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

OPEN, AGREES, DIFFERS = "open", "agrees", "differs"
TOLD = {OPEN: "open", AGREES: "agreeing", DIFFERS: "differing"}
# Azure gives balances to the cent, and usage with all its decimals.
TOLERANCE = Decimal("0.01")

Refreshes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Term:
    """The sum of a column, or of those of its groups that are of interest, in which case ``words`` says which.

    One that is ``stated`` is no sum of whatever rows there are: without any amount, it is not known.
    """

    column: str
    words: str = ""
    of: Callable[..., bool] | None = None
    stated: bool = False
    is_subtracted: bool = False

    def __str__(self) -> str:
        return f"{self.column} {self.words}".strip()

    @property
    def dataset(self) -> str:
        """The stream that has the column."""
        return self.column.partition(".")[0]

    def amount(self, refreshes: Refreshes) -> Decimal | None:
        """Return the sum, as the last readings have it; None where that is not known."""
        column = self.column.partition(".")[2]
        sums = refreshes.get(self.dataset, {}).get("sums", {}).get(column)
        if self.of and sums is not None:
            if UNDIVIDED in sums:
                return None
            sums = {group: amount for group, amount in sums.items() if self.of(*group.split(BETWEEN))}
        if sums is None or (self.stated and not sums):
            return None
        found = total(map(Decimal, sums.values()))
        return negative(found) if self.is_subtracted else found


@dataclass(frozen=True)
class Comparison:
    """What should be equal: the sum of some terms and that of others."""

    name: str
    left: tuple[Term, ...]
    right: tuple[Term, ...]

    def record(self, refreshes: Refreshes, *, is_open: bool) -> Record | None:
        """Return both sides and what is between them; None where one of them has not been read."""
        left, right = (total(term.amount(refreshes) for term in side) for side in (self.left, self.right))
        apart = difference(left, right)
        if apart is None:
            return None
        status = OPEN if is_open else AGREES if apart.copy_abs() <= TOLERANCE else DIFFERS
        told = (refreshes[term.dataset].get("currency_code") for term in (*self.left, *self.right))
        currencies = set(filter(None, told))
        return {
            "comparison": self.name,
            "left_name": _name(self.left),
            "left_amount": left,
            "right_name": _name(self.right),
            "right_amount": right,
            "difference": apart,
            "tolerance": TOLERANCE,
            "status": status,
            "currency_code": currencies.pop() if len(currencies) == 1 else None,
        }


def _name(terms: tuple[Term, ...]) -> str:
    first, *rest = terms
    return f"{first}" + "".join(f" {'-' if term.is_subtracted else '+'} {term}" for term in rest)


def _used(publisher_type: str, charge_type: str, _pricing_model: str) -> bool:
    return publisher_type != "Marketplace" and charge_type == "Usage"


def _sold_by_others(publisher_type: str, _charge_type: str, _pricing_model: str) -> bool:
    return publisher_type == "Marketplace"


def _without_benefit(_publisher_type: str, _charge_type: str, pricing_model: str) -> bool:
    return pricing_model not in {"Reservation", "SavingsPlan"}


_stated = partial(Term, stated=True)


def _of_balance(dataset: str, prefix: str = "") -> tuple[Comparison, ...]:
    """Return what must hold within each balance."""

    def term(column: str, *, is_subtracted: bool = False) -> Term:
        return _stated(f"{dataset}.{column}", is_subtracted=is_subtracted)

    carried = (
        term("beginning_balance"),
        term("new_purchases"),
        term("adjustments"),
        term("utilized", is_subtracted=True),
    )
    billed = (term("service_overage"), term("charges_billed_separately"))
    return (
        Comparison(f"{prefix}overage", (term("total_overage"),), billed),
        Comparison(f"{prefix}ending_balance", (term("ending_balance"),), carried),
    )


ACTUAL, AMORTIZED = (f"{name}_cost_details.cost_in_billing_currency" for name in ("actual", "amortized"))
COMPARISONS = (
    Comparison("usage_and_balance", (Term("usage_details.cost"),), (_stated("balance_summary.total_usage"),)),
    Comparison(
        "marketplace_and_balance",
        (Term("marketplace_charges.extended_cost"),),
        (_stated("balance_summary.azure_marketplace_service_charges"),),
    ),
    *_of_balance("balance_summary"),
    Comparison(
        "actual_cost_and_balance",
        (Term(ACTUAL, words="of Azure usage", of=_used),),
        (_stated("balances.total_usage"),),
    ),
    Comparison(
        "actual_marketplace_and_balance",
        (Term(ACTUAL, words="of the marketplace", of=_sold_by_others),),
        (_stated("balances.azure_marketplace_service_charges"),),
    ),
    Comparison(
        "marketplaces_and_balance",
        (Term("marketplaces.pretax_cost"),),
        (_stated("balances.azure_marketplace_service_charges"),),
    ),
    *_of_balance("balances", "balances_"),
    Comparison(
        "amortized_and_actual_cost",
        (Term(AMORTIZED, words="without reservations and savings plans", of=_without_benefit),),
        (Term(ACTUAL, words="without reservations and savings plans", of=_without_benefit),),
    ),
)
FIELDS: tuple[Field, ...] = (
    text("comparison", "What is compared."),
    text("left_name", "What the left amount is the sum of: streams and their columns."),
    number("left_amount", "Exact sum of what was read."),
    text("right_name", "What the right amount is the sum of."),
    number("right_amount", "What it should be."),
    number("difference", "left_amount less right_amount."),
    number("tolerance", "Up to which difference they agree."),
    text("status", "open, while the period is not over; agrees; or differs."),
    text("currency_code", "Currency of the amounts where it is known, ISO 4217."),
    timestamp("reconciled_at", "When they were compared; they are again when one of them changes."),
    replace(DELETED_AT, description="When it was found that they cannot be compared any more; null while they are."),
)


class PeriodReconciliation(AuditStream):
    """A record for each billing period and comparison both of whose sides have been read, in this run or before.

    Read last, from what the bookmarks keep of the last readings; emitted when it has changed.
    """

    name = "period_reconciliation"
    primary_keys = (SCOPE.name, BILLING_PERIOD_ID.name, "comparison")
    fields = (SCOPE, BILLING_PERIOD_ID, *map(own, FIELDS))
    reads_last: ClassVar[bool] = True

    def read(self, context: Context | None) -> Iterator[Records]:  # noqa: ARG002 - there is but one
        """Yield what has changed, period by period."""
        found: dict[str, list[str]] = defaultdict(list)
        self._note_what_is_not_listed()
        for (scope, period), refreshes in sorted(self._kept().items(), reverse=True):
            period_context = _context(scope, period)
            records = list(self._compared(period_context, refreshes))
            for record in records:
                found[record["status"]].append(_told(record))
            yield from self._changed(period_context, records)
        self.flush()
        self._tell(found)

    def _kept(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return what is known of the periods of this run's scopes, by scope and period, then by stream.

        Of a period that was cut, nothing is known that could be compared.
        """
        found: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
        for stream in self._tap.state.get("bookmarks", {}):
            for bookmark in self.bookmarks(stream):
                refresh, context = bookmark.get("refresh"), bookmark["context"]
                if refresh and scope_of(context) in self.api:
                    found[key_of(context)][stream] = refresh if refresh["whole"] else {}
        for bookmark in self.bookmarks(self.name):
            if scope_of(bookmark["context"]) in self.api:
                key = key_of(bookmark["context"])
                found[key] = {**bookmark.get("without", {}), **found[key]}
        return found

    def _note_what_is_not_listed(self) -> None:
        """Keep which datasets Azure does not list for a period: a later run may not ask about it."""
        for dataset in self._tap.streams.values():
            if isinstance(dataset, SnapshotStream) and dataset.selected and dataset.amounts:
                for context in dataset.without_rows():
                    bookmark = self.get_context_state(_context(*key_of(context)))
                    nothing: dict[str, Any] = {"sums": {amount: {} for amount in dataset.amounts}}
                    bookmark.setdefault("without", {})[dataset.name] = nothing

    def _compared(self, context: Mapping[str, str], refreshes: Refreshes) -> Iterator[Record]:
        is_open = not is_over(context[BILLING_PERIOD_ID.name])
        for comparison in COMPARISONS:
            if record := comparison.record(refreshes, is_open=is_open):
                yield {**self._blank, **context, **record, "reconciled_at": now()}

    @property
    def _blank(self) -> Record:
        return dict.fromkeys((field.name for field in self.fields), None)

    def _changed(self, context: dict[str, str], records: list[Record]) -> Iterator[Records]:
        """Yield the records of a period, if they say something else than those that were emitted last."""
        bookmark = self.get_context_state(context)
        said = [[str(value) for name, value in record.items() if name != "reconciled_at"] for record in records]
        digest = hashlib.sha256(self.parameters(str(said)).encode()).hexdigest()[:16]
        if bookmark.get("digest") == digest or not (records or bookmark.get("comparisons")):
            return
        names = [record["comparison"] for record in records]
        gone = [
            {**self._blank, **context, "comparison": name, DELETED_AT.name: now()}
            for name in bookmark.get("comparisons", ())
            if name not in names
        ]
        yield Records.of([{name: record[name] for name in self.columns} for record in (*records, *gone)])
        self.progress.rows += len(records)
        self.progress.deleted += len(gone)
        self.vouch_by(partial(bookmark.update, digest=digest, comparisons=names), self.publish)

    def _tell(self, found: Mapping[str, list[str]]) -> None:
        """Say what agrees and what does not; fail if that was asked for."""
        self.progress.outcomes.update({f"comparisons {TOLD[status]}": len(told) for status, told in found.items()})
        for told in found[DIFFERS]:
            self.logger.warning("%s", told)
        if found[DIFFERS] and self.config["fail_on_difference"]:
            more = f", and {len(found[DIFFERS]) - 1} more" if found[DIFFERS][1:] else ""
            self.fail(self.name, DifferenceError(f"{found[DIFFERS][0]}{more} (fail_on_difference is set)."))


def _told(record: Record) -> str:
    sides = "{left_name} is {left_amount:f} and {right_name} is {right_amount:f}, {difference:f} apart"
    return ("Period {billing_period_id} of {scope}: " + sides).format(**record)


def _context(scope: str, billing_period_id: str) -> dict[str, str]:
    return {SCOPE.name: scope, BILLING_PERIOD_ID.name: billing_period_id}
