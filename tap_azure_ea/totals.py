"""Exact sums of what is read: what the log of refreshes and the reconciliation are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

    A group without any amount is not there, nor is a column whose sum no hundred digits hold. ``currencies`` are those
    that were met.
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
            if known := [amount for amount in columns[column] if amount is not None]:
                sums[UNDIVIDED] = sum(known, sums.get(UNDIVIDED, ZERO))
            return
        groups = zip(*(columns[name] for name in self.divided_by), strict=True)
        by_values: dict[tuple[Any, ...], Decimal] = {}
        for values, amount in zip(groups, columns[column], strict=True):
            if amount is not None:
                by_values[values] = by_values.get(values, ZERO) + amount
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


def total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Return what amounts add up to; None where one of them is not known, or no hundred digits hold the sum."""
    known = [*amounts]
    if None in known:
        return None
    try:
        with localcontext(EXACT):
            return sum(filter(None, known), ZERO)
    except ArithmeticError:
        return None


def difference(amount: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Return what the one is more than the other, where ``total`` would return it."""
    return total((amount, negative(other)))


def negative(amount: Decimal | None) -> Decimal | None:
    """Return it with the other sign and all its digits, which a minus would round."""
    return None if amount is None else amount.copy_negate()
