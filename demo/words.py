"""How the demo writes amounts, months and names."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"


def shown(value: object) -> str:
    """Write a float to the cent, a number with separators, a moment to the minute, and all else as it is."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        value = round(Decimal(value), 2)
    if isinstance(value, int | Decimal):
        return f"{value:,}".replace("-", MINUS)
    return NOTHING if value is None else str(value)


def signed(amount: float | Decimal | None) -> str:
    """Write an amount as ``shown`` does, with its sign."""
    return ("+" if amount and amount > 0 else "") + shown(amount)


def numeric(rows: Sequence[Sequence[object]], place: int) -> bool:
    """Tell whether a column has numbers, which stand on the right."""
    return any(isinstance(row[place], int | float | Decimal) for row in rows)


def words(name: str) -> str:
    """Write a name, such as cost_before, as words."""
    return name.replace("_", " ").capitalize()


def cell(column: str, value: object) -> object:
    """Write what is a month or a name, of such columns, for people."""
    if column == "month":
        return month_label(str(value))
    return words(str(value)) if column == "comparison" else value


def month_name(month: str) -> str:
    """Write a month, such as 202610, in full."""
    return f"{calendar.month_name[int(month[-2:])]} {month[:4]}"


def month_label(month: str) -> str:
    """Write a month, such as 202610 or 2026-10, in short."""
    return f"{calendar.month_abbr[int(month[-2:])]} {month[:4]}"


def month_labels(months: Sequence[str]) -> list[str]:
    """Write months in short and, on a second line, their years where those begin."""
    return [
        month_label(month).replace(" ", "\n") if place == 0 or month.endswith("01") else month_label(month)[:3]
        for place, month in enumerate(months)
    ]
