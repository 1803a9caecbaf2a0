"""Exact sums of what is read: what the log of refreshes and the reconciliation are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, localcontext
from typing import Any

from tap_azure_ea.records import Records

# Wide enough for any bill; what is not is told by an error, and never rounded.
EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])
UNDIVIDED = ""
BETWEEN = "|"
ZERO = Decimal(0)

Sums = dict[str, dict[str, str]]


@dataclass
class Totals:
    """The sums of some columns, for each group of values that the dividing columns have.

    A sum that no hundred digits hold is not there. ``currencies`` are those that were met.
    """

    columns: Sequence[str]
    divided_by: Sequence[str] = ()
    currency_field: str | None = None
    currencies: set[str] = field(default_factory=set)
    _sums: dict[str, dict[str, Decimal]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start anew, for a reading that starts anew."""
        self.currencies.clear()
        self._sums = {column: {} for column in self.columns}

    def add(self, records: Records) -> None:
        """Add some records."""
        if self.currency_field in records.columns:
            self.currencies.update(filter(None, records.columns[self.currency_field]))
        for column, sums in [*self._sums.items()]:
            try:
                with localcontext(EXACT):
                    self._add(sums, records.columns, column)
            except ArithmeticError:
                del self._sums[column]

    def _add(self, sums: dict[str, Decimal], columns: Mapping[str, Sequence[Any]], column: str) -> None:
        if not self.divided_by:
            sums[UNDIVIDED] = sum(filter(None, columns[column]), sums.get(UNDIVIDED, ZERO))
            return
        groups = zip(*(columns[name] for name in self.divided_by), strict=True)
        by_values: dict[tuple[Any, ...], Decimal] = {}
        for values, amount in zip(groups, columns[column], strict=True):
            by_values[values] = by_values.get(values, ZERO) + (amount or 0)
        for values, amount in by_values.items():
            group = BETWEEN.join(str(value or "").replace(BETWEEN, " ") for value in values)
            sums[group] = sums.get(group, ZERO) + amount

    @property
    def currency_code(self) -> str | None:
        """The currency, if it is one."""
        return next(iter(self.currencies)) if len(self.currencies) == 1 else None

    @property
    def sums(self) -> Sums:
        """The sums as text with every digit, by column and group."""
        return {name: {group: f"{amount:f}" for group, amount in sums.items()} for name, sums in self._sums.items()}


def total(sums: Mapping[str, str] | None) -> Decimal | None:
    """Return what groups add up to; None where that is not known."""
    if sums is None:
        return None
    with localcontext(EXACT):
        return sum(map(Decimal, sums.values()), ZERO)
