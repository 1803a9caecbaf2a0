"""How the demo writes amounts and months."""

from __future__ import annotations

import calendar
from decimal import Decimal

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"


def shown(value: object) -> str:
    """Write a value as it is, or a float to the cent."""
    if isinstance(value, float):
        value = round(Decimal(value), 2)
    if isinstance(value, int | Decimal):
        return f"{value:,}".replace("-", MINUS)
    return NOTHING if value is None else str(value)


def signed(amount: float | Decimal) -> str:
    """Write an amount as ``shown`` does, with its sign."""
    return ("+" if amount > 0 else "") + shown(amount)


def month_name(month: str) -> str:
    """Write a month, such as 202610, in full."""
    return f"{calendar.month_name[int(month[4:])]} {month[:4]}"


def month_label(month: str) -> str:
    """Write a month in short."""
    return f"{calendar.month_abbr[int(month[4:])]} {month[:4]}"


def month_labels(months: list[str]) -> list[str]:
    """Write months in short and, on a second line, their years where those begin."""
    return [
        month_label(month).replace(" ", "\n") if place == 0 or month.endswith("01") else month_label(month)[:3]
        for place, month in enumerate(months)
    ]
